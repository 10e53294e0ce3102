//! `forge console` and `forge inspect`: the peer's results and layout.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::{Ran, Workspace, setting};

const TEMPLATE: &str = r#"
variable "name" {
  default     = "x"
  description = "the name"
}
variable "needed" { type = string }
variable "password" {
  default   = "correct-horse"
  sensitive = true
}
variable "list" { default = ["a", 1] }
variable "object" { default = { a = 1, b = ["x"], c = {}, d = null } }
locals {
  long  = "${var.name}-l"
  deep  = { x = [1], password = var.password }
}
source "null" "n" { communicator = "none" }
source "file" "f" {
  content = "x"
  target  = "y"
}
build {
  name        = "b"
  description = "does things"
  sources     = ["null.n", "source.file.f"]
  provisioner "shell-local" { inline = ["echo hi"] }
  provisioner "shell-local" {
    name   = "named"
    inline = ["echo hi"]
  }
  post-processor "manifest" {}
  post-processors {
    post-processor "shell-local" { inline = ["a"] }
    post-processor "manifest" { name = "mine" }
  }
}
build {
  sources = ["null.n"]
}
"#;

fn piped(workspace: &Workspace, mut command: Command, text: &str) -> Ran {
    command.current_dir(workspace.path()).env("CHECKPOINT_DISABLE", "1");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    Ran::new(child.wait_with_output().unwrap(), std::time::Duration::ZERO)
}

/// What both tools print for the same words; the peer's comes second.
fn both(workspace: &Workspace, args: &[&str], text: &str) -> (Ran, Ran) {
    let mut packer = Command::new(setting("FORGE_TEST_PACKER"));
    packer.args(args);
    (piped(workspace, workspace.command(args), text), piped(workspace, packer, text))
}

#[test]
fn inspect_shows_what_the_peer_shows() {
    let workspace = Workspace::new(TEMPLATE);
    for args in [&["inspect", "t.pkr.hcl"][..], &["inspect", "-var", "needed=1", "."]] {
        let (ours, theirs) = both(&workspace, args, "");
        assert_eq!((ours.code, ours.stdout.as_str()), (theirs.code, theirs.stdout.as_str()), "{args:?}");
    }
    let ran = workspace.run(&["-machine-readable", "inspect", "."]);
    ran.succeeded().says(",,ui,say,> builds:\\n\\n  > b:\\n").says_not("correct-horse");
    let broken = Workspace::new("locals { a = nope }\n");
    assert_eq!(broken.run(&["inspect", "."]).code, Some(1));
}

#[test]
fn console_shows_the_last_result_as_the_peer_does() {
    let workspace = Workspace::new(TEMPLATE);
    let args = ["console", "-var", "needed=1", "t.pkr.hcl"];
    for text in [
        "var.object\n",
        "1\nupper(local.long)\n",
        "[1, \"a\\nb\", null, {}, [], { \"k k\" = [true] }]\n",
        "var.password\n",
        "local.deep\n",
        "variables\n",
        "\"a\\nb\"\n",
        "null\n",
        "",
    ] {
        let (ours, theirs) = both(&workspace, &args, text);
        assert_eq!((ours.code, ours.stdout.trim_end()), (theirs.code, theirs.stdout.trim_end()), "{text}");
    }
    for text in ["var.nope\n1\n", "1 +\n", "nope()\n"] {
        let (ours, theirs) = both(&workspace, &args, text);
        assert_eq!(ours.code, theirs.code, "{text}");
        ours.says("error: ").says("<console>:1:");
    }
}

#[test]
fn comments_may_stand_behind_and_inside_of_expressions() {
    let workspace = Workspace::new("");
    for line in ["1 + 2 # three", "1 + /* one and */ 2", "1 + 2 // three"] {
        let ran = piped(&workspace, workspace.command(&["console"]), &format!("{line}\n"));
        ran.succeeded();
        assert_eq!(ran.stdout, "3\n", "{line}");
    }
    let ran = piped(&workspace, workspace.command(&["console"]), "\"# no comment\"\n");
    assert_eq!(ran.stdout, "# no comment\n");
}

#[test]
fn console_needs_no_template() {
    let workspace = Workspace::new("");
    let ran = piped(&workspace, workspace.command(&["console"]), "formatdate(\"YYYY\", timestamp())");
    let year = ran.stdout.trim().to_owned();
    assert!(ran.code == Some(0) && year.len() == 4 && year.parse::<u32>().unwrap() > 2024, "{ran:#?}");
    let ran = piped(&workspace, workspace.command(&["console"]), "help\n");
    ran.succeeded().says("exit");
    let ran = piped(&workspace, workspace.command(&["console"]), "1\nexit\n2\n");
    assert_eq!(ran.stdout.trim(), "1");
}
