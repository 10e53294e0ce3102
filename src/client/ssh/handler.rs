//! What the machine says by itself: its host key, connections to forwarded ports, a request for our agent.

use std::sync::{Arc, Mutex, OnceLock};

use russh::client::{self, ChannelOpenHandle, DisconnectReason, Msg, Session};
use russh::keys::{HashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelOpenFailure};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use super::{SshError, Tunnel};

/// The host key of one machine: accepted when first seen, and no other one after a login succeeded with it.
#[derive(Debug, Clone, Default)]
pub(super) struct HostKey {
    /// Fingerprints: seen last, and pinned.
    state: Arc<Mutex<(String, Option<String>)>>,
}

impl HostKey {
    /// Whether the machine may go on with a key of that fingerprint.
    fn accepts(&self, fingerprint: &str) -> Result<(), SshError> {
        let Ok(mut state) = self.state.lock() else { return Ok(()) };
        fingerprint.clone_into(&mut state.0);
        match &state.1 {
            Some(pinned) if pinned != fingerprint => Err(SshError::HostKey(format!(
                "the machine's host key changed during the build: it was {pinned} and is {fingerprint}; somebody else \
                 may be answering, or a provisioner made new host keys, which it must not before the last reboot"
            ))),
            _ => Ok(()),
        }
    }

    /// A login succeeded, so the key that was seen is the machine's. Before that it may still be the one that came
    /// with the image, until its first boot makes a new one.
    pub(super) fn pin(&self) {
        if let Ok(mut state) = self.state.lock()
            && state.1.is_none()
        {
            state.1 = Some(state.0.clone());
        }
    }
}

/// Host keys from one connection to the next: of the machine, and of the bastion in front of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostKeys {
    pub(super) machine: HostKey,
    pub(super) bastion: HostKey,
}

/// Why a connection ended, when the machine has not hung up itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate(Arc<OnceLock<String>>);

impl Fate {
    pub(super) fn why(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// The client's side of one connection.
pub(super) struct Handler {
    pub fate: Fate,
    pub host_key: HostKey,
    pub remote_tunnels: Vec<Tunnel>,
    pub forward_agent: bool,
}

impl client::Handler for Handler {
    type Error = SshError;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let fingerprint = match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => key.fingerprint(HashAlg::Sha256),
            PublicKeyOrCertificate::Certificate(certificate) => certificate.public_key().fingerprint(HashAlg::Sha256),
        };
        self.host_key.accepts(&fingerprint.to_string())?;
        Ok(true)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        tracing::debug!(?reason, "SSH: the connection ended");
        match reason {
            DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            DisconnectReason::Error(error) => {
                if let SshError::Silent(why) = &error {
                    let _ = self.fate.0.set(why.clone());
                }
                Err(error)
            }
        }
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<Msg>,
        _: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(tunnel) = self.remote_tunnels.iter().find(|tunnel| u32::from(tunnel.port) == port).cloned() else {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        };
        tokio::spawn(async move {
            match TcpStream::connect((tunnel.host.as_str(), tunnel.target)).await {
                Ok(mut stream) => {
                    reply.accept().await;
                    let _ = copy_bidirectional(&mut stream, &mut channel.into_stream()).await;
                }
                Err(error) => {
                    tracing::warn!(%error, host = tunnel.host, port = tunnel.target, "tunnel: nobody answers");
                    reply.reject(ChannelOpenFailure::ConnectFailed).await;
                }
            }
        });
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let socket = std::env::var_os("SSH_AUTH_SOCK").filter(|_| self.forward_agent);
        #[cfg(unix)]
        if let Some(socket) = socket {
            tokio::spawn(async move {
                match tokio::net::UnixStream::connect(&socket).await {
                    Ok(mut stream) => {
                        reply.accept().await;
                        let _ = copy_bidirectional(&mut stream, &mut channel.into_stream()).await;
                    }
                    Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
                }
            });
            return Ok(());
        }
        let _ = (socket, channel);
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        Ok(())
    }
}
