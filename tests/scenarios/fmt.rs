//! `forge fmt`: the bytes of the peer's formatter, its output and its exit codes.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::{Ran, Workspace, setting};

const MIXED: &str = include_str!("../fixtures/fmt/mixed.pkr.hcl");

#[test]
fn the_layout_is_the_peers() {
    let workspace = Workspace::new("");
    for (theirs, ours, text) in [
        ("p/a.pkr.hcl", "f/a.pkr.hcl", MIXED.to_owned()),
        ("p/b.pkrvars.hcl", "f/b.pkrvars.hcl", "a=1\nlonger   = [ 1,\n2]\n".to_owned()),
        ("p/c.pkr.hcl", "f/c.pkr.hcl", MIXED.replace('\n', "\r\n")),
        ("p/d.pkr.hcl", "f/d.pkr.hcl", String::new()),
    ] {
        workspace.file(theirs, &text);
        workspace.file(ours, &text);
        let packer = Command::new(setting("FORGE_TEST_PACKER"))
            .args(["fmt", theirs])
            .current_dir(workspace.path())
            .env("CHECKPOINT_DISABLE", "1")
            .output()
            .unwrap();
        let ran = workspace.run(&["fmt", ours]);
        assert_eq!(ran.code, packer.status.code(), "{ours}");
        assert_eq!(workspace.read(ours), workspace.read(theirs), "{ours}");
        assert_eq!(ran.stdout.replace("f/", "p/"), String::from_utf8(packer.stdout).unwrap());
        assert_eq!(workspace.run(&["fmt", ours]).stdout, "", "{ours}: what is canonical stays");
    }
    workspace.file("bang.pkr.hcl", "locals {\n  a = ! true\n}\n");
    workspace.run(&["fmt", "bang.pkr.hcl"]).succeeded();
    assert_eq!(workspace.read("bang.pkr.hcl"), "locals {\n  a = !true\n}\n");
}

#[test]
fn checking_and_showing_change_nothing() {
    let workspace = Workspace::new("locals {\na=1\n}\n");
    let ran = workspace.run(&["fmt", "-check", "-diff", "."]);
    assert_eq!(ran.code, Some(3), "{ran:#?}");
    let diff = "t.pkr.hcl\n--- old/t.pkr.hcl\n+++ new/t.pkr.hcl\n@@ -1,3 +1,3 @@\n locals {\n-a=1\n+  a = 1\n }\n";
    assert_eq!(ran.stdout, diff);
    assert_eq!(workspace.run(&["fmt", "-write=false", "t.pkr.hcl"]).code, Some(0));
    assert_eq!(workspace.read("t.pkr.hcl"), "locals {\na=1\n}\n");
    workspace.run(&["fmt", "."]).succeeded();
    assert_eq!(workspace.run(&["fmt", "-check", "."]).code, Some(0));
}

#[test]
fn folders_are_searched_as_deep_as_asked() {
    let workspace = Workspace::new("");
    for name in ["a.pkr.hcl", "sub/b.pkr.hcl", ".hidden/c.pkr.hcl", "d.pkr.hcl~", "e.pkr.json", "x.txt"] {
        workspace.file(name, "a=1\n");
    }
    assert_eq!(workspace.run(&["fmt", "."]).stdout, "a.pkr.hcl\n");
    assert_eq!(workspace.run(&["fmt", "-recursive", "."]).stdout, "sub/b.pkr.hcl\n");
    assert_eq!(workspace.read(".hidden/c.pkr.hcl"), "a=1\n");
}

fn piped(workspace: &Workspace, args: &[&str], text: &str) -> Ran {
    let mut child = workspace.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    Ran::new(child.wait_with_output().unwrap(), std::time::Duration::ZERO)
}

#[test]
fn standard_input_goes_to_standard_output() {
    let workspace = Workspace::new("");
    let ran = piped(&workspace, &["fmt", "-"], "a  =1\n");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "a = 1\n"));
    assert_eq!(piped(&workspace, &["fmt", "-check", "-"], "a  =1\n").code, Some(3));
}

#[test]
fn mistakes_are_errors_and_the_other_files_are_written() {
    let workspace = Workspace::new("");
    workspace.file("bad.pkr.hcl", "a = {\n");
    workspace.file("good.pkr.hcl", "a=1\n");
    workspace.file("note.txt", "a=1\n");
    let ran = workspace.run(&["fmt", "bad.pkr.hcl", "good.pkr.hcl", "note.txt", "nowhere.pkr.hcl"]);
    assert_eq!(ran.code, Some(1));
    ran.says("bad.pkr.hcl:1:").says("note.txt is no template file").says("nowhere.pkr.hcl cannot be read");
    assert_eq!(workspace.read("good.pkr.hcl"), "a = 1\n");
    assert_eq!(workspace.run(&["fmt"]).code, Some(1));
}
