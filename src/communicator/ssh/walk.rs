//! What a local folder holds, links followed: over SSH the peer uploads what they lead to.

use std::io;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::communicator::CommunicatorError;
use crate::communicator::tree::mode_of;
use crate::run::event::{EventKind, EventSender};

/// Something of the folder. A folder comes before what is in it.
#[derive(Debug)]
pub(super) struct Item {
    pub from: PathBuf,
    /// Its path in the folder.
    pub inside: PathBuf,
    /// Permission bits alone, as the peer sends them.
    pub mode: u32,
    pub is_folder: bool,
}

impl Item {
    /// The path in the folder as the machine writes it.
    pub(super) fn name(&self) -> Vec<u8> {
        let parts: Vec<_> = self.inside.iter().map(std::ffi::OsStr::as_encoded_bytes).collect();
        parts.join(&b'/')
    }
}

/// All that is in the folder, and the mode of the folder itself.
pub(super) async fn walk(root: &Path, events: &EventSender) -> Result<(Vec<Item>, u32), CommunicatorError> {
    let (root, events) = (root.to_owned(), events.clone());
    let walked = tokio::task::spawn_blocking(move || look(&root, &events)).await;
    walked.unwrap_or_else(|panic| Err(CommunicatorError::local(Path::new(""), io::Error::other(panic))))
}

fn look(root: &Path, events: &EventSender) -> Result<(Vec<Item>, u32), CommunicatorError> {
    let found = std::fs::metadata(root).map_err(|error| CommunicatorError::local(root, error))?;
    if !found.is_dir() {
        return Err(CommunicatorError::local(root, io::Error::new(io::ErrorKind::NotADirectory, "not a folder")));
    }
    let mut items = Vec::new();
    for entry in WalkDir::new(root).min_depth(1).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|error| explained(root, error))?;
        let found = entry.metadata().map_err(|error| explained(root, error))?;
        let Ok(inside) = entry.path().strip_prefix(root) else { continue };
        if !found.is_dir() && !found.is_file() {
            let text = format!("{} is neither file nor folder: not uploaded", entry.path().display());
            events.send(EventKind::Warning { text });
            continue;
        }
        let inside = inside.to_owned();
        items.push(Item { inside, mode: mode_of(&found) & 0o777, is_folder: found.is_dir(), from: entry.into_path() });
    }
    Ok((items, mode_of(&found) & 0o777))
}

fn explained(root: &Path, error: walkdir::Error) -> CommunicatorError {
    let path = error.path().unwrap_or(root).to_owned();
    let why = match error.loop_ancestor() {
        Some(ancestor) => {
            let text = "the link leads back to a folder that it is in, and would be followed without an end";
            io::Error::other(format!("{text}: {}; take it out of the folder", ancestor.display()))
        }
        None if path.is_symlink() => {
            let target = std::fs::read_link(&path).unwrap_or_default();
            io::Error::other(format!(
                "the link leads to {}, which cannot be read ({}); over SSH what a link leads to is uploaded",
                target.display(),
                io::Error::from(error)
            ))
        }
        None => error.into(),
    };
    CommunicatorError::local(&path, why)
}
