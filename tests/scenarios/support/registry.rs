//! A registry of a test's own, with a password, on a free loopback port.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::wait;

pub(crate) const USER: &str = "builder";
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// A running `docker-registry`; ends with the test.
pub(crate) struct Registry {
    child: Child,
    pub address: String,
    _folder: TempDir,
}

impl Registry {
    pub(crate) fn with_password() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let users = Command::new("htpasswd").args(["-Bbn", USER, PASSWORD]).output().expect("htpasswd (apache2-utils)");
        let password_file = folder.path().join("htpasswd");
        fs::write(&password_file, users.stdout).unwrap();
        let config = folder.path().join("config.yml");
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\nhttp: {{addr: {address}}}\n\
                 auth:\n  htpasswd: {{realm: test, path: {}}}\n",
                folder.path().join("data").display(),
                password_file.display()
            ),
        )
        .unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry");
        wait("the registry", || TcpStream::connect(&address).is_ok());
        Self { child, address, _folder: folder }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
