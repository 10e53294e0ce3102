//! How a build talks to its machine: run commands, move files. One implementation per kind of connection.
//!
//! Builders say how their machine is reached ([`Connection`]); the engine connects; provisioners use the trait.

pub(crate) mod chroot;
#[cfg(feature = "docker")]
pub(crate) mod docker_exec;
mod landing;
pub(crate) mod none;
pub(crate) mod ssh;
mod tree;
mod wrapper;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::run::BuildContext;
use crate::run::cancel::Cancelled;

/// How a command on the machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Status(i64),
    /// The connection broke before a status came: a reboot, or a fault.
    Disconnected,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum CommunicatorError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// Reading or writing on our side.
    #[error("{path}: {source}")]
    Local { path: String, source: std::io::Error },
    /// The machine refused or the transport failed; the text says what was tried.
    #[error("{0}")]
    Remote(String),
    /// Like [`Self::Remote`], but the same call will fail again however often it is made: no shell in the image, no
    /// such machine any more.
    #[error("{0}")]
    Permanent(String),
    #[error("this build has no machine to {0}: its communicator is \"none\"")]
    NoMachine(&'static str),
}

impl CommunicatorError {
    /// Names the file on our side.
    pub(crate) fn local(path: &Path, source: std::io::Error) -> Self {
        Self::Local { path: path.display().to_string(), source }
    }

    /// Whether the same call may succeed a little later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Remote(_))
    }
}

/// What is uploaded as one file.
#[derive(Debug, Clone)]
pub(crate) enum Content<'a> {
    /// A local file; its permission bits are kept.
    File(&'a Path),
    /// Bytes with the given mode.
    Bytes { bytes: Bytes, mode: u32 },
}

/// A script that is put on the machine, run, and removed.
#[derive(Debug, Clone)]
pub(crate) struct Script<'a> {
    pub content: Bytes,
    /// Where it is put, with mode 0755.
    pub path: &'a str,
    /// Command line that runs it.
    pub command: &'a str,
    /// Leave it there afterwards (`skip_clean`).
    pub keep: bool,
}

/// What a machine is asked: a text for its `/bin/sh`, whose answer is for us and not shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub script: &'a str,
    /// Its `$1`, `$2`, ...
    pub words: &'a [&'a str],
    /// Bytes that are taken of the answer.
    pub longest: usize,
    /// Time for all of it.
    pub patience: Duration,
}

/// What came on stdout. The machine is not trusted: it may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub bytes: Vec<u8>,
    /// Why it is not whole.
    pub cut: Option<Cut>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    TooLong,
    TooLate,
}

impl Answer {
    /// Takes a further piece; whether more is wanted.
    fn take(&mut self, piece: &[u8], longest: usize) -> bool {
        let room = longest.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            self.cut = Some(Cut::TooLong);
        }
        self.cut.is_none()
    }
}

/// A connected machine. Output of commands goes to the build's events as it comes.
///
/// Every call gives up with [`CommunicatorError::Cancelled`] when the build is stopped.
#[async_trait]
pub(crate) trait Communicator: Send + Sync {
    /// Runs a command line in the machine's shell.
    async fn exec(&self, command: &str, cx: &BuildContext) -> Result<Exit, CommunicatorError>;

    /// Asks the machine something, in one round trip. What takes too long or says too much is ended, and what came until
    /// then is the answer.
    async fn ask(&self, question: &Question<'_>, cx: &BuildContext) -> Result<Answer, CommunicatorError>;

    /// Uploads, runs and removes a script. Failing to upload or to start it is an error and may be tried again;
    /// an exit status, whatever its value, is not.
    async fn run_script(&self, script: &Script<'_>, cx: &BuildContext) -> Result<Exit, CommunicatorError>;

    /// Puts one file at `destination`, which names the file itself, not its folder.
    async fn upload_file(
        &self,
        content: Content<'_>,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError>;

    /// Puts a folder at `destination`. `source` ending in `/` means its contents; without, the folder itself goes
    /// into an existing destination.
    async fn upload_directory(
        &self,
        source: &str,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError>;

    /// Whether links in an uploaded folder are replaced by what they lead to.
    fn follows_links(&self) -> bool {
        false
    }

    /// Fetches one file; the folder of `destination` exists. Links are followed.
    async fn download_file(&self, source: &str, destination: &Path, cx: &BuildContext)
    -> Result<(), CommunicatorError>;

    /// Fetches a folder, under its own name, into the local folder `destination`. Over SSH, a path with patterns stands for
    /// all that they match.
    async fn download_directory(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError>;
}
