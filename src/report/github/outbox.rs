//! What GitHub is still to be told, on disk: written while a run reports, read by a later process when the run's own
//! was killed or left before GitHub had answered. One JSON object a line; its owner holds a lock on the file, so a
//! living run is told from a dead one.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Destination;
use super::sticky::Shared;
use crate::client::github::CheckState;
use crate::report::record::{Record, Stamp};
use crate::run::id;

const EXTENSION: &str = "reports";

#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
enum Line {
    /// Where reports go.
    To {
        destination: Destination,
    },
    /// The run as it is to be shown.
    Record {
        record: Box<Record>,
    },
    /// A check run is about to be made; GitHub may make it long after we have stopped to wait for its answer.
    Creating {
        name: String,
        at: Stamp,
    },
    Sent {
        name: String,
        check: SentCheck,
    },
    Status {
        name: String,
        state: CheckState,
    },
    /// The same for the comment.
    Commenting {
        at: Stamp,
    },
    Commented {
        /// The comment, if other runs may have written into it.
        shared: Option<Shared>,
    },
    /// There is nothing else to tell.
    Told,
}

/// A check run as GitHub has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SentCheck {
    pub id: u64,
    pub state: CheckState,
    pub title: String,
    /// How many annotations it has.
    pub annotations: usize,
}

/// What GitHub has been told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// By name of the check run.
    pub checks: BTreeMap<String, SentCheck>,
    /// Commit statuses by their name.
    pub statuses: BTreeMap<String, CheckState>,
    /// Those that may be there without our knowing their id, and since when.
    pub creating: BTreeMap<String, Stamp>,
    pub commenting: Option<Stamp>,
    /// The last comment is there.
    pub commented: bool,
    /// The comment, if other runs may have written into it.
    pub shared: Option<Shared>,
    /// There is nothing else to tell.
    pub told: bool,
}

/// The file of a running report; clones write to the same one. Whatever goes wrong with it is no reason to report less.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    file: Arc<Mutex<Option<File>>>,
    path: PathBuf,
}

impl Outbox {
    /// A file of its own in `folder`.
    pub(super) fn create(folder: &Path, destination: &Destination) -> Self {
        let path = folder.join(format!("{}.{EXTENSION}", id::time_ordered()));
        // Found by its extension only once it is locked.
        let new = path.with_extension("new-reports");
        let open = || -> std::io::Result<File> {
            std::fs::create_dir_all(folder)?;
            let file = OpenOptions::new().create_new(true).append(true).open(&new)?;
            file.lock()?;
            std::fs::rename(&new, &path)?;
            Ok(file)
        };
        let file = open().inspect_err(|error| tracing::warn!("{}: {error}", path.display())).ok();
        let outbox = Self { file: Arc::new(Mutex::new(file)), path };
        outbox.write(&Line::To { destination: destination.clone() });
        outbox
    }

    /// One that an earlier process left.
    fn again(file: File, path: PathBuf) -> Self {
        Self { file: Arc::new(Mutex::new(Some(file))), path }
    }

    pub(super) fn record(&self, record: &Record) {
        self.write(&Line::Record { record: Box::new(record.clone()) });
    }

    pub(super) fn creating(&self, name: &str) {
        self.write(&Line::Creating { name: name.to_owned(), at: Stamp(SystemTime::now()) });
    }

    pub(super) fn commenting(&self) {
        self.write(&Line::Commenting { at: Stamp(SystemTime::now()) });
    }

    pub(super) fn sent(&self, name: &str, check: &SentCheck) {
        self.write(&Line::Sent { name: name.to_owned(), check: check.clone() });
    }

    pub(super) fn status(&self, name: &str, state: CheckState) {
        self.write(&Line::Status { name: name.to_owned(), state });
    }

    pub(super) fn commented(&self, shared: Option<&Shared>) {
        self.write(&Line::Commented { shared: shared.cloned() });
    }

    pub(super) fn told(&self) {
        self.write(&Line::Told);
    }

    /// Nothing is left to be told.
    pub(super) fn remove(&self) {
        if self.locked().take().is_some()
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!("{}: {error}", self.path.display());
        }
    }

    fn locked(&self) -> MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, line: &Line) {
        let mut file = self.locked();
        let Some(file) = file.as_mut() else { return };
        let written = serde_json::to_vec(line).map_err(std::io::Error::other).and_then(|mut bytes| {
            bytes.push(b'\n');
            file.write_all(&bytes)
        });
        if let Err(error) = written {
            tracing::warn!("{}: {error}", self.path.display());
        }
    }
}

/// A report that an earlier process did not finish.
#[derive(Debug)]
pub(super) struct Left {
    pub destination: Destination,
    pub record: Record,
    pub sent: Sent,
    pub outbox: Outbox,
}

/// What dead runs left in `folder`; a file that cannot be read is named with the reason.
pub(super) fn left(folder: &Path) -> Vec<Result<Left, String>> {
    let listing = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = listing.filter(|path| path.extension().is_some_and(|e| e == EXTENSION)).collect();
    paths.sort();
    paths
        .into_iter()
        .filter_map(|path| read(&path).map_err(|error| format!("{}: {error}", path.display())).transpose())
        .collect()
}

/// Nothing for a run that still reports, or one that had nothing to tell.
fn read(path: &Path) -> std::io::Result<Option<Left>> {
    let mut file = OpenOptions::new().read(true).append(true).open(path)?;
    if file.try_lock().is_err() {
        return Ok(None);
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let (mut destination, mut record, mut sent) = (None, None, Sent::default());
    // A line that was cut by the end of its process is left out.
    for line in text.split(|byte| *byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(Line::To { destination: to }) => destination = Some(to),
            Ok(Line::Record { record: newer }) => record = Some(*newer),
            Ok(Line::Creating { name, at }) => drop(sent.creating.insert(name, at)),
            Ok(Line::Commenting { at }) => sent.commenting = Some(at),
            Ok(Line::Sent { name, check }) => {
                sent.creating.remove(&name);
                sent.checks.insert(name, check);
            }
            Ok(Line::Status { name, state }) => drop(sent.statuses.insert(name, state)),
            Ok(Line::Commented { shared }) => {
                (sent.commented, sent.shared, sent.commenting) = (true, shared, None);
            }
            Ok(Line::Told) => sent.told = true,
            Err(_) => {}
        }
    }
    let outbox = Outbox::again(file, path.to_owned());
    match (destination, record) {
        (Some(destination), Some(record)) => Ok(Some(Left { destination, record, sent, outbox })),
        _ => {
            outbox.remove();
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_told_is_found_again_once_its_run_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::default();
        let outbox = Outbox::create(folder.path(), &destination);
        outbox.record(&Record { run: "r".to_owned(), ..Record::default() });
        let check = SentCheck { id: 7, state: CheckState::InProgress, title: "x".to_owned(), annotations: 50 };
        outbox.sent("forge / a", &check);
        assert!(left(folder.path()).is_empty(), "its run is alive");
        outbox.locked().as_mut().unwrap().write_all(b"{\"op\":\"sent\",\"na").unwrap();
        drop(outbox);
        let mut found = left(folder.path());
        let Some(Ok(one)) = found.pop() else { panic!("{found:?}") };
        assert_eq!((one.record.run.as_str(), &one.sent.checks["forge / a"]), ("r", &check));
        one.outbox.remove();
        assert!(left(folder.path()).is_empty());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
