//! Ports forwarded for as long as the connection lasts.

use std::sync::Arc;

use russh::client::Handle;
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::handler::Handler;
use super::{Settings, SshError, Tunnel};

/// Starts all of them. Those that listen here end when the set is dropped; the machine's end with the connection.
pub(super) async fn start(handle: &Arc<Handle<Handler>>, settings: &Settings) -> Result<JoinSet<()>, SshError> {
    for tunnel in &settings.remote_tunnels {
        handle.tcpip_forward("localhost", tunnel.port.into()).await.map_err(|error| {
            SshError::Refused(format!("the machine does not listen on port {} for a tunnel: {error}", tunnel.port))
        })?;
    }
    let mut tunnels = JoinSet::new();
    for tunnel in &settings.local_tunnels {
        let listener = TcpListener::bind(("127.0.0.1", tunnel.port))
            .await
            .map_err(|source| SshError::Local { path: format!("ssh_local_tunnels: port {}", tunnel.port), source })?;
        tunnels.spawn(serve(listener, Arc::clone(handle), tunnel.clone()));
    }
    Ok(tunnels)
}

async fn serve(listener: TcpListener, handle: Arc<Handle<Handler>>, tunnel: Tunnel) {
    let mut open = JoinSet::new();
    while let Ok((mut stream, from)) = listener.accept().await {
        let (host, port) = (tunnel.host.clone(), u32::from(tunnel.target));
        let origin = (from.ip().to_string(), u32::from(from.port()));
        match handle.channel_open_direct_tcpip(host, port, origin.0, origin.1).await {
            Ok(channel) => drop(open.spawn(async move {
                let _ = copy_bidirectional(&mut stream, &mut channel.into_stream()).await;
            })),
            Err(error) => tracing::warn!(%error, host = tunnel.host, port = tunnel.target, "tunnel: nobody answers"),
        }
    }
}
