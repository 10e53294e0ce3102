//! The journal: an append-only file of what a run is about to create and what it released, one JSON object a line.
//!
//! Written before each creating call, read by `forge sweep`. Its owner holds a lock on the file, so a sweep can tell
//! a living run from a dead one without trusting process numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
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
#[error("could not {action} the journal {}: {cause}", path.display())]
pub(crate) struct JournalError {
    action: &'static str,
    path: PathBuf,
    cause: io::Error,
}

/// An open journal. Clones write to the same file.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    file: Option<Lines>,
    path: PathBuf,
    run: String,
    next: u64,
    open: BTreeSet<EntryId>,
}

/// The file of a journal, locked and open for more lines.
#[derive(Debug)]
pub(crate) struct Lines {
    file: File,
    /// The last line is a part of one, and could not be taken back.
    torn: bool,
}

impl Lines {
    /// One line, on disk before the call returns: an intent that is lost in a crash of the machine is a leak. What is
    /// written of a line that fails, as on a full disk, is taken back: it would swallow the next one.
    fn append(&mut self, line: &Line) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        let mut bytes = if self.torn { vec![b'\n'] } else { Vec::new() };
        serde_json::to_writer(&mut bytes, line)?;
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        match &written {
            Ok(()) => self.torn = false,
            Err(_) => self.torn |= self.file.set_len(before).is_err(),
        }
        written
    }

    /// Notes in a left journal that `entry` is released.
    pub(crate) fn close(&mut self, entry: EntryId) -> io::Result<()> {
        self.append(&Line::Close { entry })
    }
}

impl Journal {
    /// A journal for run `run` in `folder`. The file appears with the first entry: a run that creates nothing
    /// leaves nothing.
    pub(crate) fn new(folder: &Path, run: &str) -> Self {
        let path = folder.join(format!("{run}.journal"));
        let state = State { file: None, path, run: run.to_owned(), next: 0, open: BTreeSet::new() };
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
            state.open.insert(entry);
            Ok(entry)
        })
    }

    /// The resource stays after the run.
    pub(crate) fn keep(&self, entry: EntryId) -> Result<(), JournalError> {
        self.with(|state| {
            state.write(&Line::Close { entry })?;
            state.open.remove(&entry);
            Ok(())
        })
    }

    /// The resource is gone. That holds even if it cannot be written: a sweep would not find it either.
    pub(crate) fn released(&self, entry: EntryId) -> Result<(), JournalError> {
        self.with(|state| {
            state.open.remove(&entry);
            state.write(&Line::Close { entry })
        })
    }

    /// Ends the run: the file goes when nothing is open any more, else it stays for a sweep.
    pub(crate) fn finish(&self) -> Result<(), JournalError> {
        self.with(|state| {
            if state.file.take().is_some() && state.open.is_empty() {
                return std::fs::remove_file(&state.path).map_err(|cause| state.error("remove", cause));
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
        std::fs::create_dir_all(&folder).map_err(|cause| self.error("create", cause))?;
        // A sweep looks at `.journal` files only: it must not see this one before its lock is held.
        let new = self.path.with_extension("new");
        let file = OpenOptions::new().create_new(true).append(true).open(&new);
        let file = file.map_err(|cause| self.error("create", cause))?;
        let begun = self.begin(file, &new);
        if begun.is_err() {
            let _ = std::fs::remove_file(&new);
        }
        self.file = Some(begun?);
        Ok(())
    }

    fn begin(&self, file: File, new: &Path) -> Result<Lines, JournalError> {
        file.lock().map_err(|cause| self.error("lock", cause))?;
        let mut lines = Lines { file, torn: false };
        lines.append(&Line::Begin { run: self.run.clone() }).map_err(|cause| self.error("write", cause))?;
        std::fs::rename(new, &self.path).map_err(|cause| self.error("create", cause))?;
        Ok(lines)
    }

    fn write(&mut self, line: &Line) -> Result<(), JournalError> {
        let Some(lines) = &mut self.file else { return Ok(()) };
        lines.append(line).map_err(|cause| self.error("write", cause))
    }

    fn error(&self, action: &'static str, cause: io::Error) -> JournalError {
        JournalError { action, path: self.path.clone(), cause }
    }
}

/// A journal that an earlier run left.
#[derive(Debug)]
pub(crate) enum Left {
    /// Its run is still going.
    Alive { path: PathBuf },
    /// Open entries, newest first. The lock is held as long as this lives.
    Open {
        path: PathBuf,
        entries: Vec<(EntryId, Resource)>,
        /// What of it is not understood, line by line.
        unread: Vec<String>,
        lines: Lines,
    },
}

/// Journals in `folder`, each as far as it can be read; none when the folder is not there.
pub(crate) fn left(folder: &Path) -> Result<Vec<Result<Left, JournalError>>, JournalError> {
    let error = |path: &Path, cause| JournalError { action: "read", path: path.to_owned(), cause };
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(error(folder, cause)),
    };
    let mut paths: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "journal"));
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        match read(path.clone()) {
            // Its run, or another sweep, has ended in the meantime.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            read => found.push(read.map_err(|cause| error(&path, cause))),
        }
    }
    Ok(found)
}

