//! Everything that happens in a run, as owned data on one channel: the whole interface between running and reporting.
//!
//! [`EventSender::send`] is the one gate: it stamps and redacts. Components say what happened, never how it looks.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use super::artifact::Artifact;
use super::inputs::Input;
use super::inventory::Inventory;
use crate::secret::Redactor;

/// Output of guests may be this far ahead of the reporters, in bytes, before its readers wait.
const AHEAD: usize = 8 << 20;

/// One thing that happened, when, and in which build (an index into [`EventKind::RunStarted`]).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    pub at: SystemTime,
    pub build: Option<usize>,
    pub kind: EventKind,
}

/// A build as the run announces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BuildTitle {
    /// `[build.]type.source`, shown everywhere.
    pub name: String,
    /// Component type of the builder, such as `docker`.
    pub builder: String,
    /// What is to run on the machine and on what it becomes, in order.
    #[serde(default)]
    pub steps: Vec<StepTitle>,
}

/// Stages of one build, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Phase {
    Launch,
    Connect,
    Provision,
    Capture,
    Cleanup,
    PostProcess,
}

impl Phase {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Connect => "connect",
            Self::Provision => "provision",
            Self::Capture => "capture",
            Self::Cleanup => "clean up",
            Self::PostProcess => "post-process",
        }
    }
}

/// What a step runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StepKind {
    Provisioner,
    ErrorCleanupProvisioner,
    PostProcessor,
}

/// A provisioner or post-processor as shown in tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepTitle {
    pub kind: StepKind,
    /// Component type, such as `shell`.
    pub component: String,
    pub name: Option<String>,
    /// Template place as `file:line`.
    pub place: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// How a build or a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Succeeded,
    /// With the error's text. A step may fail without failing its build (`continue_on_error`).
    Failed(String),
    Cancelled,
    /// Its image was there already: nothing was run.
    Unchanged,
}

/// Kinds of events. Texts hold no line prefix, colour or secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum EventKind {
    RunStarted {
        run: String,
        builds: Vec<BuildTitle>,
    },
    BuildStarted,
    PhaseStarted {
        phase: Phase,
    },
    PhaseFinished {
        phase: Phase,
    },
    /// The image that the build's machine was made of.
    Source {
        id: String,
        name: Option<String>,
    },
    /// What decides the image, as far as it is known: `digest` is over all of it, or `unknown` says why there is none.
    Inputs {
        digest: Option<String>,
        unknown: Option<String>,
        inputs: Vec<Input>,
    },
    StepStarted {
        step: StepTitle,
    },
    StepFinished {
        outcome: Outcome,
    },
    /// A component tells what it does, such as `Pulling Docker image: debian:12`.
    Say {
        text: String,
    },
    /// A fact worth a line below the last `Say`.
    Detail {
        text: String,
    },
    /// What of the template a preview does not do.
    HeldBack {
        what: Vec<String>,
    },
    /// A thing gone wrong that does not end the build by itself.
    Warning {
        text: String,
    },
    /// A thing gone wrong.
    Error {
        text: String,
    },
    /// Somebody at the terminal is asked; nothing is drawn over it until [`EventKind::Answered`].
    Question {
        text: String,
    },
    Answered,
    /// One line printed by a remote or local command, without its line end.
    Output {
        stream: Stream,
        line: String,
    },
    /// State of a transfer: bytes (or items) done of `total`. `id` is unique within the build while it runs.
    Progress {
        id: String,
        label: String,
        done: u64,
        total: Option<u64>,
    },
    ProgressFinished {
        id: String,
    },
    /// What is in the image, once there is one. The size is in bytes.
    Contents {
        size: Option<u64>,
        inventory: Option<Box<Inventory>>,
    },
    /// A manifest was written or added to.
    Manifest {
        path: PathBuf,
    },
    /// All artifacts of the build that were kept, in order.
    BuildFinished {
        outcome: Outcome,
        took: Duration,
        artifacts: Vec<Artifact>,
    },
    /// A resource that could not be released.
    Leftover {
        resource: String,
        error: String,
    },
    /// First signal: builds stop and clean up.
    CancelRequested {
        signal: String,
    },
    /// Second signal: nothing is waited for any more.
    KillRequested,
    RunFinished {
        took: Duration,
    },
}

impl EventKind {
    /// Rewrites every text that a component, a guest or a user's value may have put in.
    fn redact(&mut self, redactor: &Redactor) {
        let hide = |text: &mut String| *text = redactor.redact(text);
        match self {
            Self::Say { text }
            | Self::Detail { text }
            | Self::Warning { text }
            | Self::Error { text }
            | Self::Question { text } => hide(text),
            Self::Output { line, .. } => hide(line),
            Self::RunStarted { builds, .. } => builds.iter_mut().for_each(|build| {
                hide(&mut build.name);
                build.steps.iter_mut().flat_map(|step| &mut step.name).for_each(hide);
            }),
            Self::Source { id, name } => {
                hide(id);
                name.iter_mut().for_each(hide);
            }
            Self::Inputs { inputs, unknown, .. } => {
                unknown.iter_mut().for_each(hide);
                for input in inputs {
                    hide(&mut input.name);
                    input.value.iter_mut().for_each(hide);
                }
            }
            Self::StepStarted { step } => step.name.iter_mut().for_each(hide),
            Self::HeldBack { what } => what.iter_mut().for_each(hide),
            Self::Contents { inventory: Some(inventory), .. } => inventory.redact(redactor),
            Self::Progress { label, .. } => hide(label),
            Self::Leftover { resource, error } => {
                hide(resource);
                hide(error);
            }
            Self::StepFinished { outcome: Outcome::Failed(text) } => hide(text),
            Self::BuildFinished { outcome, artifacts, .. } => {
                if let Outcome::Failed(text) = outcome {
                    hide(text);
                }
                artifacts.iter_mut().for_each(|artifact| artifact.redact(redactor));
            }
            _ => {}
        }
    }
}

