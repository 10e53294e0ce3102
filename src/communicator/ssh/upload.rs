//! Uploads: one file as a command's input, a folder as a tar stream, and what the machine has instead. A file that is
//! there keeps its mode, as it does for scp; a new one has ours less the machine's mask.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::folder::Load;
use super::reading::{Mark, Reading};
use super::stream::{Source, hint, less_umask};
use super::walk::walk;
use super::{Method, Ssh, both};
use crate::client::progress::Transfer;
use crate::client::ssh::{Ended, Found, Running, Sftp, SshError, quoted, quoted_path, sftp_path};
use crate::communicator::tree::{inner_name, mode_of};
use crate::communicator::wrapper::choose_target;
use crate::communicator::{CommunicatorError, Content};
use crate::run::BuildContext;

/// Files of a folder that are under way at a time over SFTP.
const FILES: usize = 32;

impl Ssh {
    pub(super) async fn put_file(
        &self,
        content: Content<'_>,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let mut transfer = Transfer::new(cx, format!("Uploading {destination}"), None);
        let (mode, size) = match &content {
            Content::Bytes { bytes, mode } => (*mode, bytes.len() as u64),
            Content::File(path) => {
                let found = std::fs::metadata(path).map_err(|source| CommunicatorError::local(path, source))?;
                (mode_of(&found) & 0o777, found.len())
            }
        };
        transfer.expect(size);
        let whole = match &content {
            Content::Bytes { bytes, .. } => Source::Bytes(bytes.clone()),
            Content::File(path) => Source::File(path),
        };
        if self.config().method == Method::Fastest && self.stream_put(&whole, mode, destination, &mut transfer).await? {
            return Ok(());
        }
        if self.config().method != Method::Scp {
            match self.sftp().await {
                Ok(sftp) => {
                    let destination = known_to_sftp(destination)?;
                    return match &content {
                        Content::Bytes { bytes, .. } => {
                            sftp.put(&mut bytes.as_ref(), destination, mode, |moved| transfer.advance(moved)).await
                        }
                        Content::File(path) => put_one(&sftp, path, destination, mode, &mut transfer).await,
                    }
                    .map_err(|error| at(error.into(), content_path(&content)));
                }
                Err(CommunicatorError::Remote(_)) if self.config().method == Method::Fastest => {}
                Err(error) => return Err(error),
            }
        }
        self.scp_put(whole, mode, destination, &mut transfer).await
    }

    /// See [`crate::communicator::Communicator::upload_directory`] for what `source` and `destination` mean.
    pub(super) async fn put_directory(
        &self,
        source: &str,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let root = PathBuf::from(source);
        let inner = inner_name(source).map_err(|error| CommunicatorError::local(&root, error))?;
        let (items, mode) = walk(&root, &cx.events).await?;
        let load = Load { root: &root, items: Arc::new(items), mode, inner: &inner, destination };
        let mut transfer = Transfer::new(cx, format!("Uploading {source}"), None);
        let method = self.config().method;
        if method == Method::Fastest && self.tar_put(&load, &mut transfer).await? {
            return Ok(());
        }
        if method != Method::Scp {
            match self.sftp().await {
                Ok(sftp) => return sftp_put(&sftp, &load, &mut transfer).await,
                Err(CommunicatorError::Remote(_)) if method == Method::Fastest => {}
                Err(error) => return Err(error),
            }
        }
        let target = self.target(&load).await?;
        self.scp_put_tree(&load, &target, &mut transfer).await
    }