fn read(path: PathBuf) -> io::Result<Left> {
    let mut file = OpenOptions::new().read(true).append(true).open(&path)?;
    if file.try_lock().is_err() {
        return Ok(Left::Alive { path });
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // The last line may be cut by a crash while writing; its call was not made. What is added begins behind it.
    let cut = lines.pop().map_or(0, <[u8]>::len);
    file.set_len((text.len() - cut) as u64)?;
    let (mut open, mut unread) = (BTreeMap::new(), Vec::new());
    for (number, line) in lines.into_iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let parsed = serde_json::from_slice(line).or_else(|error| {
            unread.push(format!("line {} is torn, or of a newer forge: {error}", number + 1));
            behind_a_tear(line).ok_or(error)
        });
        match parsed {
            Ok(Line::Intend { entry, resource }) => drop(open.insert(entry, resource)),
            Ok(Line::Close { entry }) => drop(open.remove(&entry)),
            Ok(Line::Begin { .. }) | Err(_) => {}
        }
    }
    let entries = open.into_iter().rev().collect();
    Ok(Left::Open { path, entries, unread, lines: Lines { file, torn: false } })
}

/// A whole line that was written behind a part of another.
fn behind_a_tear(line: &[u8]) -> Option<Line> {
    const START: &[u8] = b"{\"op\":";
    let starts = line.windows(START.len()).enumerate().skip(1).filter(|(_, window)| *window == START);
    starts.map(|(at, _)| &line[at..]).find_map(|rest| serde_json::from_slice(rest).ok())
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
        journal.released(first).unwrap();
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
        let [Ok(Left::Open { entries: none, unread, .. }), Ok(Left::Open { entries, .. })] = &lefts[..] else {
            panic!("{lefts:?}")
        };
        assert!(none.is_empty() && unread[0].starts_with("line 1 is torn, or of a newer forge"), "{unread:?}");
        assert_eq!(entries.len(), 1);
    }

    #[test]
    fn all_but_a_torn_line_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path(), "r1");
        for name in ["a", "b"] {
            journal.intend(&image(name)).unwrap();
        }
        drop(journal);
        let path = folder.path().join("r1.journal");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"op\":\"intend\",\"entry\":2,\"resou").unwrap();
        let mut lines = Lines { file, torn: false };
        // Written behind it by whoever did not see it.
        lines.append(&Line::Intend { entry: EntryId(3), resource: image("c") }).unwrap();
        lines.torn = true;
        lines.close(EntryId(1)).unwrap();
        drop(lines);
        let lefts = left(folder.path()).unwrap();
        let [Ok(Left::Open { entries, unread, .. })] = &lefts[..] else { panic!("{lefts:?}") };
        assert_eq!(entries.iter().map(|(_, r)| r.clone()).collect::<Vec<_>>(), [image("c"), image("a")]);
        assert!(unread.len() == 1 && unread[0].starts_with("line 4 is torn"), "{unread:?}");
    }

    #[test]
    fn a_run_that_released_everything_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path(), "r2");
        let entry = journal.intend(&image("a")).unwrap();
        journal.released(entry).unwrap();
        journal.finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
