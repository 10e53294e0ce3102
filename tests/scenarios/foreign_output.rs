//! What is not ours to say never commands the runner: output of guests, names in templates, what an earlier run left, in
//! the log of a job and in its diagnostic log, which the runner reads as well.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::json;

use crate::action::{entry, runner, saved_state};
use crate::support::commands::{Obeyed, obeyed};
use crate::support::{Ran, Workspace};

/// Every form that the runner obeys or might, each with the word by which it is known again. `printf` writes it.
const FORMS: &str = r"::add-mask::evil\n ::error::evil\n\t::WARNING file=evil,line=1::evil\nabc ##[stop-commands]evil\n\
##[ERROR]evil\n##[error line=1;file=evil]evil\na\r::error::evil\rb\r::Group::evil\n\377::notice::evil\n\
::stop-commands::evil\n\302\205::error::evil\n\342\200\250::error::evil\n:::error::evil\n###[group]evil\n\
::set-output name=evil::evil\n::add-matcher::evil.json\n\000::error::evil\n";

/// A script that prints all forms on both streams, and lines longer than what is read at once.
fn script() -> String {
    let forms = FORMS.replace("\\\n", "");
    format!(
        "printf '{forms}'\nprintf '{forms}' >&2\n\
         head -c 1048576 /dev/zero | tr '\\000' x; echo ' ##[error]evil'\n\
         i=0; while [ $i -lt 15 ]; do i=$((i + 1)); line=\"$line::error::evil##[error]evil\"; line=\"$line$line\"; done; echo \"$line\"; printf '%s\\r%s' \"$line\" \"$line\"\n"
    )
}

/// A step with a hostile name, and its script, of the shell and of this machine.
const DOCKER: &str = r###"
source "docker" "web" {
  image   = "BUSYBOX"
  pull    = false
  discard = true
}
build {
  sources = ["docker.web"]
  provisioner "shell" {
    name   = "shell ##[error]evil"
    script = "evil.sh"
  }
  provisioner "shell-local" {
    name   = "local ##[error]evil"
    script = "evil.sh"
  }
}
"###;

