//! File transfer over the `sftp` subsystem, with many requests under way at a time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use russh_sftp::client::error::Error as SftpFailure;
use russh_sftp::client::fs::File;
use russh_sftp::client::{Config, SftpSession};
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::sync::oneshot;

use super::SshError;

/// Requests under way at a time: with fewer, a far machine is waited for.
const UNDER_WAY: usize = 64;
/// An answer that takes longer is not waited for, in seconds: longer than a machine may give no sign of life, which is
/// told as what it is.
const PATIENCE: u64 = 150;
/// A subsystem that does not greet within it does not start.
const GREETING: Duration = Duration::from_secs(120);
/// Bytes read or written at once on our side.
const CHUNK: usize = 256 << 10;

/// What stands at a path of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    File,
    Directory,
    Nothing,
}

pub(crate) struct Sftp {
    session: SftpSession,
}

impl Sftp {
    /// Waits for the machine to say that it has the subsystem.
    pub(super) async fn granted(mut channel: Channel<Msg>) -> Result<Channel<Msg>, SshError> {
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => return Ok(channel),
                Some(ChannelMsg::Failure) => return Err(SshError::Missing("the machine has no SFTP".to_owned())),
                Some(ChannelMsg::Close) | None => {
                    return Err(SshError::Broken("the connection broke before SFTP started".to_owned()));
                }
                Some(_) => {}
            }
        }
    }

    /// Greets the subsystem.
    pub(super) async fn start(channel: Channel<Msg>) -> Result<Self, SshError> {
        let config = Config {
            max_concurrent_reads: UNDER_WAY,
            max_concurrent_writes: UNDER_WAY,
            request_timeout_secs: PATIENCE,
            ..Config::default()
        };
        let missing = |why: String| SshError::Missing(format!("the machine's SFTP does not start: {why}"));
        let (open, closed) = oneshot::channel();
        let stream = Watched { inner: channel.into_stream(), open: Some(open) };
        // A subsystem that is configured and whose program is not there ends at once; a request that is made after that
        // would be waited for.
        tokio::select! {
            biased;
            greeted = tokio::time::timeout(GREETING, SftpSession::new_with_config(stream, config)) => {
                let session = greeted.unwrap_or(Err(SftpFailure::Timeout));
                Ok(Self { session: session.map_err(|error| missing(error.to_string()))? })
            }
            _ = closed => Err(missing("it ends at once".to_owned())),
        }
    }

    /// Writes all of `source` to the file. One that was there is overwritten and keeps its mode; a new one has that mode
    /// less the machine's mask.
    pub(crate) async fn put(
        &self,
        source: &mut (impl AsyncRead + Unpin + Send),
        path: &str,
        mode: u32,
        mut moved: impl FnMut(u64),
    ) -> Result<(), SshError> {
        let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let attributes = FileAttributes { permissions: Some(mode), ..FileAttributes::empty() };
        let opened = self.session.open_with_flags_and_attributes(path, flags, attributes).await;
        let mut file = opened.map_err(|error| explained(&error, "write", path))?;
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = source.read(&mut buffer).await;
            let read = read.map_err(|source| SshError::Local { path: String::new(), source })?;
            if read == 0 {
                break;
            }
            file.write_all(&buffer[..read]).await.map_err(|error| of_io(&error, "write", path))?;
            moved(read as u64);
        }
        close(file, "write", path).await
    }

    /// Reads all of the file into `sink`.
    pub(crate) async fn get(
        &self,
        path: &str,
        sink: &mut (impl AsyncWrite + Unpin + Send),
        mut moved: impl FnMut(u64),
    ) -> Result<(), SshError> {
        let mut file = self.session.open(path).await.map_err(|error| explained(&error, "read", path))?;
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = file.read(&mut buffer).await.map_err(|error| of_io(&error, "read", path))?;
            if read == 0 {
                break;
            }
            let written = sink.write_all(&buffer[..read]).await;
            written.map_err(|source| SshError::Local { path: String::new(), source })?;
            moved(read as u64);
        }
        close(file, "read", path).await
    }

    /// What is there, links followed.
    pub(crate) async fn stat(&self, path: &str) -> Result<Found, SshError> {
        match self.session.metadata(path).await {
            Ok(found) if found.is_dir() => Ok(Found::Directory),
            Ok(_) => Ok(Found::File),
            Err(SftpFailure::Status(status)) if status.status_code == StatusCode::NoSuchFile => Ok(Found::Nothing),
            Err(error) => Err(explained(&error, "look at", path)),
        }
    }

    /// Makes a folder; one that is there is good as it is. Whether it was made.
    pub(crate) async fn make_directory(&self, path: &str) -> Result<bool, SshError> {
        match self.session.create_dir(path).await {
            Ok(()) => Ok(true),
            Err(error) => match self.stat(path).await {
                Ok(Found::Directory) => Ok(false),
                _ => Err(explained(&error, "make the folder", path)),
            },
        }
    }

    /// Permission bits of what is there.
    pub(crate) async fn mode(&self, path: &str) -> Result<u32, SshError> {
        let found = self.session.metadata(path).await.map_err(|error| explained(&error, "look at", path))?;
        Ok(found.permissions.unwrap_or(0o777) & 0o777)
    }

    pub(crate) async fn set_mode(&self, path: &str, mode: u32) -> Result<(), SshError> {
        let attributes = FileAttributes { permissions: Some(mode), ..FileAttributes::empty() };
        let set = self.session.set_metadata(path, attributes).await;
        set.map_err(|error| explained(&error, "set the mode of", path))
    }

    /// The path from the root on, links followed.
    pub(crate) async fn absolute(&self, path: &str) -> Result<String, SshError> {
        self.session.canonicalize(path).await.map_err(|error| explained(&error, "look at", path))
    }

    /// Names in a folder, each with what it is, links followed.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<(String, Found)>, SshError> {
        let entries = self.session.read_dir(path).await.map_err(|error| explained(&error, "list", path))?;
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.file_name();
            let kind = match entry.file_type() {
                kind if kind.is_dir() => Found::Directory,
                kind if kind.is_symlink() => self.stat(&format!("{path}/{name}")).await?,
                _ => Found::File,
            };
            found.push((name, kind));
        }
        Ok(found)
    }
}

/// A stream whose end is seen by somebody else too.
struct Watched<S> {
    inner: S,
    /// Dropped at the end.
    open: Option<oneshot::Sender<()>>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if polled.is_ready() && room > 0 && buffer.remaining() == room {
            self.open = None;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Errors of writes that were still under way come with the close.
async fn close(file: File, action: &str, path: &str) -> Result<(), SshError> {
    file.close().await.map_err(|error| of_io(&error, action, path))
}

fn of_io(error: &io::Error, action: &str, path: &str) -> SshError {
    SshError::Refused(format!("could not {action} {path}: {error}"))
}

fn explained(error: &SftpFailure, action: &str, path: &str) -> SshError {
    let SftpFailure::Status(status) = error else {
        return SshError::Broken(format!("could not {action} {path}: {error}"));
    };
    let hint = match status.status_code {
        StatusCode::PermissionDenied => {
            "; the user may not: upload to a folder like /tmp, and move it with sudo in a shell provisioner"
        }
        StatusCode::NoSuchFile if action == "write" => {
            "; the folder does not exist: make it first, with a shell provisioner"
        }
        _ => "",
    };
    let mut said = status.error_message.clone();
    if said.is_empty() {
        said = status.status_code.to_string();
    }
    SshError::Refused(format!("could not {action} {path}: {said}{hint}"))
}
