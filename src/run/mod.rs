//! What every component is given while it runs, and the run's own machinery: events, cancelling, cleaning up.
//!
//! Knows nothing of templates: this row could run components made by hand.

pub(crate) mod artifact;
pub(crate) mod aws;
pub(crate) mod cancel;
pub(crate) mod cleanup;
pub(crate) mod credentials;
pub(crate) mod event;
pub(crate) mod id;
pub(crate) mod inputs;
pub(crate) mod inventory;
pub(crate) mod journal;
pub(crate) mod lines;
pub(crate) mod local_command;
pub(crate) mod output_file;
pub(crate) mod preview;
#[cfg(test)]
pub(crate) mod testing;

use std::path::PathBuf;
use std::sync::Arc;

use cancel::Cancel;
use cleanup::{CleanupStack, Resource};
use event::{EventKind, EventSender, Stream};
use journal::JournalError;
use lines::LineWriter;

/// Facts of the whole run, the same for all builds.
#[derive(Debug, Clone)]
pub(crate) struct RunInfo {
    /// Unique id of the run (a UUID): `PACKER_RUN_UUID`, labels, journal.
    pub id: String,
    /// `-force`: overwrite what is in the way.
    pub force: bool,
    /// Whether what a failed build leaves is released at once, and no step of it is tried again.
    pub cleans_up: bool,
    /// Working directory at start: relative paths of components are relative to it.
    pub cwd: PathBuf,
    /// Set where what is built shows what a pull request would make, and is not to be published.
    pub preview: Option<preview::Preview>,
}

/// What a component gets when it runs in a build.
#[derive(Debug, Clone)]
pub(crate) struct BuildContext {
    pub run: Arc<RunInfo>,
    /// The source's own name: `PACKER_BUILD_NAME`, `name` of the manifest.
    pub source_name: String,
    /// `PACKER_BUILDER_TYPE`, such as `docker`.
    pub builder_type: String,
    pub events: EventSender,
    pub cancel: Cancel,
    pub cleanup: CleanupStack,
    /// Over everything that decides the image, while it is captured and if all of it is known: the image says so.
    pub digest: Option<String>,
}

impl BuildContext {
    /// The same for somebody who only looks, before anything runs: nobody hears what is said.
    pub(crate) fn unheard(&self) -> Self {
        Self { events: self.events.unheard(), ..self.clone() }
    }

    /// Tells what the component does now.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.events.send(EventKind::Say { text: text.into() });
    }

    /// A fact below the last [`Self::say`].
    pub(crate) fn detail(&self, text: impl Into<String>) {
        self.events.send(EventKind::Detail { text: text.into() });
    }

    pub(crate) fn warn(&self, text: impl Into<String>) {
        self.events.send(EventKind::Warning { text: text.into() });
    }

    pub(crate) fn error(&self, text: impl Into<String>) {
        self.events.send(EventKind::Error { text: text.into() });
    }

    /// Tells what of the template is not done in a preview, in one line.
    pub(crate) fn hold_back(&self, what: Vec<String>) {
        let Some(preview) = self.run.preview.as_ref().filter(|_| !what.is_empty()) else { return };
        self.say(format!("Preview of {}, held back: {}", preview.of(), what.join(", ")));
        self.events.send(EventKind::HeldBack { what });
    }

    /// A writer that turns the bytes of a command's stream into output events.
    pub(crate) fn lines(&self, stream: Stream) -> LineWriter {
        LineWriter::new(self.events.clone(), stream)
    }

    /// Journals that `resource` is about to be created and puts it on the cleanup stack. Call it before the
    /// creating call, and do not race that call against a cancel.
    pub(crate) fn acquire(&self, resource: Resource) -> Result<(), JournalError> {
        self.cleanup.intend(resource)
    }

    /// The resource stays after the build (it became the artifact).
    pub(crate) fn keep(&self, resource: &Resource) -> Result<(), JournalError> {
        self.cleanup.keep(resource)
    }
}
