//! An authenticated connection, on which commands and file transfers have a channel each.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use russh::client::{Handle, Msg};
use russh::{Channel, Disconnect};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::SshError;
use super::handler::{Fate, Handler};
use super::run::Running;
use super::sftp::Sftp;

/// A machine whose answers take longer is far.
const FAR: Duration = Duration::from_millis(5);
/// A machine that is alive and does not do what it is asked within it hangs. Logins of directory services and mounts of
/// home folders take their time.
const ANSWER: Duration = Duration::from_secs(120);
/// Saying good-bye is a courtesy.
const FAREWELL: Duration = Duration::from_secs(1);
/// Size of the terminal that a command gets, as in the peer.
const TERMINAL: (u32, u32) = (80, 40);
/// Mode of a terminal (RFC 4254, 8): characters are not echoed.
const NO_ECHO: [(russh::Pty, u32); 3] =
    [(russh::Pty::ECHO, 0), (russh::Pty::TTY_OP_ISPEED, 14_400), (russh::Pty::TTY_OP_OSPEED, 14_400)];

pub(crate) struct Session {
    handle: Arc<Handle<Handler>>,
    /// Carries this connection, and ends after it.
    bastion: Option<Handle<Handler>>,
    fate: Fate,
    forward_agent: bool,
    /// A channel for the next command, opened while the one before runs: on a far machine that saves a round trip.
    spare: Arc<Mutex<Option<Channel<Msg>>>>,
}

impl Session {
    pub(super) fn new(
        handle: Handle<Handler>,
        bastion: Option<Handle<Handler>>,
        fate: Fate,
        forward_agent: bool,
    ) -> Self {
        Self { handle: Arc::new(handle), bastion, fate, forward_agent, spare: Arc::default() }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Why it ended, when the machine has not hung up itself.
    pub(crate) fn why_lost(&self) -> Option<&str> {
        self.fate.why()
    }

    /// Starts a command in the login shell of the user.
    pub(crate) async fn exec(&self, command: &str, terminal: bool) -> Result<Running, SshError> {
        answered("does not start a command", self.start(command, terminal)).await
    }

    async fn start(&self, command: &str, terminal: bool) -> Result<Running, SshError> {
        let channel = self.channel().await?;
        if self.forward_agent {
            // A machine that forbids it says so to the program that wants the agent.
            let _ = channel.agent_forward(false).await;
        }
        if terminal {
            channel.request_pty(false, "xterm", TERMINAL.0, TERMINAL.1, 0, 0, &NO_ECHO).await?;
        }
        channel.exec(true, command).await?;
        let sent = Instant::now();
        let running = Running::started(channel, self.fate.clone()).await?;
        if sent.elapsed() > FAR {
            self.open_spare();
        }
        Ok(running)
    }

    /// A machine that allows one channel at a time refuses it, and the next command opens its own.
    fn open_spare(&self) {
        if self.spare.lock().is_ok_and(|spare| spare.is_some()) {
            return;
        }
        let (handle, spare) = (Arc::clone(&self.handle), Arc::clone(&self.spare));
        tokio::spawn(async move {
            if let Ok(channel) = handle.channel_open_session().await
                && let Ok(mut spare) = spare.lock()
            {
                *spare = Some(channel);
            }
        });
    }

    /// Starts the file transfer subsystem.
    pub(crate) async fn sftp(&self) -> Result<Sftp, SshError> {
        let granted = async {
            let channel = self.channel().await?;
            channel.request_subsystem(true, "sftp").await?;
            Sftp::granted(channel).await
        };
        Sftp::start(answered("does not start SFTP", granted).await?).await
    }

    /// A stream to a port that the machine reaches, for a connection that came from `origin`.
    pub(crate) async fn reach(
        &self,
        host: &str,
        port: u16,
        origin: SocketAddr,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>, SshError> {
        let (from, from_port) = (origin.ip().to_string(), u32::from(origin.port()));
        let channel = self.handle.channel_open_direct_tcpip(host, port.into(), from, from_port).await?;
        Ok(channel.into_stream())
    }

    async fn channel(&self) -> Result<Channel<Msg>, SshError> {
        let spare = self.spare.lock().ok().and_then(|mut spare| spare.take());
        match spare {
            Some(channel) => Ok(channel),
            None => Ok(self.handle.channel_open_session().await?),
        }
    }

    /// Says good-bye. A connection that is broken already needs none.
    pub(crate) async fn close(&self) {
        let said = async {
            let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
            if let Some(bastion) = &self.bastion {
                let _ = bastion.disconnect(Disconnect::ByApplication, "", "").await;
            }
        };
        let _ = timeout(FAREWELL, said).await;
    }
}

async fn answered<T>(refusal: &str, work: impl Future<Output = Result<T, SshError>>) -> Result<T, SshError> {
    timeout(ANSWER, work).await.unwrap_or_else(|_| {
        Err(SshError::Broken(format!("the machine is there, but {refusal} within {} s", ANSWER.as_secs())))
    })
}
