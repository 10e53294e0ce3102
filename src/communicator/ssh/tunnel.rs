//! Ports forwarded from here for as long as the build lasts. They outlive connections: who listens is not asked to make
//! room for the next one, and leads to the machine again once that is there.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Line;
use crate::client::ssh::Tunnel;
use crate::communicator::CommunicatorError;

/// Pause after a connection that could not be taken: this process may have too many files open.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens for all of `ssh_local_tunnels`, until the set is dropped.
pub(super) async fn listen_here(line: &Arc<Line>) -> Result<JoinSet<()>, CommunicatorError> {
    let mut listeners = JoinSet::new();
    for tunnel in &line.config.settings.local_tunnels {
        let listener = TcpListener::bind(("127.0.0.1", tunnel.port)).await;
        let listener = listener.map_err(|source| CommunicatorError::Local {
            path: format!("ssh_local_tunnels: port {}", tunnel.port),
            source,
        })?;
        listeners.spawn(serve(listener, Arc::clone(line), tunnel.clone()));
    }
    Ok(listeners)
}

async fn serve(listener: TcpListener, line: Arc<Line>, tunnel: Tunnel) {
    let mut open = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        open.spawn(lead(stream, Arc::clone(&line), tunnel.clone()));
        while open.try_join_next().is_some() {}
    }
}

/// Leads over the connection of the moment. One that broke is for the next command to replace, which knows whether the
/// machine is still meant to be there.
async fn lead(mut stream: TcpStream, line: Arc<Line>, tunnel: Tunnel) {
    let session = line.current().await;
    let (host, port) = (tunnel.host.as_str(), tunnel.target);
    let led = match stream.peer_addr() {
        Ok(from) => session.reach(host, port, from).await.map_err(io::Error::other),
        Err(error) => Err(error),
    };
    match led {
        Ok(mut there) => drop(copy_bidirectional(&mut stream, &mut there).await),
        Err(error) => tracing::warn!(%error, host, port, "tunnel: nobody answers"),
    }
}
