//! Commands and files on a machine with an SSH server.
//!
//! One connection carries everything; one that broke is replaced once by the next call that needs it. Whoever calls
//! decides about more tries: only provisioners know whether the machine is meant to be away.

mod ask;
mod config;
mod connect;
mod download;
mod folder;
mod reading;
mod scp;
mod script;
mod stream;
#[cfg(test)]
mod tests;
mod tunnel;
mod upload;
mod walk;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

pub(crate) use config::{Method, SshConfig};

use super::{Answer, Communicator, CommunicatorError, Content, Exit, Question, Script};
use crate::client::ssh::{Ended, Hop, HostKeys, Input, Key, Output, Piece, Running, Session, Sftp, SshError, quoted};
use crate::run::BuildContext;
use crate::run::event::Stream;

/// Ending an abandoned command is a courtesy; nobody waits longer for it.
const ABANDON: Duration = Duration::from_secs(1);
/// A command that reads nothing of an upload, or sends nothing of a download, for so long hangs: on a dead file system or a
/// pipe.
const STALLED: Duration = Duration::from_secs(300);
/// Bytes of an upload that must be read within it.
const PIECE: usize = 256 << 10;

impl From<SshError> for CommunicatorError {
    fn from(error: SshError) -> Self {
        match error {
            SshError::Local { path, source } => Self::Local { path, source },
            SshError::HostKey(text) => Self::Permanent(text),
            other => Self::Remote(other.to_string()),
        }
    }
}

/// Where a machine is.
#[async_trait]
pub(crate) trait Target: Send + Sync {
    /// Host and port; nothing while it is not known yet. Asked before every attempt to connect. The error says why
    /// there is nothing to wait for any more.
    async fn address(&self) -> Result<Option<(String, u16)>, String>;
}

/// A machine whose address is known from the start.
pub(crate) struct Fixed(pub String, pub u16);

#[async_trait]
impl Target for Fixed {
    async fn address(&self) -> Result<Option<(String, u16)>, String> {
        Ok(Some((self.0.clone(), self.1)))
    }
}

/// What a command printed on stderr last.
struct Tail(Vec<u8>);

impl Tail {
    const LENGTH: usize = 512;

    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&bytes[bytes.len().saturating_sub(Self::LENGTH)..]);
        self.0.drain(..self.0.len().saturating_sub(Self::LENGTH));
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).trim().to_owned()
    }
}

/// The connection of the moment, and what it takes to make the next one.
struct Line {
    config: SshConfig,
    hop: Hop,
    host_keys: HostKeys,
    session: Mutex<Arc<Session>>,
}

impl Line {
    /// The connection as it is. Waits for one that is being made.
    async fn current(&self) -> Arc<Session> {
        Arc::clone(&*self.session.lock().await)
    }

    /// The connection, or a new one in place of one that broke.
    async fn session(&self) -> Result<Arc<Session>, CommunicatorError> {
        let mut session = self.session.lock().await;
        if session.is_closed() {
            *session = Arc::new(connect::again(&self.config, &self.hop, &self.host_keys).await?);
        }
        Ok(Arc::clone(&session))
    }

    /// A new connection in place of one that turned out to be broken.
    async fn renewed(&self, broken: &Arc<Session>) -> Result<Arc<Session>, CommunicatorError> {
        let mut session = self.session.lock().await;
        if Arc::ptr_eq(&session, broken) {
            *session = Arc::new(connect::again(&self.config, &self.hop, &self.host_keys).await?);
        }
        Ok(Arc::clone(&session))
    }
}

/// One machine.
pub(crate) struct Ssh {
    line: Arc<Line>,
    _tunnels: JoinSet<()>,
}

impl Ssh {
    /// Logs in to where `target` says, as often as the options allow. `key` is the private half of a key pair that
    /// was made for the build.
    pub(crate) async fn connect(
        config: &SshConfig,
        target: &dyn Target,
        key: Option<&str>,
        cx: &BuildContext,
    ) -> Result<Arc<dyn Communicator>, CommunicatorError> {
        config.hide(cx.events.redactor());
        let key = key.map(Key::parse).transpose().map_err(CommunicatorError::Permanent)?;
        let host_keys = HostKeys::default();
        let (session, hop) = connect::first(config, target, key.as_ref(), &host_keys, cx).await?;
        let session = Mutex::new(Arc::new(session));
        let line = Arc::new(Line { config: config.clone(), hop, host_keys, session });
        let tunnels = tunnel::listen_here(&line).await?;
        if config.quiet {
            cx.say(connect::introduced(&line.hop));
        }
        cx.detail("Connected to SSH!");
        Ok(Arc::new(Self { line, _tunnels: tunnels }))
    }

