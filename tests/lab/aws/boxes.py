"""The containers behind the instances: one with a real sshd for each, at the instance's address."""

import io
import json
import sys
import tarfile
import threading

from . import engine

NETWORK = "forge-lab"


class Boxes:
    """Those of the lab that has `part` of the network; `image` is what they are made of, its entry point is sshd."""

    def __init__(self, part, image):
        self.part = part
        self.image = image
        # The last job of each instance.
        self.busy = {}
        # Who had an address last.
        self.at = {}
        # Images of the account that a container was committed for.
        self.made = []
        # Addresses of containers that run already, for instances to come.
        self.spare = []
        # Whether nobody waits for an image.
        self.hurries = False

    def name(self, instance):
        return f"forge-lab-{self.part}-{instance}"

    def prepare(self, count):
        """Starts containers for instances that are there as soon as they are asked for. An image of such an instance is
        not waited for either."""
        self.hurries = True
        for number in range(count):
            address = f"172.30.{self.part}.{100 + number}"
            self._make(self.name(address), address, self.image)
            engine.ask("POST", f"/containers/{self.name(address)}/start")
            self.spare.append(address)

    def _make(self, name, address, image):
        where = {"IPAMConfig": {"IPv4Address": address}}
        body = {
            "Image": image, "Labels": {"forge-lab": str(self.part)}, "HostConfig": {"NetworkMode": NETWORK},
            "NetworkingConfig": {"EndpointsConfig": {NETWORK: where}},
        }
        engine.ask("POST", "/containers/create", body, name=name)

    def _work(self, instance, job):
        # The jobs of one instance follow each other; nobody waits for them but the next.
        before = self.busy.get(instance)

        def work():
            if before:
                before.join()
            try:
                job()
            except (engine.Refused, OSError) as error:
                print(f"lab: {instance}: {error}", file=sys.stderr)

        thread = threading.Thread(target=work, daemon=True)
        self.busy[instance] = thread
        thread.start()

    def start(self, id, address, ami, key):
        """Begins to start the instance; `key` is a line of authorized_keys, or nothing."""
        name = self.name(id)
        made = f"forge-lab/ami:{ami}" if ami in self.made else self.image
        ready = address in self.spare
        # moto gives an address again at once.
        leaving = self.busy.get(self.at.get(address))
        self.at[address] = id

        def job():
            if leaving:
                leaving.join()
            if ready:
                self.spare.remove(address)
                engine.ask("POST", f"/containers/{self.name(address)}/rename", name=name)
            else:
                self._make(name, address, made)
            if key:
                self._let_in(name, "ubuntu", key)
            if not ready:
                engine.ask("POST", f"/containers/{name}/start")

        self._work(id, job)
        if ready:
            self.busy[id].join()

    def let_in(self, id, user, key):
        """Lets a key into an instance that runs or is about to."""
        self.busy[id].join()
        self._let_in(self.name(id), user, key)

    def _let_in(self, name, user, key):
        engine.ask("PUT", f"/containers/{name}/archive", authorized(key), path=f"/home/{user}", copyUIDGID="true")

    def stop(self, id):
        self._work(id, lambda: engine.ask("POST", f"/containers/{self.name(id)}/stop", t=1))

    def remove(self, id):
        self._work(id, lambda: self._remove(self.name(id)))

    def _remove(self, name):
        try:
            engine.ask("DELETE", f"/containers/{name}", force="true", v="true")
        except engine.Refused as error:
            # One that is gone is as good as removed.
            if error.status != 404:
                raise

    def commit(self, id, ami):
        """Keeps what the instance has as forge-lab/ami:AMI."""
        self.made.append(ami)
        self._work(id, lambda: engine.ask("POST", "/commit", container=self.name(id), repo="forge-lab/ami", tag=ami))
        if not self.hurries:
            self.busy[id].join()

    def end(self):
        for thread in list(self.busy.values()):
            thread.join()
        mine = json.dumps({"label": [f"forge-lab={self.part}"]})
        for found in engine.ask("GET", "/containers/json", all="true", filters=mine):
            self._remove(found["Id"])
        self.busy.clear()
        self.at.clear()
        self.spare.clear()
        self.hurries = False

    def forget(self):
        """Removes the images."""
        for ami in self.made:
            try:
                engine.ask("DELETE", f"/images/forge-lab/ami:{ami}", force="true")
            except engine.Refused as error:
                print(f"lab: {ami}: {error}", file=sys.stderr)


def authorized(line):
    """A tar with a user's .ssh."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo(".ssh")
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o700, 1000, 1000
        tar.addfile(entry)
        entry = tarfile.TarInfo(".ssh/authorized_keys")
        entry.mode, entry.uid, entry.gid, entry.size = 0o600, 1000, 1000, len(line)
        tar.addfile(entry, io.BytesIO(line.encode()))
    return out.getvalue()
