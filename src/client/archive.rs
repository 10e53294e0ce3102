//! Tar archives made while they are sent: a thread of its own reads files, the request's body takes the chunks.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::sync::mpsc;

/// Bytes handed over at once; four chunks wait at most, so memory stays small whatever the size of the archive.
const CHUNK: usize = 1 << 20;
const WAITING: usize = 4;

/// An archive under way.
pub(crate) struct Archive {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    task: ArchiveTask,
}

/// Tells what went wrong on our side, when the request failed.
pub(crate) struct ArchiveTask(tokio::task::JoinHandle<Option<io::Error>>);

/// Where the archive is written to.
pub(crate) struct ChunkWriter {
    held: BytesMut,
    out: mpsc::Sender<io::Result<Bytes>>,
}

/// Starts to write an archive with `fill`.
pub(crate) fn archive(fill: impl FnOnce(&mut tar::Builder<ChunkWriter>) -> io::Result<()> + Send + 'static) -> Archive {
    let (out, chunks) = mpsc::channel(WAITING);
    let task = tokio::task::spawn_blocking(move || {
        let mut builder = tar::Builder::new(ChunkWriter { held: BytesMut::new(), out: out.clone() });
        builder.follow_symlinks(false);
        let written = fill(&mut builder).and_then(|()| builder.into_inner()).and_then(|mut writer| writer.flush());
        let error = written.err()?;
        // A request whose body ends early must not look complete.
        let _ = out.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
        Some(error)
    });
    Archive { chunks, task: ArchiveTask(task) }
}

impl Archive {
    pub(crate) fn split(self) -> (impl Stream<Item = io::Result<Bytes>> + Send + 'static, ArchiveTask) {
        let mut chunks = self.chunks;
        (futures_util::stream::poll_fn(move |cx| chunks.poll_recv(cx)), self.task)
    }
}

impl ArchiveTask {
    /// The error that stopped the archive, unless it stopped because nobody took it any more.
    pub(crate) async fn error(self) -> Option<io::Error> {
        match self.0.await {
            Ok(error) => error.filter(|error| error.kind() != io::ErrorKind::BrokenPipe),
            Err(panic) => Some(io::Error::other(panic)),
        }
    }
}

impl ChunkWriter {
    fn send(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let chunk = self.held.split().freeze();
        self.out.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.capacity() == 0 {
            self.held = BytesMut::with_capacity(CHUNK);
        }
        let taken = bytes.len().min(CHUNK - self.held.len());
        self.held.extend_from_slice(&bytes[..taken]);
        if self.held.len() == CHUNK {
            self.send()?;
            self.held = BytesMut::with_capacity(CHUNK);
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}
