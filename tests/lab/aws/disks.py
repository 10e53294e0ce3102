"""Volumes of the instance that the tests run on: files behind loop devices, so that they can be mounted."""

import os
import subprocess
import tempfile


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, **more).stdout.decode().strip()


class Disks:
    def __init__(self, folder, image):
        self.folder = folder
        # A container image whose files are those of every public source image.
        self.image = image
        self.loops = {}

    def path(self, id):
        return f"{self.folder}/{id}.img"

    def _filled(self, path, megabytes):
        """A file system with the image's files."""
        root = tempfile.mkdtemp(dir=self.folder)
        made = run("docker", "create", self.image, "true")
        tar = subprocess.Popen(["docker", "export", made], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-xf", "-", "-C", root], stdin=tar.stdout, check=True)
        tar.wait()
        run("docker", "rm", made)
        # What a real image has for the host's own to replace.
        os.makedirs(f"{root}/etc", exist_ok=True)
        for name in ("proc", "sys", "dev", "tmp"):
            os.makedirs(f"{root}/{name}", exist_ok=True)
        with open(f"{root}/etc/resolv.conf", "w") as file:
            file.write("# of the image\n")
        run("mke2fs", "-q", "-t", "ext4", "-d", root, path, f"{megabytes}M", env=os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
        subprocess.run(["rm", "-rf", root])

    def attach(self, volume, snapshot, device):
        """The device as the kernel would show it, with its first partition."""
        path = self.path(volume)
        if not os.path.exists(path):
            if os.path.exists(self.path(snapshot)):
                run("cp", "--sparse=always", self.path(snapshot), path)
            elif snapshot:
                self._filled(path, 64)
            else:
                with open(path, "wb") as file:
                    file.truncate(64 << 20)
        loop = run("/sbin/losetup", "-f", "--show", path)
        names = [device, f"{device}1"]
        for name in names:
            os.symlink(loop, name)
        self.loops[volume] = (loop, names)

    def detach(self, volume):
        loop, names = self.loops.pop(volume, (None, []))
        for name in names:
            os.unlink(name)
        if loop:
            subprocess.run(["/sbin/losetup", "-d", loop], capture_output=True)

    def snapshot(self, volume, snapshot):
        if os.path.exists(self.path(volume)):
            run("cp", "--sparse=always", self.path(volume), self.path(snapshot))

    def look(self, snapshot, path):
        """What is in a file of a snapshot; nothing when there is no such file."""
        done = subprocess.run(["/sbin/debugfs", "-R", f"cat {path}", self.path(snapshot)], capture_output=True)
        return None if b"File not found" in done.stderr else done.stdout.decode()

    def end(self):
        for volume in list(self.loops):
            self.detach(volume)
