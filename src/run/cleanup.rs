//! Things a run created and must release: plain data on a stack, released in reverse by its owner, never by Drop.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::aws::{AwsReach, AwsThing};
use super::journal::{EntryId, Journal, JournalError};

/// A created thing: all it takes to find it again from another process, and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Resource {
    /// `host` is the engine's address; `name` is ours and known before the container exists.
    DockerContainer {
        host: String,
        name: String,
    },
    /// An image by id or name, on the engine at `host`.
    DockerImage {
        host: String,
        image: String,
    },
    File {
        path: PathBuf,
    },
    /// A folder with all that is in it.
    Directory {
        path: PathBuf,
    },
    /// A file system mounted on this machine, the command line that takes it off, and whether the folder goes too.
    Mount {
        path: PathBuf,
        unmount: String,
        remove_directory: bool,
    },
    Aws {
        reach: Box<AwsReach>,
        thing: AwsThing,
    },
}

impl Resource {
    /// Longest wait for its release. A container goes in well under a second; an instance of AWS takes minutes to
    /// end, and what it uses can only go after it. A service that hangs must not hold the others up.
    pub(crate) fn patience(&self) -> Duration {
        match self {
            Self::Aws { thing: AwsThing::Instance { .. }, .. } => Duration::from_secs(15 * 60),
            Self::Aws { .. } => Duration::from_secs(6 * 60),
            _ => Duration::from_secs(60),
        }
    }

    /// Whether a service far away keeps it, whose failures may pass.
    fn is_remote(&self) -> bool {
        matches!(self, Self::Aws { .. })
    }

    /// Whether it cannot go as long as `other`, of the same build, is there.
    fn is_held_by(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Aws { reach, thing: AwsThing::SecurityGroup { .. } },
                Self::Aws { reach: of_other, thing: AwsThing::Instance { .. } },
            ) => reach.region == of_other.region,
            _ => false,
        }
    }

    /// What the console says when its release begins; nothing for what goes in an instant.
    pub(crate) fn farewell(&self) -> Option<&'static str> {
        match self {
            Self::Aws { thing, .. } => thing.farewell(),
            _ => None,
        }
    }
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DockerContainer { name, .. } => write!(f, "docker container {name}"),
            Self::DockerImage { image, .. } => write!(f, "docker image {image}"),
            Self::File { path } => write!(f, "file {}", path.display()),
            Self::Directory { path } => write!(f, "folder {}", path.display()),
            Self::Mount { path, .. } => write!(f, "mount at {}", path.display()),
            Self::Aws { reach, thing } => write!(f, "{thing} in {}", reach.region),
        }
    }
}

/// What became of a resource that was to be released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Released {
    Removed,
    /// It was not there: never created, or gone by itself.
    Absent,
}

#[derive(Debug, thiserror::Error)]
#[error("could not release {resource}: {reason}")]
pub(crate) struct ReleaseError {
    pub resource: Box<Resource>,
    pub reason: String,
    /// To try again at once is of no use.
    pub lasts: bool,
}

impl ReleaseError {
    pub(crate) fn new(resource: &Resource, reason: impl Into<String>) -> Self {
        Self { resource: Box::new(resource.clone()), reason: reason.into(), lasts: false }
    }
}

/// Implemented by the clients: finds and removes a resource. Must be repeatable.
#[async_trait]
pub(crate) trait Release: Send + Sync {
    async fn release(&self, resource: &Resource) -> Result<Released, ReleaseError>;
}

/// Tries of a release that fails, and the pause before the second; it doubles.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// Longest wait for the release of what something holds that stays itself. It may be another one's, and go.
const HELD: Duration = Duration::from_secs(10);

/// Releases a resource within its patience, and tries again when that fails: what stays costs money or holds secrets.
async fn release_patiently(services: &dyn Release, resource: &Resource) -> Result<Released, ReleaseError> {
    let limit = resource.patience();
    let work = async {
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match services.release(resource).await {
                Err(error) if resource.is_remote() && !error.lasts => tracing::debug!(%error, "released again"),
                done => return done,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        services.release(resource).await
    };
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(ReleaseError::new(resource, format!("not gone within {} s", limit.as_secs()))))
}

/// Releases one thing after another, and remembers what stays.
#[derive(Default)]
pub(crate) struct Releases {
    stuck: Vec<Resource>,
}

impl Releases {
    /// Releases a resource, patiently unless something that stays holds it.
    pub(crate) async fn release(
        &mut self,
        services: &dyn Release,
        resource: &Resource,
    ) -> Result<Released, ReleaseError> {
        let released = match self.stuck.iter().find(|stuck| resource.is_held_by(stuck)) {
            None => release_patiently(services, resource).await,
            Some(holder) => tokio::time::timeout(HELD, services.release(resource)).await.unwrap_or_else(|_| {
                Err(ReleaseError::new(resource, format!("it cannot go before the {holder}, which stays")))
            }),
        };
        if released.is_err() {
            self.stuck.push(resource.clone());
        }
        released
    }
}

/// Open resources of one build, newest last, each with its journal entry.
#[derive(Debug, Clone)]
pub(crate) struct CleanupStack {
    journal: Journal,
    open: Arc<Mutex<Vec<(EntryId, Resource)>>>,
}

impl CleanupStack {
    pub(crate) fn new(journal: Journal) -> Self {
        Self { journal, open: Arc::default() }
    }

    /// Journals the intent to create `resource` and puts it on the stack, *before* the creating call: if the
    /// process dies in the call, a sweep still finds the thing.
    pub(crate) fn intend(&self, resource: Resource) -> Result<(), JournalError> {
        let entry = self.journal.intend(&resource)?;
        if let Ok(mut open) = self.open.lock() {
            open.push((entry, resource));
        }
        Ok(())
    }

    /// The newest open resource, taken off the stack; the caller releases it and tells [`Self::released`].
    pub(crate) fn pop(&self) -> Option<(EntryId, Resource)> {
        self.open.lock().ok()?.pop()
    }

    /// Takes `resource` off the stack because it stays: a captured image, a file that became the artifact. Where that
    /// cannot be written, it goes with the build: a sweep would take it for something that was left.
    pub(crate) fn keep(&self, resource: &Resource) -> Result<(), JournalError> {
        let Ok(mut open) = self.open.lock() else { return Ok(()) };
        let Some(at) = open.iter().rposition(|(_, r)| r == resource) else { return Ok(()) };
        self.journal.keep(open[at].0)?;
        open.remove(at);
        Ok(())
    }

    /// Notes in the journal that the resource is gone.
    pub(crate) fn released(&self, entry: EntryId) -> Result<(), JournalError> {
        self.journal.released(entry)
    }
}
