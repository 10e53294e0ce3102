//! `-machine-readable`: `seconds,target,type,data...` on a line for each thing, in the peer's format.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Page;
use super::messages::{Ending, Message, messages, summary};
use crate::report::{Reporter, RunView};
use crate::run::event::{Event, EventKind};

pub(super) struct MachineReadable {
    page: Page,
}

impl MachineReadable {
    pub(super) fn new(page: Page) -> Self {
        Self { page }
    }

    fn line(&mut self, at: SystemTime, target: &str, kind: &str, data: &[&str]) {
        self.page.line(&line(at, target, kind, data));
    }

    fn message(&mut self, at: SystemTime, message: &Message) {
        self.line(at, "", "ui", &[if message.error { "error" } else { "say" }, &message.text]);
    }

    fn ending(&mut self, at: SystemTime, ending: &Ending<'_>) {
        match ending {
            Ending::Message(message) => self.message(at, message),
            Ending::Errors(count) => self.line(at, "", "error-count", &[&count.to_string()]),
            Ending::Failed(build, error) => self.line(at, &build.title.name, "error", &[error]),
            Ending::Artifacts(build, count) => {
                self.line(at, &build.title.name, "artifact-count", &[&count.max(&1).to_string()]);
            }
            Ending::Nothing(build) => {
                self.line(at, &build.title.name, "artifact", &["0", "nil"]);
                self.line(at, &build.title.name, "artifact", &["0", "end"]);
            }
            Ending::Artifact(build, number, artifact) => {
                let number = number.to_string();
                let mut field = |data: &[&str]| {
                    let data: Vec<&str> = std::iter::once(number.as_str()).chain(data.iter().copied()).collect();
                    self.line(at, &build.title.name, "artifact", &data);
                };
                field(&["builder-id", &artifact.builder_id]);
                field(&["id", &artifact.id]);
                field(&["string", &artifact.description]);
                field(&["files-count", &artifact.files.len().to_string()]);
                for (index, file) in artifact.files.iter().enumerate() {
                    field(&["file", &index.to_string(), &file.display().to_string()]);
                }
                field(&["end"]);
            }
        }
    }
}

impl Reporter for MachineReadable {
    fn event(&mut self, event: &Event, view: &RunView) {
        for message in messages(event, view) {
            self.message(event.at, &message);
        }
        if matches!(event.kind, EventKind::RunFinished { .. }) {
            summary(view).iter().for_each(|ending| self.ending(event.at, ending));
        }
    }

    fn flush(&mut self, _: &RunView) {
        self.page.flush();
    }
}

/// One line, without its end.
fn line(at: SystemTime, target: &str, kind: &str, data: &[&str]) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let data: String = data.iter().map(|field| format!(",{}", escaped(field))).collect();
    format!("{seconds},{},{kind}{data}", escaped(target))
}

/// A line that tells something now, for commands that run no build.
pub(crate) fn machine_line(target: &str, kind: &str, data: &[&str]) -> String {
    line(SystemTime::now(), target, kind, data)
}

fn escaped(field: &str) -> String {
    field.replace(',', "%!(PACKER_COMMA)").replace('\r', "\\r").replace('\n', "\\n")
}
