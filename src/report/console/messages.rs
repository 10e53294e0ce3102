//! What an event says to people, in the peer's words; how it looks is for the caller.

use super::super::duration::words;
use super::super::view::{BuildView, RunView};
use crate::run::artifact::Artifact;
use crate::run::event::{Event, EventKind, Outcome};

/// A text of one or more lines, prefixed already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The build that speaks; nothing for the run itself.
    pub build: Option<usize>,
    pub error: bool,
    pub text: String,
}

impl Message {
    fn run(text: String) -> Self {
        Self { build: None, error: false, text }
    }

    fn error(text: String) -> Self {
        Self { build: None, error: true, text }
    }
}

/// What to print for an event; the run's end is [`summary`].
pub(super) fn messages(event: &Event, view: &RunView) -> Vec<Message> {
    let speak = |error: bool, text: &str| {
        let prefix = view.build(event).map(BuildView::prefix).unwrap_or_else(|| "==> ".to_owned());
        let text: Vec<String> = text.lines().map(|line| format!("{prefix}{line}").trim_end().to_owned()).collect();
        vec![Message { build: event.build, error, text: text.join("\n") }]
    };
    match &event.kind {
        EventKind::Say { text } | EventKind::Detail { text } | EventKind::Question { text } => speak(false, text),
        EventKind::Warning { text } => speak(false, &format!("Warning: {text}")),
        EventKind::Error { text } => speak(true, text),
        EventKind::Output { line, .. } if line.is_empty() => speak(false, "\n"),
        EventKind::Output { line, .. } => speak(false, line),
        EventKind::Leftover { resource, error } => speak(true, &format!("Could not release {resource}: {error}")),
        EventKind::CancelRequested { signal } => {
            vec![Message::error(format!("Cancelling build after receiving {signal}"))]
        }
        EventKind::KillRequested => {
            vec![Message::error("Not waiting any longer; `forge sweep` releases what is left".to_owned())]
        }
        EventKind::BuildFinished { outcome, took, artifacts } => {
            let name = view.build(event).map_or("", |build| build.title.name.as_str());
            let took = words(*took);
            vec![match outcome {
                Outcome::Succeeded => Message::run(format!("Build '{name}' finished after {took}.")),
                Outcome::Failed(error) => Message::error(format!("Build '{name}' errored after {took}: {error}")),
                Outcome::Unchanged => {
                    let images: Vec<&str> = artifacts.iter().map(|image| image.id.as_str()).collect();
                    Message::run(format!("Build '{name}' is unchanged: {}", images.join(", ")))
                }
                Outcome::Cancelled => Message::error(format!("Build '{name}' cancelled after {took}.")),
            }]
        }
        _ => Vec::new(),
    }
}

/// One piece of what ends a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending<'a> {
    Message(Message),
    Errors(usize),
    /// The error of a build.
    Failed(&'a BuildView, &'a str),
    /// How many artifacts a build has.
    Artifacts(&'a BuildView, usize),
    Artifact(&'a BuildView, usize, &'a Artifact),
    /// A build that succeeded and made nothing.
    Nothing(&'a BuildView),
}

impl PartialEq for BuildView {
    fn eq(&self, other: &Self) -> bool {
        self.title == other.title
    }
}

impl Eq for BuildView {}

/// The run's end: how long, what failed, what was made. Unlike the peer, a cancelled run still lists what it made.
pub(super) fn summary(view: &RunView) -> Vec<Ending<'_>> {
    let mut endings = Vec::new();
    let took = words(view.took.unwrap_or_default());
    endings.push(Ending::Message(Message::run(format!("\n==> Wait completed after {took}"))));
    if view.cancelled.is_some() {
        endings.push(Ending::Message(match view.leftovers.as_slice() {
            [] => Message::run("\nCleanly cancelled builds after being interrupted.".to_owned()),
            _ => Message::error("\nCancelled builds after being interrupted.".to_owned()),
        }));
    }
    if !view.leftovers.is_empty() {
        let left: String = view.leftovers.iter().map(|l| format!("\n--> {}", l.resource)).collect();
        let text = format!("\n==> Could not be released; run `forge sweep`:{left}");
        endings.push(Ending::Message(Message::error(text)));
    }
    let failed: Vec<_> = view.failed().collect();
    if !failed.is_empty() {
        endings.push(Ending::Errors(failed.len()));
        let text = "\n==> Some builds didn't complete successfully and had errors:";
        endings.push(Ending::Message(Message::error(text.to_owned())));
        for (build, error) in failed {
            endings.push(Ending::Failed(build, error));
            endings.push(Ending::Message(Message::error(format!("--> {}: {error}", build.title.name))));
        }
    }
    artifacts(view, &mut endings);
    endings
}

fn artifacts<'a>(view: &'a RunView, endings: &mut Vec<Ending<'a>>) {
    let succeeded = |build: &BuildView| matches!(build.outcome, Some(Outcome::Succeeded | Outcome::Unchanged));
    let listed: Vec<&BuildView> = view.builds.iter().filter(|b| succeeded(b) || !b.artifacts.is_empty()).collect();
    if listed.is_empty() {
        if view.cancelled.is_none() {
            let text = "\n==> Builds finished but no artifacts were created.";
            endings.push(Ending::Message(Message::run(text.to_owned())));
        }
        return;
    }
    let all = listed.iter().all(|build| succeeded(build));
    let whose = if all { "successful builds" } else { "the builds" };
    let text = format!("\n==> Builds finished. The artifacts of {whose} are:");
    endings.push(Ending::Message(Message::run(text)));
    for build in listed {
        endings.push(Ending::Artifacts(build, build.artifacts.len()));
        for (number, artifact) in build.artifacts.iter().enumerate() {
            endings.push(Ending::Artifact(build, number, artifact));
            let text = format!("--> {}: {}", build.title.name, artifact.description);
            endings.push(Ending::Message(Message::run(text)));
        }
        if build.artifacts.is_empty() {
            endings.push(Ending::Nothing(build));
            endings.push(Ending::Message(Message::run(format!("--> {}: <nothing>", build.title.name))));
        }
    }
}

/// The run's end as texts alone.
pub(super) fn endings(view: &RunView) -> Vec<Message> {
    let only_texts = |ending| match ending {
        Ending::Message(message) => Some(message),
        _ => None,
    };
    summary(view).into_iter().filter_map(only_texts).collect()
}
