//! A machine with a real SSH server: a container, and keys for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{docker, setting};

/// Ends when it is dropped.
pub(crate) struct Sshd {
    name: String,
    pub address: String,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "-f", "-v", &self.name]).output();
    }
}

/// A key pair made by `ssh-keygen`: the private half is at the path, the public one beside it.
pub(crate) fn key(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let mut command = Command::new("ssh-keygen");
    let made = command.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path).status().unwrap();
    assert!(made.success());
    path
}

impl Sshd {
    /// A server with `options` of sshd, whose user `ubuntu` has the password `correct horse` and lets `key` in.
    pub(crate) fn start(key: &Path, options: &[&str]) -> Self {
        let name = format!("forge-sshd-{:016x}", rand_number());
        let mut arguments = vec!["run", "-d", "--name", &name, "--label", "forge-lab=ssh"];
        let image = setting("FORGE_TEST_SSHD");
        arguments.push(&image);
        for option in options {
            arguments.extend(["-o", option]);
        }
        docker(&arguments);
        let address = docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", &name]);
        let machine = Self { name, address };
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        machine.root(&format!(
            "echo ubuntu:'correct horse' | chpasswd && install -d -m 700 -o ubuntu -g ubuntu /home/ubuntu/.ssh && \
             echo '{}' > /home/ubuntu/.ssh/authorized_keys && chown ubuntu /home/ubuntu/.ssh/authorized_keys",
            public.trim()
        ));
        machine
    }

    /// Runs a command as root, beside SSH, and yields what it prints.
    #[track_caller]
    pub(crate) fn root(&self, command: &str) -> String {
        docker(&["exec", "-u", "0", &self.name, "/bin/sh", "-c", command])
    }

    pub(crate) fn copy_in(&self, from: &Path, to: &str) {
        docker(&["cp", from.to_str().unwrap(), &format!("{}:{to}", self.name)]);
    }
}

fn rand_number() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}
