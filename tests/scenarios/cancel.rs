//! Signals and kills: whatever happens, nothing of ours is left, at the latest once `forge sweep` has run.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Image, Workspace, containers_of, wait};

fn workspace(provisioner: &str) -> Workspace {
    Workspace::new(&format!(
        "source \"docker\" \"d\" {{\n  image = \"BUSYBOX\"\n  pull = false\n  commit = true\n}}\nbuild {{\n  sources = [\"docker.d\"]\n{provisioner}\n}}\n"
    ))
}

/// Label value of the run whose container is up, found by its name in the journal folder.
fn run_of(workspace: &Workspace) -> String {
    let journal = std::fs::read_dir(workspace.state()).unwrap().next().unwrap().unwrap().path();
    journal.file_stem().unwrap().to_string_lossy().into_owned()
}

const SLEEP: &str = "provisioner \"shell\" { inline = [\"echo started\", \"sleep 60\", \"echo finished\"] }";

#[test]
fn an_interrupt_in_a_provisioner_cleans_up() {
    for signal in ["INT", "TERM"] {
        let workspace = workspace(SLEEP);
        let mut running = workspace.start(&[]);
        running.wait_for("==> docker.d: started");
        let run = run_of(&workspace);
        assert!(!containers_of(&run).is_empty());
        running.signal(signal);
        let (code, log) = running.end();
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("Cleanly cancelled builds after being interrupted."), "{log}");
        assert!(!log.contains("==> docker.d: finished"), "{log}");
        assert_eq!(containers_of(&run), "");
        assert_eq!(workspace.journals(), 0);
    }
}

#[test]
fn a_killed_run_is_swept_and_a_living_one_is_left_alone() {
    let workspace = workspace(SLEEP);
    let mut running = workspace.start(&[]);
    running.wait_for("==> docker.d: started");
    let run = run_of(&workspace);
    workspace.run(&["sweep"]).succeeded().says("still going");
    assert!(!containers_of(&run).is_empty(), "a sweep must not touch a living run");
    running.signal("KILL");
    running.end();
    assert!(!containers_of(&run).is_empty(), "a kill leaves the container");
    workspace.run(&["sweep"]).succeeded().says("removed   docker container");
    assert_eq!(containers_of(&run), "");
    assert_eq!(workspace.journals(), 0);
    workspace.run(&["sweep"]).succeeded().says("Nothing to sweep");
}

#[test]
fn abort_leaves_the_machine_for_a_sweep() {
    let workspace = workspace("provisioner \"shell\" { inline = [\"exit 1\"] }");
    let ran = workspace.fail(&["-on-error=abort"]);
    ran.says("forge sweep");
    let run = run_of(&workspace);
    assert!(!containers_of(&run).is_empty());
    workspace.run(&["sweep"]).succeeded();
    assert_eq!(containers_of(&run), "");
}

#[test]
fn a_local_command_is_ended_with_everything_it_started() {
    let workspace = Workspace::new(
        "source \"null\" \"n\" { communicator = \"none\" }\nbuild {\n sources = [\"null.n\"]\n provisioner \"shell-local\" { inline = [\"echo started; sleep 61 & echo $! > child; wait\"] }\n}",
    );
    let mut running = workspace.start(&[]);
    running.wait_for("started");
    wait("the child", || workspace.path().join("child").exists() && !workspace.read("child").is_empty());
    running.signal("INT");
    let (code, log) = running.end();
    assert_eq!(code, Some(1), "{log}");
    let child = workspace.read("child").trim().to_owned();
    wait("the child's end", || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    });
}

#[test]
fn two_builds_are_both_cleaned_up() {
    let workspace = Workspace::new(
        r#"
source "docker" "a" {
  image   = "BUSYBOX"
  discard = true
}
source "docker" "b" {
  image   = "BUSYBOX"
  discard = true
}
build {
  sources = ["docker.a", "docker.b"]
  provisioner "shell" { inline = ["echo started", "sleep 60"] }
}
"#,
    );
    let mut running = workspace.start(&[]);
    running.wait_for("==> docker.a: started");
    running.wait_for("==> docker.b: started");
    let run = run_of(&workspace);
    running.signal("INT");
    running.end();
    assert_eq!(containers_of(&run), "");
    assert_eq!(workspace.journals(), 0);
}

