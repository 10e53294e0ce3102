//! Signals and kills: whatever happens, nothing of ours is left, at the latest once `forge sweep` has run.

use crate::support::{Workspace, containers_of, wait};

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
