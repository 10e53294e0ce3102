//! Every line of `tests/conformance/functions.txt`, an expression with functions, through both consoles. Functions
//! that the distribution's Packer has not are only to give an answer.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::{Workspace, setting};

/// Exit code and standard output.
fn asked(mut console: Command, workspace: &Workspace, line: &str) -> (Option<i32>, String) {
    console.args(["console", "t.pkr.hcl"]).current_dir(workspace.path()).env("CHECKPOINT_DISABLE", "1");
    let mut child = console.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What differs, and how many calls the peer could judge.
fn judge(lines: &[&str]) -> (Vec<String>, usize) {
    let workspace =
        Workspace::new("source \"null\" \"n\" { communicator = \"none\" }\nbuild { sources = [\"null.n\"] }\n");
    let (mut wrong, mut judged) = (Vec::new(), 0);
    for line in lines {
        let theirs = asked(Command::new(setting("FORGE_TEST_PACKER")), &workspace, line);
        let ours = asked(workspace.command(&[]), &workspace, line);
        if theirs.1.contains("no function named") {
            if ours.1.contains("there is no function") {
                wrong.push(format!("{line}\n  forge knows no such function"));
            }
            continue;
        }
        judged += 1;
        if ours.0 != theirs.0 || (ours.0 == Some(0) && ours.1 != theirs.1) {
            wrong.push(format!("{line}\n  packer {theirs:?}\n  forge  {ours:?}"));
        }
    }
    (wrong, judged)
}

#[test]
fn functions_give_what_the_peers_give() {
    let list = include_str!("../conformance/functions.txt");
    let lines: Vec<&str> = list.lines().collect();
    let (first, second) = lines.split_at(lines.len() / 2);
    let (mut wrong, judged) = std::thread::scope(|scope| {
        let other = scope.spawn(|| judge(first));
        let mut found = judge(second);
        let (wrong, judged) = other.join().unwrap();
        found.0.extend(wrong);
        found.1 += judged;
        found
    });
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(judged > 150, "{judged}");
}
