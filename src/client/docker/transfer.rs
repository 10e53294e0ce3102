//! Progress of a transfer as events: nothing for short ones, then a few a second.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bollard::errors::Error as ApiError;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use super::DockerError;
use crate::run::BuildContext;
use crate::run::cleanup::Resource;
use crate::run::event::{EventKind, EventSender};

/// A transfer that ends sooner is not worth a progress bar.
const PATIENCE: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_millis(100);

/// Bytes read from a local file at once.
const CHUNK: usize = 1 << 20;

/// A running transfer. Tells its end when dropped, whatever the way.
pub(crate) struct Transfer {
    events: EventSender,
    label: String,
    started: Instant,
    shown: Option<Instant>,
    done: u64,
    total: Option<u64>,
    /// Bytes done and in all, by layer.
    layers: BTreeMap<String, (u64, u64)>,
}

impl Transfer {
    pub(crate) fn new(cx: &BuildContext, label: impl Into<String>, total: Option<u64>) -> Self {
        Self {
            events: cx.events.clone(),
            label: label.into(),
            started: Instant::now(),
            shown: None,
            done: 0,
            total,
            layers: BTreeMap::new(),
        }
    }

    /// So many more bytes have moved.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        self.show();
    }

    /// Where one layer of an image stands; all layers are summed.
    pub(crate) fn layer(&mut self, id: &str, done: u64, total: u64) {
        self.layers.insert(id.to_owned(), (done.min(total), total));
        self.sum();
    }

    /// The layer is complete, though the engine did not report its last bytes.
    pub(crate) fn layer_done(&mut self, id: &str) {
        if let Some((done, total)) = self.layers.get_mut(id) {
            *done = *total;
            self.sum();
        }
    }

    fn sum(&mut self) {
        self.done = self.layers.values().map(|(done, _)| done).sum();
        self.total = Some(self.layers.values().map(|(_, total)| total).sum());
        self.show();
    }

    fn show(&mut self) {
        let due = match self.shown {
            Some(last) => last.elapsed() >= INTERVAL,
            None => self.started.elapsed() >= PATIENCE,
        };
        if due {
            self.shown = Some(Instant::now());
            self.events.send(EventKind::Progress {
                id: self.label.clone(),
                label: self.label.clone(),
                done: self.done,
                total: self.total,
            });
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if self.shown.is_some() {
            self.events.send(EventKind::ProgressFinished { id: self.label.clone() });
        }
    }
}

/// A local file as the body of a request, with its length as the transfer's total.
pub(super) async fn file_stream(
    path: &Path,
    mut transfer: Transfer,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, DockerError> {
    let error = |source| DockerError::local("read", path, source);
    let file = tokio::fs::File::open(path).await.map_err(error)?;
    transfer.total = Some(file.metadata().await.map_err(error)?.len());
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
