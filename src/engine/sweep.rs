//! Releasing what earlier runs left: every open entry of every journal whose run is gone.

use std::path::Path;

use crate::run::cleanup::{Release, Released, Releases, Resource};
use crate::run::journal::{self, EntryId, JournalError, Left, Lines};

/// One line of a sweep's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Swept {
    /// The journal's run is still going; nothing was touched.
    Alive(String),
    /// What may belong to a run that is still going, and was not touched.
    Young(String),
    Removed(String),
    /// Gone already, or never created.
    Absent(String),
    /// Not ours to remove, as far as it says itself.
    Left(String),
    /// Still there, and why.
    Failed(String),
}

/// Sweeps the journals in `folder`. A journal is deleted once nothing in it is open and all of it was understood.
pub(crate) async fn sweep(folder: &Path, services: &dyn Release) -> Result<Vec<Swept>, JournalError> {
    let mut report = Vec::new();
    for left in journal::left(folder)? {
        let (path, entries, unread, mut lines) = match left {
            Ok(Left::Alive { path }) => {
                report.push(Swept::Alive(path.display().to_string()));
                continue;
            }
            Ok(Left::Open { path, entries, unread, lines }) => (path, entries, unread, lines),
            Err(error) => {
                report.push(Swept::Failed(error.to_string()));
                continue;
            }
        };
        let open = release_all(entries, &mut lines, &path, services, &mut report).await;
        if !unread.is_empty() {
            report.push(Swept::Failed(format!(
                "the journal {} is not understood in whole, so something that is not listed here may be left; look for \
                 it, then remove the file: {}",
                path.display(),
                unread.join("; ")
            )));
        } else if open == 0
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(%error, path = %path.display(), "empty journal not removed");
        }
    }
    Ok(report)
}

/// Number of those that are still there.
async fn release_all(
    entries: Vec<(EntryId, Resource)>,
    lines: &mut Lines,
    path: &Path,
    services: &dyn Release,
    report: &mut Vec<Swept>,
) -> usize {
    let (mut open, mut releases) = (0, Releases::default());
    for (entry, resource) in entries {
        match releases.release(services, &resource).await {
            Ok(released) => {
                report.push(match released {
                    Released::Removed => Swept::Removed(resource.to_string()),
                    Released::Absent => Swept::Absent(resource.to_string()),
                });
                if let Err(error) = lines.close(entry) {
                    tracing::warn!(%error, path = %path.display(), "journal entry not closed");
                }
            }
            Err(error) => {
                open += 1;
                report.push(Swept::Failed(error.to_string()));
            }
        }
    }
    open
}
