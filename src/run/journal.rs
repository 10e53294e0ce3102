//! The journal: an append-only file of what a run is about to create and what it released, one JSON object a line.
//!
//! Written before each creating call, read by `forge sweep`. Its owner holds a lock on the file, so a sweep can tell
//! a living run from a dead one without trusting process numbers.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::cleanup::Resource;

/// Number of an entry within its journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct EntryId(u64);

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
enum Line {
    Begin { run: String },
    Intend { entry: EntryId, resource: Resource },
    Close { entry: EntryId },
}

#[derive(Debug, thiserror::Error)]
#[error("could not {action} the journal {}", path.display())]
pub(crate) struct JournalError {
    action: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

/// An open journal. Clones write to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    file: Option<File>,
    path: PathBuf,
    run: String,
    next: u64,
    open: u64,
}

impl Journal {
    /// A journal for run `run` in `folder`. The file appears with the first entry: a run that creates nothing
    /// leaves nothing.
    pub(crate) fn new(folder: &Path, run: &str) -> Self {
        let path = folder.join(format!("{run}.journal"));
        let state = State { file: None, path, run: run.to_owned(), next: 0, open: 0 };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn intend(&self, resource: &Resource) -> Result<EntryId, JournalError> {
        self.with(|state| {
            if state.file.is_none() {
                state.create()?;
            }
            let entry = EntryId(state.next);
            state.write(&Line::Intend { entry, resource: resource.clone() })?;
            state.next += 1;
            state.open += 1;
            Ok(entry)
        })
    }

    pub(crate) fn close(&self, entry: EntryId) -> Result<(), JournalError> {
        self.with(|state| {
            state.write(&Line::Close { entry })?;
            state.open = state.open.saturating_sub(1);
            Ok(())
        })
    }

    /// Ends the run: the file goes when nothing is open any more, else it stays for a sweep.
    pub(crate) fn finish(&self) -> Result<(), JournalError> {
        self.with(|state| {
            if state.file.take().is_some() && state.open == 0 {
                return std::fs::remove_file(&state.path).map_err(|source| state.error("remove", source));
            }
            Ok(())
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> Result<T, JournalError>) -> Result<T, JournalError> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        work(&mut state)
    }
}

impl State {
    fn create(&mut self) -> Result<(), JournalError> {
        let folder = self.path.parent().map(Path::to_owned).unwrap_or_default();
        std::fs::create_dir_all(&folder).map_err(|source| self.error("create", source))?;
        // A sweep looks at `.journal` files only: it must not see this one before its lock is held.
        let new = self.path.with_extension("new");
        let file = OpenOptions::new().create_new(true).append(true).open(&new);
        let file = file.map_err(|source| self.error("create", source))?;
        file.lock().map_err(|source| self.error("lock", source))?;
        self.file = Some(file);
        self.write(&Line::Begin { run: self.run.clone() })?;
        std::fs::rename(&new, &self.path).map_err(|source| self.error("create", source))
    }

    /// One line, on disk before the call returns: an intent that is lost in a crash of the machine is a leak.
    fn write(&mut self, line: &Line) -> Result<(), JournalError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = serde_json::to_vec(line).map_err(std::io::Error::other).and_then(|mut bytes| {
            bytes.push(b'\n');
            file.write_all(&bytes)?;
            file.sync_data()
        });
        written.map_err(|source| self.error("write", source))
    }

    fn error(&self, action: &'static str, source: std::io::Error) -> JournalError {
        JournalError { action, path: self.path.clone(), source }
    }
}

/// A journal that an earlier run left.
#[derive(Debug)]
pub(crate) enum Left {
    /// Its run is still going.
    Alive { path: PathBuf },
    /// Open entries, newest first. The lock is held as long as this lives.
    Open { path: PathBuf, entries: Vec<(EntryId, Resource)>, file: File },
}

/// Journals in `folder`, each as far as it can be read; none when the folder is not there.
pub(crate) fn left(folder: &Path) -> Result<Vec<Result<Left, JournalError>>, JournalError> {
    let error = |action, path: &Path, source| JournalError { action, path: path.to_owned(), source };
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(error("read", folder, source)),
    };
    let mut paths: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "journal"));
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        match read(path.clone()) {
            // Its run, or another sweep, has ended in the meantime.
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {}
            read => found.push(read.map_err(|source| error("read", &path, source))),
        }
    }
    Ok(found)
}

fn read(path: PathBuf) -> std::io::Result<Left> {
    let mut file = OpenOptions::new().read(true).append(true).open(&path)?;
    if file.try_lock().is_err() {
        return Ok(Left::Alive { path });
    }
    let mut open = BTreeMap::new();
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // The last line may be cut by a crash while writing; its call was not made. What is added begins behind it.
    let cut = lines.pop().map_or(0, <[u8]>::len);
    file.set_len((text.len() - cut) as u64)?;
    for (number, line) in lines.into_iter().enumerate() {
        match serde_json::from_slice(line) {
            Ok(Line::Begin { .. }) => {}
            Ok(Line::Intend { entry, resource }) => drop(open.insert(entry, resource)),
            Ok(Line::Close { entry }) => drop(open.remove(&entry)),
            Err(error) => {
                let text = format!("line {} is not understood, it may be of a newer forge: {error}", number + 1);
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, text));
            }
        }
    }
    Ok(Left::Open { path, entries: open.into_iter().rev().collect(), file })
}

/// Notes in a left journal that `entry` is released.
pub(crate) fn close_left(mut file: &File, entry: EntryId) -> std::io::Result<()> {
    let text = serde_json::to_string(&Line::Close { entry }).map_err(std::io::Error::other)?;
    file.write_all(format!("{text}\n").as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str) -> Resource {
        Resource::DockerImage { host: "unix:///x".to_owned(), image: name.to_owned() }
    }

    #[test]
    fn open_entries_are_found_newest_first_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path(), "r1");
        let first = journal.intend(&image("a")).unwrap();
        journal.intend(&image("b")).unwrap();
        journal.intend(&image("c")).unwrap();
        assert!(matches!(left(folder.path()).unwrap()[..], [Ok(Left::Alive { .. })]), "the owner lives");
        journal.close(first).unwrap();
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(folder.path().join("r1.journal")).unwrap();
        file.write_all(b"{\"op\":\"close\",\"ent").unwrap();
        drop(file);
        let lefts = left(folder.path()).unwrap();
        let [Ok(Left::Open { entries, .. })] = &lefts[..] else { panic!("{lefts:?}") };
        assert_eq!(entries.iter().map(|(_, r)| r.clone()).collect::<Vec<_>>(), [image("c"), image("b")]);
    }

    #[test]
    fn what_is_not_understood_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path(), "r1");
        journal.intend(&image("a")).unwrap();
        drop(journal);
        std::fs::write(folder.path().join("r0.journal"), "{\"op\":\"borrow\"}\n").unwrap();
        std::fs::write(folder.path().join("r2.new"), "x").unwrap();
        let lefts = left(folder.path()).unwrap();
        let [Err(error), Ok(Left::Open { entries, .. })] = &lefts[..] else { panic!("{lefts:?}") };
        assert!(std::error::Error::source(error).unwrap().to_string().contains("line 1 is not understood"));
        assert_eq!(entries.len(), 1);
    }

    #[test]
    fn a_run_that_released_everything_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path(), "r2");
        let entry = journal.intend(&image("a")).unwrap();
        journal.close(entry).unwrap();
        journal.finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
