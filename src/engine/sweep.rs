//! Releasing what earlier runs left: every open entry of every journal whose run is gone.

use std::path::Path;

use crate::run::cleanup::{Release, Released, release_patiently};
use crate::run::journal::{self, JournalError, Left};

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

/// Sweeps the journals in `folder`. A journal is deleted once nothing in it is open.
pub(crate) async fn sweep(folder: &Path, services: &dyn Release) -> Result<Vec<Swept>, JournalError> {
    let mut report = Vec::new();
    for left in journal::left(folder)? {
        let (path, entries, file) = match left {
            Ok(Left::Alive { path }) => {
                report.push(Swept::Alive(path.display().to_string()));
                continue;
            }
            Ok(Left::Open { path, entries, file }) => (path, entries, file),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                report.push(Swept::Failed(format!("{error}{cause}")));
                continue;
            }
        };
        let mut open = 0;
        for (entry, resource) in entries {
            match release_patiently(services, &resource).await {
                Ok(released) => {
                    report.push(match released {
                        Released::Removed => Swept::Removed(resource.to_string()),
                        Released::Absent => Swept::Absent(resource.to_string()),
                    });
                    if let Err(error) = journal::close_left(&file, entry) {
                        tracing::warn!(%error, path = %path.display(), "journal entry not closed");
                    }
                }
                Err(error) => {
                    open += 1;
                    report.push(Swept::Failed(error.to_string()));
                }
            }
        }
        if open == 0
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(%error, path = %path.display(), "empty journal not removed");
        }
    }
    Ok(report)
}
