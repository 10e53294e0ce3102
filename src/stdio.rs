//! What this process prints, for people and for programs. Where GitHub's runner reads it, nothing is taken for a workflow
//! command but what is printed as one.

use std::io::Write as _;

use crate::workflow_command::{neutral, neutral_json, obeyed};

/// Text to stdout, where the peer prints everything.
pub(crate) fn print(text: &str) {
    if obeyed() { write(&neutral(text)) } else { write(text) }
}

/// Text to stderr, where it is not in the way of what a program reads from stdout.
pub(crate) fn print_aside(text: &str) {
    if obeyed() { write_aside(&neutral(text)) } else { write_aside(text) }
}

/// JSON to stdout.
pub(crate) fn print_json(json: &str) {
    if obeyed() { write(&neutral_json(json)) } else { write(json) }
}

/// A file's new text to stdout, for another program to write: it stays as it is.
pub(crate) fn print_file(text: &str) {
    write(text);
}

/// Workflow commands of our own, which the runner is to obey. What they say is escaped (`workflow_command::command`).
pub(crate) fn print_commands(commands: &str) {
    write(commands);
}

/// The same where stdout is for a program; the runner reads both.
pub(crate) fn print_commands_aside(commands: &str) {
    write_aside(commands);
}

/// A closed pipe is no reason to fail.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn write_aside(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
