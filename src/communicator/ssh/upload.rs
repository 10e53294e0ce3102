//! Uploads: one file as a command's input, a folder as a tar stream, and what the machine has instead.

use std::io;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::stream::{Source, hint};
use super::{Method, Ssh, both, broke, drain, give};
use crate::client::archive::archive;
use crate::client::progress::Transfer;
use crate::client::ssh::{Ended, Found, Running, Sftp, SshError, quoted, quoted_path, sftp_path};
use crate::communicator::tree::{Tar, append_tree, inner_name, mode_of};
use crate::communicator::wrapper::make_target;
use crate::communicator::{CommunicatorError, Content};
use crate::run::BuildContext;

/// Files of a folder that are under way at a time over SFTP.
const FILES: usize = 32;

/// Status of a shell that does not find the program.
const NOT_FOUND: u32 = 127;

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
                let found = std::fs::metadata(path).map_err(|source| local(path, source))?;
                (mode_of(&found), found.len())
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
        let found = std::fs::metadata(&root).map_err(|error| local(&root, error))?;
        if !found.is_dir() {
            return Err(local(&root, io::Error::new(io::ErrorKind::NotADirectory, "not a folder")));
        }
        let inner = inner_name(source).map_err(|error| local(&root, error))?;
        let mut transfer = Transfer::new(cx, format!("Uploading {source}"), None);
        match self.config().method {
            Method::Fastest => {
                if self.tar_put(&root, &inner, destination, &mut transfer, cx).await? {
                    return Ok(());
                }
            }
            Method::Scp => {
                let target = self.target(destination, &inner).await?;
                return self.scp_put_tree(&root, &target, &mut transfer).await;
            }
            Method::Sftp => {}
        }
        let sftp = self.sftp().await?;
        sftp_put(&sftp, &root, &inner, destination, &mut transfer).await
    }

    /// Sends the folder as a tar stream. Not done when the machine has no tar.
    async fn tar_put(
        &self,
        root: &Path,
        inner: &str,
        destination: &str,
        transfer: &mut Transfer,
        cx: &BuildContext,
    ) -> Result<bool, CommunicatorError> {
        let (walked, events) = (root.to_owned(), cx.events.clone());
        let fill = move |tar: &mut Tar| append_tree(tar, &walked, Path::new(""), None, &events);
        let (body, task) = archive(fill).split();
        let mut body = std::pin::pin!(body);
        let command = format!("{} && exec tar -xof - -C \"$d\"", make_target(&quoted_path(destination), inner));
        let command = format!("/bin/sh -c {}", quoted(&command));
        let Running { input, mut output } = self.begin(&command, false).await?;
        let feed = async {
            while let Some(chunk) = body.next().await {
                let chunk = chunk.map_err(|error| local(root, error))?;
                let size = chunk.len() as u64;
                give(&input, chunk).await?;
                transfer.advance(size);
            }
            Ok(())
        };
        let ended = both(&input, feed, drain(&mut output, drop)).await;
        match ended {
            Ok((Ended::Status(0), _)) => Ok(true),
            Ok((Ended::Status(NOT_FOUND), _)) => Ok(false),
            Ok((Ended::Lost, why)) => Err(broke(&format!("{} was uploaded", root.display()), &why)),
            Ok((Ended::Status(status), said)) => Err(CommunicatorError::Remote(format!(
                "the folder {} could not be unpacked at {destination} (status {status}): {said}{}",
                root.display(),
                hint(&said)
            ))),
            Err(CommunicatorError::Local { path, source }) => match task.error().await {
                Some(error) => Err(CommunicatorError::Local { path, source: error }),
                None => Err(CommunicatorError::Local { path, source }),
            },
            Err(error) => Err(error),
        }
    }

    /// Makes the folder that the contents go into, and yields its path.
    async fn target(&self, destination: &str, inner: &str) -> Result<String, CommunicatorError> {
        let mut path = Vec::new();
        let command = format!("{} && printf %s \"$d\"", make_target(&quoted_path(destination), inner));
        let Running { input, mut output } = self.begin(&format!("/bin/sh -c {}", quoted(&command)), false).await?;
        let ended = both(&input, async { Ok(()) }, drain(&mut output, |bytes| path.extend_from_slice(&bytes)));
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
async fn sftp_put(
    sftp: &Sftp,
    root: &Path,
    inner: &str,
    destination: &str,
    transfer: &mut Transfer,
) -> Result<(), CommunicatorError> {
    let mut target = known_to_sftp(destination)?.trim_end_matches('/').to_owned();
    if !inner.is_empty() && sftp.stat(&target).await? == Found::Directory {
        target = format!("{target}/{inner}");
    }
    sftp.make_directory(&target).await?;
    let mut files = Vec::new();
    let mut directories = Vec::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|error| local(root, error.into()))?;
        let Ok(inside) = entry.path().strip_prefix(root) else { continue };
        let path = format!("{target}/{}", inside.display());
        let found = entry.metadata().map_err(|error| local(entry.path(), error.into()))?;
        if found.is_dir() {
            sftp.make_directory(&path).await?;
            directories.push((path, mode_of(&found)));
        } else if found.is_symlink() {
            let link = std::fs::read_link(entry.path()).map_err(|error| local(entry.path(), error))?;
            sftp.link(&link.display().to_string(), &path).await?;
        } else if found.is_file() {
            files.push((entry.into_path(), path, mode_of(&found)));
        }
    }
    let moved = std::sync::Mutex::new(transfer);
    let moved = &moved;
    let work = files.into_iter().map(|(from, to, mode)| async move {
        let mut file = tokio::fs::File::open(&from).await.map_err(|error| local(&from, error))?;
        let tell = |bytes| drop(moved.lock().map(|mut transfer| transfer.advance(bytes)));
        let put = sftp.put(&mut file, &to, mode, tell).await;
        put.map_err(|error| at(error.into(), &from))
    });
    futures_util::stream::iter(work).buffer_unordered(FILES).try_collect::<()>().await?;
    // Last, since a folder that nobody may write to takes no files.
    for (path, mode) in directories.iter().rev() {
        sftp.set_mode(path, *mode).await?;
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
        CommunicatorError::Local { path: known, source } if known.is_empty() => local(path, source),
        other => other,
    }
}

fn local(path: &Path, source: io::Error) -> CommunicatorError {
    CommunicatorError::Local { path: path.display().to_string(), source }
}
