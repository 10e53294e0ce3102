//! For tests: a build's context without a run around it, and the texts of the events that came of it.

use std::path::Path;
use std::sync::Arc;

use super::cancel::Cancel;
use super::cleanup::CleanupStack;
use super::event::{EventKind, EventReceiver, channel};
use super::journal::Journal;
use super::{BuildContext, RunInfo};
use crate::secret::Redactor;

/// A context of build `docker.web` that works in `folder` and journals there.
pub(crate) fn context(folder: &Path) -> (BuildContext, EventReceiver) {
    let (events, receiver) = channel(Redactor::new());
    let run = RunInfo {
        id: "7f8ca4ae-0000-4000-8000-1d3a5c7f0001".to_owned(),
        force: false,
        cleans_up: true,
        cwd: folder.to_owned(),
        preview: None,
    };
    let cx = BuildContext {
        run: Arc::new(run),
        source_name: "web".to_owned(),
        builder_type: "docker".to_owned(),
        events,
        cancel: Cancel::default(),
        cleanup: CleanupStack::new(Journal::new(folder, "test")),
        digest: None,
    };
    (cx, receiver)
}

/// What was said and printed in the context, which ends with this.
pub(crate) async fn texts(cx: BuildContext, mut receiver: EventReceiver) -> Vec<String> {
    drop(cx);
    let mut texts = Vec::new();
    while let Some(event) = receiver.next().await {
        match event.kind {
            EventKind::Say { text } | EventKind::Detail { text } | EventKind::Warning { text } => texts.push(text),
            EventKind::Output { line, .. } => texts.push(line),
            _ => {}
        }
    }
    texts
}
