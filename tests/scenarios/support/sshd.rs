//! A machine with a real SSH server: a container, and keys for it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Workspace, docker, setting};

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
    key_of_type(folder, name, "ed25519")
}

pub(crate) fn key_of_type(folder: &Path, name: &str, kind: &str) -> PathBuf {
    let path = folder.join(name);
    let mut command = Command::new("ssh-keygen");
    let made = command.args(["-q", "-t", kind, "-N", "", "-C", name, "-f"]).arg(&path).status().unwrap();
    assert!(made.success());
    path
}

/// A certificate by `authority` that lets `key` in as `ubuntu`.
pub(crate) fn certificate(authority: &Path, key: &Path) -> PathBuf {
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-s"]).arg(authority).args(["-I", "me", "-n", "ubuntu"]).arg(key.with_extension("pub"));
    assert!(sign.status().unwrap().success());
    let name = key.file_name().unwrap().to_str().unwrap();
    key.with_file_name(format!("{name}-cert.pub"))
}

/// An agent that runs until it is dropped.
pub(crate) struct Agent {
    process: Child,
    pub socket: PathBuf,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Agent {
    /// Holds the key, and its certificate when one lies beside it.
    pub(crate) fn with(key: &Path) -> Self {
        let socket = key.with_file_name(format!("agent-{:08x}", rand_number() as u32));
        let process = Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        let agent = Self { process, socket };
        super::wait("the agent", || agent.socket.exists());
        let added = Command::new("ssh-add").arg(key).env("SSH_AUTH_SOCK", &agent.socket).output().unwrap();
        assert!(added.status.success(), "{added:?}");
        agent
    }
}

/// A template of the null builder with `options`, and `steps` in its build block.
pub(crate) fn template(options: &str, steps: &str) -> Workspace {
    Workspace::new(&format!(
        "source \"null\" \"m\" {{\n{options}\n}}\nbuild {{\nsources = [\"source.null.m\"]\n{steps}\n}}"
    ))
}

pub(crate) fn shell(commands: &[&str]) -> String {
    format!("provisioner \"shell\" {{ inline = {commands:?} }}\n")
}

/// A path as a template writes it.
pub(crate) fn text(path: &Path) -> String {
    format!("{:?}", path.to_str().unwrap())
}

/// A machine, and a workspace that logs in to it by key, with more `options`.
pub(crate) fn machine(server: &[&str], options: &str, steps: &str) -> (Sshd, Workspace) {
    with_login(options, steps, |own| Sshd::start(own, server))
}

/// The same at a port of this machine, which leads to the server again after a restart.
pub(crate) fn machine_at(port: u16, steps: &str) -> (Sshd, Workspace) {
    with_login(&format!("ssh_port = {port}"), steps, |own| Sshd::start_at(own, &[], port))
}

fn with_login(options: &str, steps: &str, start: impl FnOnce(&Path) -> Sshd) -> (Sshd, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let sshd = start(&own);
    let login =
        format!("ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_private_key_file = \"id\"\n{options}", sshd.address);
    let workspace = template(&login, steps);
    for name in ["id", "id.pub"] {
        workspace.file(name, std::fs::read(folder.path().join(name)).unwrap());
    }
    (sshd, workspace)
}

pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Sshd {
    /// A server with `options` of sshd, whose user `ubuntu` has the password `correct horse` and lets `key` in.
    pub(crate) fn start(key: &Path, options: &[&str]) -> Self {
        let mut machine = Self::run(key, options, &[]);
        machine.address = docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", &machine.name]);
        machine
    }

    /// The same at a port of this machine.
    pub(crate) fn start_at(key: &Path, options: &[&str], port: u16) -> Self {
        let mut machine = Self::run(key, options, &["-p", &format!("127.0.0.1:{port}:22")]);
        "127.0.0.1".clone_into(&mut machine.address);
        machine
    }

    fn run(key: &Path, options: &[&str], more: &[&str]) -> Self {
        let name = format!("forge-sshd-{:016x}", rand_number());
        let image = setting("FORGE_TEST_SSHD");
        let mut arguments = vec!["run", "-d", "--name", &name, "--label", "forge-lab=ssh"];
        arguments.extend(more);
        arguments.push(&image);
        for option in options {
            arguments.extend(["-o", option]);
        }
        docker(&arguments);
        let machine = Self { name, address: String::new() };
        machine
            .root("echo ubuntu:'correct horse' | chpasswd && install -d -m 700 -o ubuntu -g ubuntu /home/ubuntu/.ssh");
        machine.let_in(key);
        machine
    }

    /// Lets one more key in.
    pub(crate) fn let_in(&self, key: &Path) {
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        let keys = "/home/ubuntu/.ssh/authorized_keys";
        self.root(&format!("echo '{}' >>{keys} && chown ubuntu {keys}", public.trim()));
    }

    /// Whether the machine is up.
    pub(crate) fn is_up(&self) -> bool {
        docker(&["inspect", "-f", "{{.State.Running}}", &self.name]) == "true"
    }

    /// Switches a machine on that went down.
    pub(crate) fn boot(&self) {
        docker(&["start", &self.name]);
    }

    /// What the server wrote to its log.
    #[track_caller]
    pub(crate) fn log(&self) -> String {
        let logs = Command::new("docker").args(["logs", &self.name]).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&logs.stdout), String::from_utf8_lossy(&logs.stderr))
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
