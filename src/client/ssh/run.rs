//! A command that runs on the machine.

use bytes::Bytes;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};

use super::SshError;
use super::handler::Fate;

/// Number of a stream beside the plain one (RFC 4254, 5.2).
const STDERR: u32 = 1;

/// What a running command prints.
#[derive(Debug)]
pub(crate) enum Piece {
    Out(Bytes),
    Err(Bytes),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Status(u32),
    /// The connection or the channel went away before a status came.
    Lost,
}

/// A command under way: what goes in, and what comes out.
pub(crate) struct Running {
    pub input: Input,
    pub output: Output,
}

/// Where the command reads from.
pub(crate) struct Input(ChannelWriteHalf<Msg>);

/// What the command prints, and how it ends.
pub(crate) struct Output {
    reader: ChannelReadHalf,
    ended: Option<Ended>,
    fate: Fate,
    /// What came before the machine said that it starts the command; the first is the last of the list.
    early: Vec<ChannelMsg>,
}

impl Running {
    /// Waits until the machine says that it starts the command.
    pub(super) async fn started(mut channel: Channel<Msg>, fate: Fate) -> Result<Self, SshError> {
        let mut early = Vec::new();
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => break,
                Some(ChannelMsg::Failure) => {
                    return Err(SshError::Refused("the machine does not start commands for this user".to_owned()));
                }
                Some(ChannelMsg::Close) | None => {
                    return Err(SshError::Broken("the connection broke before the command started".to_owned()));
                }
                Some(other) => early.push(other),
            }
        }
        early.reverse();
        let (reader, writer) = channel.split();
        Ok(Self { input: Input(writer), output: Output { reader, ended: None, fate, early } })
    }
}

impl Input {
    /// Sends bytes, as fast as the machine takes them.
    pub(crate) async fn write(&self, bytes: Bytes) -> Result<(), SshError> {
        Ok(self.0.data_bytes(bytes).await?)
    }

    /// The last byte was sent.
    pub(crate) async fn end(&self) -> Result<(), SshError> {
        Ok(self.0.eof().await?)
    }

    /// Asks the command to end, and lets go of it.
    pub(crate) async fn abandon(&self) {
        let _ = self.0.signal(Sig::TERM).await;
        let _ = self.0.close().await;
    }
}

impl Output {
    /// The next output; nothing when the command has ended and all of its output was read.
    pub(crate) async fn next(&mut self) -> Option<Piece> {
        loop {
            let message = match self.early.pop() {
                Some(early) => early,
                None => self.reader.wait().await?,
            };
            match message {
                ChannelMsg::Data { data } => return Some(Piece::Out(data)),
                ChannelMsg::ExtendedData { data, ext: STDERR } => return Some(Piece::Err(data)),
                ChannelMsg::ExitStatus { exit_status } => self.ended = Some(Ended::Status(exit_status)),
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    self.ended = Some(Ended::Status(128 + number(&signal_name)));
                }
                // The status may come before or after the end of the output: only the close ends it all.
                ChannelMsg::Close => return None,
                _ => {}
            }
        }
    }

    /// Why the connection ended, when the machine has not hung up itself.
    pub(crate) fn why_lost(&self) -> Option<&str> {
        self.fate.why()
    }

    /// How it ended, once [`Self::next`] gave nothing.
    pub(crate) fn ended(&self) -> Ended {
        self.ended.unwrap_or(Ended::Lost)
    }
}

/// Number of the signal on Linux; 0 for others, so that the status is 128 as in the peer.
fn number(signal: &Sig) -> u32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(_) => 0,
    }
}
