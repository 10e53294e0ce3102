//! With no network but the servers of a test: other scenarios once more, in a network of their own from which no way leads
//! out. The Docker Engine is reached by its socket, which is a file.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use crate::support::{busybox, output};

/// What is run there: reports, jobs of a matrix, plans, and the action with its launcher, a build and a cancellation.
const SCENARIOS: &[&str] = &[
    "no_network::within",
    "github_reports::",
    "github_fan_out::",
    "plan::",
    "action::outputs_summary_and_groups",
    "action::validate_and_variables",
    "action::cancelled_as_the_runner_does_it",
];

/// The engine makes the network, since a container's own user may not; this machine's files are the container's.
#[test]
fn everything_works_without() {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("docker");
    command.args(["run", "--rm", "--network", "none", "--volume", "/:/host"]);
    // Files that are made there are this user's.
    let user = ["-u", "-g"].map(|which| output("id", &[which], Path::new("/")).trim().to_owned()).join(":");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FORGE_TEST_") || name == "DOCKER_HOST") {
        command.args(["--env", &name]);
    }
    let folder = std::env::current_dir().unwrap();
    let path = std::env::var("PATH").unwrap();
    let home = std::env::var("HOME").unwrap();
    let within = ["/bin/chroot", "/host", "/usr/sbin/chroot", &format!("--userspec={user}"), "/"];
    command.args([&busybox()]).args(within);
    command.args(["/usr/bin/env", "-C", folder.to_str().unwrap(), &format!("PATH={path}"), &format!("HOME={home}")]);
    command.arg(program).args(SCENARIOS).args(["--include-ignored", "--test-threads=3"]);
    let output = command.output().unwrap();
    let log = [output.stdout, output.stderr].concat();
    let log = String::from_utf8_lossy(&log);
    assert!(output.status.success(), "{log}");
    for scenario in SCENARIOS {
        assert!(log.contains(&format!("test {scenario}")), "{scenario} was not run:\n{log}");
    }
}

#[test]
#[ignore = "everything_works_without runs it, where there is no network"]
fn within_is_only_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    // An address of documents (RFC 5737), behind any route that there may be.
    let error = TcpStream::connect("192.0.2.1:80").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{error}");
    assert_eq!(std::fs::read_to_string("/proc/self/net/route").unwrap().lines().count(), 1, "a route leads somewhere");
}