    fn config(&self) -> &SshConfig {
        &self.line.config
    }

    async fn begin(&self, command: &str, terminal: bool) -> Result<Running, CommunicatorError> {
        let session = self.line.session().await?;
        match session.exec(command, terminal).await {
            Err(SshError::Broken(_)) => Ok(self.line.renewed(&session).await?.exec(command, terminal).await?),
            begun => Ok(begun?),
        }
    }

    /// The result of moving files, with the reason in place of an error that is no more than the consequence of a
    /// connection that was lost. `what` was going on.
    async fn moved(&self, what: &str, done: Result<(), CommunicatorError>) -> Result<(), CommunicatorError> {
        let Err(CommunicatorError::Remote(text)) = done else { return done };
        match self.line.current().await.why_lost() {
            Some(why) if !text.contains(why) => Err(broke(what, why)),
            _ => Err(CommunicatorError::Remote(text)),
        }
    }

    async fn sftp(&self) -> Result<Sftp, CommunicatorError> {
        let session = self.line.session().await?;
        match session.sftp().await {
            Err(SshError::Broken(_)) => Ok(self.line.renewed(&session).await?.sftp().await?),
            begun => Ok(begun?),
        }
    }

    /// Runs a command whose output is shown. `input` is all that it can read.
    async fn run(
        &self,
        command: &str,
        input: Bytes,
        terminal: bool,
        cx: &BuildContext,
    ) -> Result<(Exit, Tail), CommunicatorError> {
        let running = cx.cancel.unless_stopped(self.begin(command, terminal)).await??;
        let Running { input: sink, mut output } = running;
        let feed = async {
            // A command that ends without reading is none of our business: its status counts.
            if !input.is_empty() {
                let _ = sink.write(input).await;
            }
            let _ = sink.end().await;
            std::future::pending::<()>().await
        };
        let show = async {
            let (mut out, mut err) = (cx.lines(Stream::Stdout), cx.lines(Stream::Stderr));
            let mut tail = Tail(Vec::new());
            while let Some(piece) = output.next().await {
                match piece {
                    Piece::Out(bytes) => out.write(&bytes).await,
                    Piece::Err(bytes) => {
                        tail.push(&bytes);
                        err.write(&bytes).await;
                    }
                }
            }
            out.finish();
            err.finish();
            if let (Ended::Lost, Some(why)) = (output.ended(), output.why_lost()) {
                cx.say(format!("The connection is lost: {why}"));
            }
            (exit(output.ended()), tail)
        };
        let work = async {
            tokio::select! {
                done = show => done,
                () = feed => (Exit::Disconnected, Tail(Vec::new())),
            }
        };
        match cx.cancel.unless_stopped(work).await {
            Ok(done) => Ok(done),
            Err(cancelled) => {
                let _ = tokio::time::timeout(ABANDON, sink.abandon()).await;
                Err(cancelled.into())
            }
        }
    }
}

/// Feeds a command while its output is taken, until that ends. An error of our own side ends both.
async fn both<T>(
    input: &Input,
    feed: impl Future<Output = Result<(), CommunicatorError>>,
    take: impl Future<Output = Result<T, CommunicatorError>>,
) -> Result<T, CommunicatorError> {
    let fed = async {
        match feed.await {
            // What the machine says about it is worth more.
            Ok(()) | Err(CommunicatorError::Remote(_)) => {
                let _ = input.end().await;
                std::future::pending().await
            }
            Err(error) => error,
        }
    };
    let mut fed = std::pin::pin!(fed);
    let mut take = std::pin::pin!(take);
    tokio::select! {
        error = &mut fed => {
            let _ = tokio::time::timeout(ABANDON, input.abandon()).await;
            Err(error)
        }
        taken = &mut take => {
            if taken.is_err() {
                let _ = tokio::time::timeout(ABANDON, input.abandon()).await;
            }
            taken
        }
    }
}

