//! Files on their way to the engine and from it.

use std::io;
use std::path::{Path, PathBuf};

use bollard::errors::Error as ApiError;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use super::DockerError;
use crate::client::progress::Transfer;
use crate::run::BuildContext;
use crate::run::cleanup::Resource;

/// Bytes read from a local file at once.
const CHUNK: usize = 1 << 20;

/// A local file as the body of a request, with its length as the transfer's total.
pub(super) async fn file_stream(
    path: &Path,
    mut transfer: Transfer,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, DockerError> {
    let error = |source| DockerError::local("read", path, source);
    let file = tokio::fs::File::open(path).await.map_err(error)?;
    transfer.expect(file.metadata().await.map_err(error)?.len());
    Ok(ReaderStream::with_capacity(file, CHUNK).inspect(move |chunk| {
        transfer.advance(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64));
    }))
}

/// Writes a stream of the engine to `path`, which appears only when it is complete; folders above it are made.
/// `action` reads on after "could not".
pub(super) async fn to_file(
    stream: impl Stream<Item = Result<Bytes, ApiError>>,
    path: &Path,
    action: &str,
    cx: &BuildContext,
) -> Result<(), DockerError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        tokio::fs::create_dir_all(parent)
            .await
            .map_err(|source| DockerError::local("make the folder", parent, source))?;
    }
    let part = part_of(path);
    let resource = Resource::File { path: part.clone() };
    cx.acquire(resource.clone())?;
    let mut written = write_all(stream, &part, action, cx).await;
    if written.is_ok() {
        let renamed = tokio::fs::rename(&part, path).await;
        written = renamed.map_err(|source| DockerError::local("write", path, source));
    }
    if written.is_err() {
        // A partial file that cannot be removed stays on the cleanup stack, which tells the user.
        match tokio::fs::remove_file(&part).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return written,
            _ => {}
        }
    }
    cx.keep(&resource)?;
    written
}

async fn write_all(
    stream: impl Stream<Item = Result<Bytes, ApiError>>,
    part: &Path,
    action: &str,
    cx: &BuildContext,
) -> Result<(), DockerError> {
    let error = |source| DockerError::local("write", part, source);
    let mut stream = std::pin::pin!(stream);
    let mut transfer = Transfer::new(cx, format!("Writing {}", part.with_extension("").display()), None);
    let mut file = tokio::fs::File::create(part).await.map_err(error)?;
    while let Some(chunk) = cx.cancel.unless_stopped(stream.next()).await? {
        let chunk = chunk.map_err(|error| DockerError::call(action, &error))?;
        file.write_all(&chunk).await.map_err(error)?;
        transfer.advance(chunk.len() as u64);
    }
    // A full disk may show only now: writes go through a buffer.
    file.flush().await.map_err(error)?;
    file.sync_all().await.map_err(error)
}

/// `NAME.part` beside the file: the same disk, so that renaming is one step.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}
