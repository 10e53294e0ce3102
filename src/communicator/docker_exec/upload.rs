//! Uploads: files become a tar archive as it is sent, with the owner in its headers.

use std::io;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;

use super::DockerExec;
use crate::client::archive::archive;
use crate::client::progress::Transfer;
use crate::communicator::tree::{Tar, append_file, append_tree, set_owner};
use crate::communicator::{CommunicatorError, Content};
use crate::run::BuildContext;

/// Writes the entries of an archive while it is sent.
type Fill = Box<dyn FnOnce(&mut Tar) -> io::Result<()> + Send>;

impl DockerExec {
    pub(super) async fn put_file(
        &self,
        content: Content<'_>,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let (folder, name) = split(destination)?;
        let owner = self.owner().await?;
        let name = name.to_owned();
        let (label, size, path) = match &content {
            Content::File(path) => {
                let size = std::fs::metadata(path).map_err(|source| CommunicatorError::local(path, source))?.len();
                (format!("Uploading {}", path.display()), size, path.to_path_buf())
            }
            Content::Bytes { bytes, .. } => (format!("Uploading {destination}"), bytes.len() as u64, PathBuf::new()),
        };
        let fill: Fill = match content {
            Content::File(path) => {
                let path = path.to_owned();
                Box::new(move |tar| append_file(tar, &path, Path::new(&name), owner))
            }
            Content::Bytes { bytes, mode } => Box::new(move |tar| {
                let mut header = tar::Header::new_gnu();
                header.set_size(bytes.len() as u64);
                header.set_mode(mode);
                header.set_mtime(now());
                set_owner(&mut header, Some(owner.unwrap_or((0, 0))));
                tar.append_data(&mut header, &name, bytes.as_ref())
            }),
        };
        let sent = self.put(folder, fill, Transfer::new(cx, label, Some(size)), &path, cx).await;
        sent.map_err(|error| explain(error, destination, folder))
    }

    /// The four cases of `docker cp`: see [`crate::communicator::Communicator::upload_directory`].
    pub(super) async fn put_directory(
        &self,
        source: &str,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let root = PathBuf::from(source);
        let found = std::fs::metadata(&root).map_err(|error| CommunicatorError::local(&root, error))?;
        if !found.is_dir() {
            return Err(CommunicatorError::local(&root, io::Error::new(io::ErrorKind::NotADirectory, "not a folder")));
        }
        let contents_only = source.ends_with('/') || source.ends_with("/.");
        let target = trimmed(destination);
        let (folder, prefix) = match self.is_folder(target).await? {
            Some(true) if contents_only => (target, PathBuf::new()),
            Some(true) => {
                // `..` and `.` have no name of their own: ask where they lead.
                let whole = root.canonicalize().map_err(|error| CommunicatorError::local(&root, error))?;
                (target, whole.file_name().map(PathBuf::from).unwrap_or_default())
            }
            Some(false) => {
                let text = format!("{destination} is a file in the container: a folder cannot be uploaded over it");
                return Err(CommunicatorError::Remote(text));
            }
            None => {
                let (folder, name) = split(target)?;
                (folder, PathBuf::from(name))
            }
        };
        let owner = self.owner().await?;
        let transfer = Transfer::new(cx, format!("Uploading {source}"), None);
        let events = cx.events.clone();
        let walked = root.clone();
        let fill = move |tar: &mut Tar| append_tree(tar, &walked, &prefix, owner, &events);
        let sent = self.put(folder, Box::new(fill), transfer, &root, cx).await;
        sent.map_err(|error| explain(error, destination, folder))
    }

    async fn put(
        &self,
        folder: &str,
        fill: Fill,
        mut transfer: Transfer,
        source: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let (body, task) = archive(fill).split();
        let body = body.inspect(move |chunk| transfer.advance(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64)));
        let sent = self.docker.put_archive(&self.options.container, folder, body);
        let sent = cx.cancel.unless_stopped(sent).await?;
        match (sent, task.error().await) {
            (Err(_), Some(error)) => Err(CommunicatorError::local(source, error)),
            (sent, _) => Ok(sent?),
        }
    }

    /// Whether the path is a folder, or a link to one; nothing when there is nothing.
    pub(super) async fn is_folder(&self, path: &str) -> Result<Option<bool>, CommunicatorError> {
        let container = &self.options.container;
        let mut found = self.docker.stat(container, path).await?;
        if let Some(target) = found.as_ref().and_then(|stat| stat.link_target.clone()) {
            found = self.docker.stat(container, &target).await?;
        }
        Ok(found.map(|stat| stat.is_dir))
    }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn trimmed(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if path.starts_with('/') => "/",
        rest => rest,
    }
}

/// Folder and name of a path in the container. Relative ones start at the root, as for `docker cp`.
fn split(path: &str) -> Result<(&str, &str), CommunicatorError> {
    let (folder, name) = path.rsplit_once('/').map_or(("/", path), |(folder, name)| (folder, name));
    if matches!(name, "" | "." | "..") {
        return Err(CommunicatorError::Remote(format!("{path:?} does not name a file in the container")));
    }
    Ok((if folder.is_empty() { "/" } else { folder }, name))
}

/// The engine's words say neither which path nor what to do.
fn explain(error: CommunicatorError, destination: &str, folder: &str) -> CommunicatorError {
    let CommunicatorError::Remote(text) = &error else { return error };
    if text.contains("cannot overwrite directory") {
        return CommunicatorError::Remote(format!(
            "{destination} is a folder in the container; end it with a slash to put the file into it"
        ));
    }
    if text.contains("Could not find the file") || text.contains("not a directory") {
        return CommunicatorError::Remote(format!(
            "the folder {folder} does not exist in the container; make it first, with a shell provisioner"
        ));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_and_name() {
        assert_eq!(split("/etc/x").unwrap(), ("/etc", "x"));
        assert_eq!(split("/x").unwrap(), ("/", "x"));
        assert_eq!(split("x").unwrap(), ("/", "x"));
        assert!(split("/etc/").is_err() && split("/etc/..").is_err());
        assert_eq!((trimmed("/a//"), trimmed("/"), trimmed("/a/b")), ("/a", "/", "/a/b"));
    }
}
