//! For tests: machines that stop in the middle of something.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session};
use russh::{Channel, ChannelId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::{Dial, SshError, Stream};

/// What a machine does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Never {
    Greets,
    /// Takes more than so many bytes of a connection.
    Takes(u64),
    OpensChannels,
    StartsCommands,
    StartsSftp,
    /// Reads what a command is given.
    Reads,
}

/// A machine that lets everybody in who has a password.
pub(crate) struct Hanging(pub Never);

#[async_trait]
impl Dial for Hanging {
    async fn dial(&self, _: u16) -> Result<Box<dyn Stream>, SshError> {
        let (ours, theirs) = duplex(64 << 10);
        let never = self.0;
        tokio::spawn(async move {
            let served = match never {
                Never::Greets => {
                    let _held = theirs;
                    return std::future::pending().await;
                }
                Never::Takes(most) => {
                    let (inner, served) = duplex(64 << 10);
                    tokio::spawn(pass(theirs, inner, most));
                    served
                }
                _ => theirs,
            };
            let host_key = PrivateKey::from(Ed25519Keypair::from_seed(&[7; 32]));
            let config = server::Config {
                keys: vec![host_key],
                inactivity_timeout: None,
                auth_rejection_time_initial: Some(Duration::ZERO),
                ..server::Config::default()
            };
            if let Ok(session) = server::run_stream(Arc::new(config), served, Machine { never, held: Vec::new() }).await
            {
                let _ = session.await;
            }
        });
        Ok(Box::new(ours))
    }
}

async fn pass(client: DuplexStream, server: DuplexStream, most: u64) {
    let ((from_client, mut to_client), (mut from_server, mut to_server)) =
        (tokio::io::split(client), tokio::io::split(server));
    let back = async { tokio::io::copy(&mut from_server, &mut to_client).await };
    let there = async {
        let mut taken = from_client.take(most);
        let mut buffer = vec![0; 4 << 10];
        while let Ok(read @ 1..) = taken.read(&mut buffer).await {
            let _ = to_server.write_all(&buffer[..read]).await;
        }
        std::future::pending::<()>().await
    };
    let _ = tokio::join!(back, there);
}

struct Machine {
    never: Never,
    /// A reply that is dropped is a refusal.
    held: Vec<ChannelOpenHandle>,
}

impl server::Handler for Machine {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, _: &str) -> Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.never {
            Never::OpensChannels => self.held.push(reply),
            _ => reply.accept().await,
        }
        Ok(())
    }

    async fn exec_request(&mut self, channel: ChannelId, _: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        if self.never != Never::StartsCommands {
            session.channel_success(channel)?;
        }
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.never != Never::StartsSftp {
            session.channel_success(channel)?;
        }
        Ok(())
    }

    async fn data(&mut self, _: ChannelId, _: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        match self.never {
            Never::Reads => std::future::pending().await,
            _ => Ok(()),
        }
    }
}