/// A registry that takes connections and never says a word.
fn silent_registry() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Interrupts a build at what it says; it ends soon and leaves no container. Yields its output.
fn interrupted_at(workspace: &Workspace, said: &str) -> String {
    let mut running = workspace.start(&[]);
    running.wait_for(said);
    let run = run_of(workspace);
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    running.signal("INT");
    let (code, log) = running.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("Cleanly cancelled") && begun.elapsed() < Duration::from_secs(10), "{log}");
    assert_eq!(containers_of(&run), "");
    assert_eq!(workspace.journals(), 0);
    log
}

#[test]
fn an_interrupt_during_a_pull_ends_it() {
    let (_silent, address) = silent_registry();
    let workspace = Workspace::new(&format!(
        "source \"docker\" \"d\" {{\n image = \"{address}/never/there:1\"\n discard = true\n}}\nbuild {{ sources = [\"docker.d\"] }}"
    ));
    interrupted_at(&workspace, "Pulling Docker image");
}

#[test]
fn an_interrupt_during_a_push_ends_it_and_keeps_the_image() {
    let (_silent, address) = silent_registry();
    let workspace = workspace(&format!(
        "provisioner \"shell\" {{ inline = [\"date +%N%s > /unique\"] }}\npost-processors {{\n post-processor \"docker-tag\" {{\n repository = \"{address}/x\"\n tags = [\"1\"]\n }}\n post-processor \"docker-push\" {{}}\n}}"
    ));
    let log = interrupted_at(&workspace, "Pushing: ");
    let id = log.split("Image ID: ").nth(1).unwrap().split_whitespace().next().unwrap();
    let image = Image(id.to_owned());
    assert!(image.exists(), "{log}");
}

/// The engine behind an address of our own, whose answers can be held back.
pub(crate) struct Gate {
    pub address: String,
    pub closed: Arc<AtomicBool>,
}

impl Gate {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let closed = Arc::new(AtomicBool::new(false));
        let gate = Self { address, closed: Arc::clone(&closed) };
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let engine = UnixStream::connect("/var/run/docker.sock").unwrap();
                let (client_too, engine_too) = (client.try_clone().unwrap(), engine.try_clone().unwrap());
                let (there, back) = (Arc::clone(&closed), Arc::clone(&closed));
                std::thread::spawn(move || {
                    pass(client, &engine, &there);
                    engine.shutdown(Shutdown::Write)
                });
                std::thread::spawn(move || {
                    pass(engine_too, &client_too, &back);
                    client_too.shutdown(Shutdown::Write)
                });
            }
        });
        gate
    }
}

fn pass(mut from: impl Read, mut to: impl Write, closed: &AtomicBool) {
    let mut buffer = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        while closed.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
}

#[test]
fn a_second_signal_ends_all_waiting_and_a_sweep_does_the_rest() {
    let gate = Gate::open();
    let workspace = workspace(SLEEP).env("DOCKER_HOST", gate.address.as_str());
    let mut running = workspace.start(&[]);
    running.wait_for("==> docker.d: started");
    let run = run_of(&workspace);
    gate.closed.store(true, Ordering::Relaxed);
    running.signal("INT");
    running.wait_for("Cancelling build");
    std::thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    running.signal("INT");
    let (code, log) = running.end();
    assert_eq!(code, Some(6), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{log}");
    assert!(!containers_of(&run).is_empty(), "the engine did not hear of anything");
    gate.closed.store(false, Ordering::Relaxed);
    workspace.run(&["sweep"]).succeeded().says("docker container");
    assert_eq!(containers_of(&run), "");
    assert_eq!(workspace.journals(), 0);
}

/// As `timeout` does it, which signals the program and then its own group, the program among them.
#[test]
fn signals_that_come_together_are_one() {
    for (first, second) in [("TERM", "TERM"), ("TERM", "INT"), ("HUP", "TERM")] {
        let gate = Gate::open();
        let workspace = workspace(SLEEP).env("DOCKER_HOST", gate.address.as_str());
        let mut running = workspace.start(&[]);
        running.wait_for("==> docker.d: started");
        let run = run_of(&workspace);
        gate.closed.store(true, Ordering::Relaxed);
        running.signal(first);
        std::thread::sleep(Duration::from_millis(50));
        running.signal(second);
        std::thread::sleep(Duration::from_secs(1));
        assert!(!running.ended(), "{}", running.log());
        gate.closed.store(false, Ordering::Relaxed);
        let (code, log) = running.end();
        assert_eq!(code, Some(1), "{log}");
        assert!(log.contains("Cleanly cancelled") && !log.contains("Not waiting any longer"), "{log}");
        assert_eq!(containers_of(&run), "");
        assert_eq!(workspace.journals(), 0);
    }
}