    /// Makes the folder that the contents go into, where it is not there, and yields its path.
    async fn target(&self, load: &Load<'_>) -> Result<String, CommunicatorError> {
        let destination = load.destination;
        let mark = Mark::new();
        let command = format!(
            "{}; {}; {{ [ -d \"$d\" ] || {{ mkdir -p \"$d\" && chmod {} \"$d\"; }}; }} && printf %s \"$d\"",
            mark.command(),
            choose_target(&quoted_path(destination), load.inner),
            less_umask(load.mode | 0o700)
        );
        let Running { input, output } = self.begin(&format!("/bin/sh -c {}", quoted(&command)), false).await?;
        let (mut reading, mut path) = (Reading::new(output, mark), Vec::new());
        let ended = both(&input, async { Ok(()) }, reading.rest(|bytes| path.extend_from_slice(&bytes)));
        match ended.await? {
            (Ended::Status(0), _) => Ok(String::from_utf8_lossy(&path).into_owned()),
            (_, said) => Err(CommunicatorError::Remote(format!(
                "the folder {destination} could not be made: {said}{}",
                hint(&said)
            ))),
        }
    }
}

async fn put_one(
    sftp: &Sftp,
    path: &Path,
    destination: &str,
    mode: u32,
    transfer: &mut Transfer,
) -> Result<(), SshError> {
    let mut file = tokio::fs::File::open(path)
        .await
        .map_err(|source| SshError::Local { path: path.display().to_string(), source })?;
    sftp.put(&mut file, destination, mode, |moved| transfer.advance(moved)).await
}

/// One folder after the other, files of all side by side.
async fn sftp_put(sftp: &Sftp, load: &Load<'_>, transfer: &mut Transfer) -> Result<(), CommunicatorError> {
    let named = known_to_sftp(load.destination)?;
    let mut target = named.trim_end_matches('/').to_owned();
    if !load.inner.is_empty() && sftp.stat(named).await? == Found::Directory {
        target = format!("{target}/{}", load.inner);
    }
    // Modes of those that are made. The first one shows the machine's mask.
    let mut made = Vec::new();
    let mut mask = 0o777;
    if !target.is_empty() && sftp.make_directory(&target).await? {
        mask = sftp.mode(&target).await?;
        made.push((target.clone(), load.mode));
    }
    let mut files = Vec::new();
    for item in load.items.iter() {
        let path = format!("{target}/{}", String::from_utf8_lossy(&item.name()));
        if !item.is_folder {
            files.push((item.from.clone(), path, item.mode));
        } else if sftp.make_directory(&path).await? {
            if made.is_empty() {
                mask = sftp.mode(&path).await?;
            }
            made.push((path, item.mode));
        }
    }
    let moved = std::sync::Mutex::new(transfer);
    let moved = &moved;
    let work = files.into_iter().map(|(from, to, mode)| async move {
        let mut file = tokio::fs::File::open(&from).await.map_err(|error| CommunicatorError::local(&from, error))?;
        let tell = |bytes| drop(moved.lock().map(|mut transfer| transfer.advance(bytes)));
        let put = sftp.put(&mut file, &to, mode, tell).await;
        put.map_err(|error| at(error.into(), &from))
    });
    futures_util::stream::iter(work).buffer_unordered(FILES).try_collect::<()>().await?;
    // Last, since a folder that nobody may write to takes no files.
    for (path, mode) in made.iter().rev().filter(|(_, mode)| mode & mask != mask) {
        sftp.set_mode(path, mode & mask).await?;
    }
    Ok(())
}

/// The path as SFTP takes it.
pub(super) fn known_to_sftp(path: &str) -> Result<&str, CommunicatorError> {
    let unknown =
        || format!("{path}: SFTP does not know where another user's home is; write the path from the root on");
    sftp_path(path).ok_or_else(|| CommunicatorError::Permanent(unknown()))
}

fn content_path<'a>(content: &Content<'a>) -> &'a Path {
    match content {
        Content::File(path) => path,
        Content::Bytes { .. } => Path::new(""),
    }
}

/// Names the local path in an error that does not know it.
fn at(error: CommunicatorError, path: &Path) -> CommunicatorError {
    match error {
        CommunicatorError::Local { path: known, source } if known.is_empty() => CommunicatorError::local(path, source),
        other => other,
    }
}
