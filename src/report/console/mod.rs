//! The console: the peer's line format on stdout, dressed for a terminal, a CI log or a program.

mod actions;
mod machine_readable;
mod messages;
mod plain;
mod terminal;

pub(crate) use machine_readable::machine_line;
use std::io::Write as _;

use super::Reporter;
use crate::workflow_command::neutral;

/// Who reads the console.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ConsoleOptions {
    pub machine_readable: bool,
    /// The time stands before each line of a build.
    pub timestamps: bool,
    /// Colours where they can be seen.
    pub colour: bool,
    /// Stdout is a terminal.
    pub terminal: bool,
    /// Stdout is the log of a GitHub Actions job.
    pub actions: bool,
    /// There, a failure is marked at the line of its block.
    pub marks_lines: bool,
}

/// The reporter for stdout.
pub(crate) fn console(options: &ConsoleOptions) -> Box<dyn Reporter + Send> {
    let page = Page { text: String::new(), target: Box::new(std::io::stdout()), obeyed: options.actions };
    match options {
        ConsoleOptions { machine_readable: true, .. } => Box::new(machine_readable::MachineReadable::new(page)),
        ConsoleOptions { actions: true, .. } => {
            Box::new(actions::Actions::new(page, options.timestamps, options.marks_lines))
        }
        ConsoleOptions { terminal: true, .. } => Box::new(terminal::Terminal::new(options.timestamps, options.colour)),
        _ => Box::new(plain::Plain::new(page, options.timestamps)),
    }
}

/// Text on its way to stdout. It is written when no event waits or much has come together: a guest that prints a
/// million lines must not cost a million system calls.
struct Page {
    text: String,
    target: Box<dyn std::io::Write + Send>,
    /// A runner reads it, and obeys workflow commands.
    obeyed: bool,
}

/// Bytes that come together before a write.
const FULL: usize = 64 << 10;

impl Page {
    /// Lines of text, in which nothing is a workflow command.
    fn line(&mut self, line: &str) {
        if self.obeyed { self.add(&neutral(line)) } else { self.add(line) }
    }

    /// A workflow command of our own.
    fn command(&mut self, command: &str) {
        self.add(command);
    }

    fn add(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        if self.text.len() >= FULL {
            self.flush();
        }
    }

    /// Whoever reads may be gone and the disk may be full: the build goes on.
    fn flush(&mut self) {
        if !self.text.is_empty() {
            let _ = self.target.write_all(self.text.as_bytes()).and_then(|()| self.target.flush());
            self.text.clear();
        }
    }
}

/// The time before the lines of builds, or nothing.
fn stamp(timestamps: bool, at: std::time::SystemTime) -> String {
    match timestamps {
        true => format!("{}: ", chrono::DateTime::<chrono::Local>::from(at).format("%Y-%m-%dT%H:%M:%S%:z")),
        false => String::new(),
    }
}