/// Sends bytes of an upload, as fast as the command reads them.
async fn give(input: &Input, mut bytes: Bytes) -> Result<(), CommunicatorError> {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(PIECE));
        match tokio::time::timeout(STALLED, input.write(piece)).await {
            Ok(written) => written?,
            // No fault of the connection, of which the machine would say more.
            Err(_) => {
                let text = format!("the machine is there, but reads nothing of the upload for {} s", STALLED.as_secs());
                return Err(CommunicatorError::Permanent(text));
            }
        }
    }
    Ok(())
}

/// Reads a command's output to its end, stdout by `take`. Yields how it ended and what it said on stderr, or why the
/// connection was lost.
async fn drain(output: &mut Output, mut take: impl FnMut(Bytes)) -> Result<(Ended, String), CommunicatorError> {
    let mut tail = Tail(Vec::new());
    while let Some(piece) = output.next().await {
        match piece {
            Piece::Out(bytes) => take(bytes),
            Piece::Err(bytes) => tail.push(&bytes),
        }
    }
    let said = match (output.ended(), output.why_lost()) {
        (Ended::Lost, Some(why)) => why.to_owned(),
        _ => tail.text(),
    };
    Ok((output.ended(), said))
}

/// What is told of an upload or download whose connection broke, and why if that is known.
fn broke(what: &str, why: &str) -> CommunicatorError {
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    CommunicatorError::Remote(format!("the connection broke while {what}{why}"))
}

fn exit(ended: Ended) -> Exit {
    match ended {
        Ended::Status(status) => Exit::Status(status.into()),
        Ended::Lost => Exit::Disconnected,
    }
}

/// A text as a basic regular expression of `sed` that matches this very text. A backslash before any other character
/// would give it a meaning instead of taking one away.
fn literally(text: &str) -> String {
    let escape = |c: char| if r".[*^$\/".contains(c) { vec!['\\', c] } else { vec![c] };
    text.chars().flat_map(escape).collect()
}

/// Takes the lines of the temporary key out of the user's and of root's `authorized_keys`. What fails is only told:
/// the image works without.
pub(crate) async fn clear_authorized_keys(machine: &dyn Communicator, key_name: &str, cx: &BuildContext) {
    let delete = quoted(&format!("/ {}$/d", literally(key_name)));
    let command = format!(
        "sed -i.bak {delete} ~/.ssh/authorized_keys; rm -f ~/.ssh/authorized_keys.bak; \
         if sudo -n true 2>/dev/null; then sudo -n sed -i.bak {delete} /root/.ssh/authorized_keys; \
         sudo -n rm -f /root/.ssh/authorized_keys.bak; fi"
    );
    cx.say("Trying to remove the temporary key from authorized_keys...");
    match machine.exec(&command, cx).await {
        Ok(Exit::Status(0)) => {}
        Ok(other) => cx.warn(format!("the temporary key could not be removed from authorized_keys: {other:?}")),
        Err(error) => cx.warn(format!("the temporary key could not be removed from authorized_keys: {error}")),
    }
}

#[async_trait]
impl Communicator for Ssh {
    async fn exec(&self, command: &str, cx: &BuildContext) -> Result<Exit, CommunicatorError> {
        Ok(self.run(command, Bytes::new(), self.config().pty, cx).await?.0)
    }

    async fn ask(&self, question: &Question<'_>, cx: &BuildContext) -> Result<Answer, CommunicatorError> {
        cx.cancel.unless_stopped(self.put_question(question)).await?
    }

    async fn run_script(&self, script: &Script<'_>, cx: &BuildContext) -> Result<Exit, CommunicatorError> {
        self.put_and_run(script, cx).await
    }

    async fn upload_file(
        &self,
        content: Content<'_>,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let done = cx.cancel.unless_stopped(self.put_file(content, destination, cx)).await?;
        self.moved(&format!("{destination} was uploaded"), done).await
    }

    async fn upload_directory(
        &self,
        source: &str,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let done = cx.cancel.unless_stopped(self.put_directory(source, destination, cx)).await?;
        self.moved(&format!("{destination} was uploaded"), done).await
    }

    fn follows_links(&self) -> bool {
        true
    }

    async fn download_file(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let done = cx.cancel.unless_stopped(self.fetch_file(source, destination, cx)).await?;
        self.moved(&format!("{source} was read"), done).await
    }

    async fn download_directory(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let done = cx.cancel.unless_stopped(self.fetch_directory(source, destination, cx)).await?;
        self.moved(&format!("{source} was read"), done).await
    }
}