/// Nothing foreign was obeyed, though it was shown. Our own commands may quote it behind words of ours.
#[track_caller]
fn harmless(log: &[u8]) {
    let foreign: Vec<Obeyed> = obeyed(log)
        .into_iter()
        .filter(|found| found.text.starts_with("evil") || found.properties.contains("evil"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
    let log = String::from_utf8_lossy(log);
    assert!(log.contains("evil"), "{log}");
}

/// Both streams: the runner reads both.
fn log(ran: &Ran) -> Vec<u8> {
    [ran.stdout.as_bytes(), ran.stderr.as_bytes()].concat()
}

fn hostile() -> Workspace {
    let workspace = runner(DOCKER);
    let script = workspace.file("evil.sh", script());
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    workspace.env("RUNNER_DEBUG", "1")
}

#[test]
fn the_test_reads_a_log_as_the_runner_does() {
    let forms = [
        "::error::x",
        "\t ::Warning file=a::x",
        "a ##[ERROR]x",
        "###[group]x",
        "a\r::notice::x",
        "\u{85}::debug::",
        "\u{a0}::add-mask::x",
    ];
    for form in forms {
        assert_eq!(obeyed(form.as_bytes()).len(), 1, "{form:?}");
    }
    for text in ["std::error::Error", "::unknown::x", "## [error]x", "##[error", ": :error::x", "##[section]x"] {
        assert_eq!(obeyed(text.as_bytes()), [], "{text:?}");
    }
}

#[test]
fn what_guests_and_scripts_print_is_no_command() {
    let ran = hostile().run(&["action"]);
    ran.succeeded();
    harmless(&log(&ran));
    // The names are in the diagnostic log, and our own commands are obeyed.
    assert!(ran.stderr.contains("step started") && ran.stderr.contains("## [error]evil"), "{}", ran.stderr);
    let groups = obeyed(ran.stdout.as_bytes()).into_iter().filter(|found| found.name == "group").count();
    assert!(groups > 1, "{}", ran.stdout);
}

#[test]
fn neither_is_it_in_the_log_that_the_launcher_shows() {
    let workspace = hostile();
    let shown = |script: &str, state: &[(String, String)]| {
        let output = entry(&workspace, script, state).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        [output.stdout, output.stderr].concat()
    };
    let log = [shown("main.js", &[]), shown("post.js", &saved_state(&workspace))].concat();
    harmless(&log);
    assert!(String::from_utf8_lossy(&log).contains("step started"));
}

#[test]
fn names_and_mistakes_of_a_template_are_no_command() {
    let text = "source \"null\" \"n\" { communicator = \"none\" }\nbuild {\n sources = [\"null.n\"]\n provisioner \"shell-local\" {\n  name = \"##[error]evil\"\n  inline = [\"exit 1\"]\n }\n}\n";
    let ran = runner(text).env("RUNNER_DEBUG", "1").env("INPUT_COMMAND", "plan").run(&["action"]);
    ran.succeeded();
    let ran = runner(text).env("RUNNER_DEBUG", "1").run(&["action"]);
    assert_eq!(ran.code, Some(1));
    harmless(&log(&ran));
    // A component that nobody knows, in the list of what is not supported, and a mistake whose text is quoted.
    let text =
        "source \"azure ##[error]evil\" \"n\" {\n}\nbuild {\n  sources = [\"source.azure ##[error]evil.n\"]\n}\n";
    for command in ["build", "validate", "plan"] {
        let ran = runner(text).env("INPUT_COMMAND", command).run(&["action"]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        harmless(&log(&ran));
    }
    let workspace = runner(text);
    for args in
        [&["validate", "."][..], &["plan", "-json", "."], &["inspect", "."], &["build", "-machine-readable", "."]]
    {
        let ran = workspace.run(args);
        harmless(&log(&ran));
    }
}

#[test]
fn programs_read_the_same_data() {
    let text = "variable \"x\" {\n  default = \"##[error]evil\"\n}\nsource \"null\" \"n\" { communicator = \"none\" }\nbuild {\n sources = [\"null.n\"]\n provisioner \"shell-local\" {\n  name = \"a ##[error]evil\"\n  inline = [\"true\"]\n }\n}\n";
    let (plain, on_actions) = (Workspace::new(text), Workspace::new(text).env("GITHUB_ACTIONS", "true"));
    let (here, there) = (plain.run(&["plan", "-json", "."]), on_actions.run(&["plan", "-json", "."]));
    assert!(here.succeeded().stdout.contains("##[error]evil"), "{}", here.stdout);
    harmless(&log(there.succeeded()));
    let data = |ran: &Ran| serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap();
    assert_eq!(data(&here), data(&there));
    let ran = on_actions.run(&["build", "-machine-readable", "-var", "y ##[error]evil=1", "."]);
    harmless(&log(&ran));
    // A formatter that others read from gives back what it was given.
    let mut formats = on_actions.command(&["fmt", "-"]);
    let mut child = formats.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"# ##[error]\nx=1\n").unwrap();
    let formatted = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&formatted.stdout), "# ##[error]\nx = 1\n");
}

#[test]
fn what_an_earlier_run_left_is_no_command() {
    let workspace = runner("").env("RUNNER_DEBUG", "1");
    let path = workspace.path().join("gone").join("##[error]evil\n::error::evil\r ::warning::evil");
    let lines = [
        json!({ "op": "begin", "run": "r ##[error]evil" }),
        json!({ "op": "intend", "entry": 0, "resource": { "kind": "file", "path": path } }),
    ];
    let journal = lines.map(|line| line.to_string() + "\n").concat();
    workspace.file(".state/r.journal", &journal);
    let ran = workspace.run(&["sweep"]);
    ran.succeeded();
    harmless(&log(&ran));
    let ran = workspace.run(&[
        "sweep",
        "--older-than",
        "::error::evil",
        "--previews",
        "--repository",
        "o/##[error]evil",
        "--registry",
        "##[error]evil",
    ]);
    harmless(&log(&ran));
    let ran = workspace.run(&["x\n::error::evil ##[error]evil"]);
    harmless(&log(&ran));
}
