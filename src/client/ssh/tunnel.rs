//! Ports that the machine forwards to us for as long as a connection lasts.

use std::time::Duration;

use russh::client::Handle;
use tokio::time::{Instant, sleep};

use super::handler::Handler;
use super::{SshError, Tunnel};

/// The server's process of a connection that broke may keep its ports for a moment.
const TAKEN: Duration = Duration::from_secs(3);
/// Pause before it is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks the machine to listen for all of them.
pub(super) async fn listen_there(handle: &Handle<Handler>, tunnels: &[Tunnel]) -> Result<(), SshError> {
    let patience = Instant::now() + TAKEN;
    for tunnel in tunnels {
        loop {
            match handle.tcpip_forward("localhost", tunnel.port.into()).await {
                Ok(_) => break,
                Err(russh::Error::RequestDenied) if Instant::now() < patience => sleep(PAUSE).await,
                Err(russh::Error::RequestDenied) => {
                    return Err(SshError::Refused(format!(
                        "the machine does not listen on port {} for ssh_remote_tunnels: it is taken, below 1024, or \
                         sshd forbids it",
                        tunnel.port
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