impl EventKind {
    /// The event in the diagnostic log; what guests print is not in it, and neither are facts of the machine.
    fn log(&self, build: Option<usize>) {
        match self {
            Self::RunStarted { run, builds } => tracing::info!(run, builds = builds.len(), "run started"),
            Self::BuildStarted => tracing::info!(build, "build started"),
            Self::PhaseStarted { phase } => tracing::info!(build, ?phase, "phase started"),
            Self::PhaseFinished { phase } => tracing::info!(build, ?phase, "phase finished"),
            Self::Source { id, name } => tracing::info!(build, id, name, "source image"),
            Self::Inputs { digest, unknown, inputs } => {
                tracing::info!(build, digest, unknown, inputs = inputs.len(), "inputs");
            }
            Self::StepStarted { step } => {
                tracing::info!(build, component = step.component, name = step.name, place = step.place, "step started");
            }
            Self::StepFinished { outcome } => tracing::info!(build, ?outcome, "step finished"),
            Self::HeldBack { what } => tracing::info!(build, ?what, "held back"),
            Self::Say { text } | Self::Detail { text } => tracing::debug!(build, "{text}"),
            Self::Warning { text } => tracing::warn!(build, "{text}"),
            Self::Error { text } => tracing::error!(build, "{text}"),
            Self::BuildFinished { outcome, took, artifacts } => {
                let artifacts: Vec<&str> = artifacts.iter().map(|artifact| artifact.id.as_str()).collect();
                tracing::info!(build, ?outcome, ?took, ?artifacts, "build finished");
            }
            Self::Contents { size, inventory } => {
                let packages = inventory.as_ref().map(|inventory| inventory.packages.len());
                tracing::info!(build, size, packages, "contents");
            }
            Self::Leftover { resource, error } => tracing::warn!(build, resource, error, "left behind"),
            Self::CancelRequested { signal } => tracing::warn!(signal, "cancel requested"),
            Self::KillRequested => tracing::warn!("kill requested"),
            Self::RunFinished { took } => tracing::info!(?took, "run finished"),
            Self::Question { .. }
            | Self::Answered
            | Self::Output { .. }
            | Self::Progress { .. }
            | Self::ProgressFinished { .. }
            | Self::Manifest { .. } => {}
        }
    }
}

/// The sending end of the run's channel, bound to a build or to the run itself.
#[derive(Debug, Clone)]
pub(crate) struct EventSender {
    channel: mpsc::UnboundedSender<Event>,
    build: Option<usize>,
    redactor: Redactor,
    backlog: Arc<Backlog>,
}

/// Bytes of output that reporters have not taken yet.
#[derive(Debug, Default)]
struct Backlog {
    bytes: AtomicUsize,
    shrunk: Notify,
}

/// The receiving end; one task reads it and feeds every reporter.
#[derive(Debug)]
pub(crate) struct EventReceiver {
    channel: mpsc::UnboundedReceiver<Event>,
    backlog: Arc<Backlog>,
}

/// A channel whose events are redacted by `redactor`.
pub(crate) fn channel(redactor: Redactor) -> (EventSender, EventReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let backlog = Arc::new(Backlog::default());
    (
        EventSender { channel: sender, build: None, redactor, backlog: Arc::clone(&backlog) },
        EventReceiver { channel: receiver, backlog },
    )
}

impl EventSender {
    /// The same channel, for events of build number `build`.
    pub(crate) fn for_build(&self, build: usize) -> Self {
        Self { build: Some(build), ..self.clone() }
    }

    /// One that sends to nobody, with the same redactor.
    pub(crate) fn unheard(&self) -> Self {
        Self { build: self.build, ..channel(self.redactor.clone()).0 }
    }

    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Stamps, redacts and sends. Never blocks; events sent after the reporters ended are dropped.
    pub(crate) fn send(&self, mut kind: EventKind) {
        kind.redact(&self.redactor);
        kind.log(self.build);
        if let EventKind::Output { line, .. } = &kind {
            self.backlog.bytes.fetch_add(line.len(), Ordering::Relaxed);
        }
        let _ = self.channel.send(Event { at: SystemTime::now(), build: self.build, kind });
    }

    /// Waits while reporters are far behind, so that a guest that prints without end cannot fill our memory.
    pub(crate) async fn ready(&self) {
        while self.backlog.bytes.load(Ordering::Relaxed) > AHEAD && !self.channel.is_closed() {
            let _ = tokio::time::timeout(Duration::from_millis(100), self.backlog.shrunk.notified()).await;
        }
    }
}

impl EventReceiver {
    /// Whether no event is waiting.
    pub(crate) fn is_empty(&self) -> bool {
        self.channel.is_empty()
    }

    /// The next event; nothing once every sender is gone.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let event = self.channel.recv().await?;
        if let EventKind::Output { line, .. } = &event.kind {
            self.backlog.bytes.fetch_sub(line.len(), Ordering::Relaxed);
            self.backlog.shrunk.notify_waiters();
        }
        Some(event)
    }
}
