//! From an address to an authenticated session.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::client::{self, Handle};
use russh::{Preferred, cipher, kex, mac};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::io::InspectReader;

use super::handler::{Fate, Handler, HostKey, HostKeys};
use super::impatient::Impatient;
use super::session::Session;
use super::{Hop, Proxy, Settings, SshError, Via, auth, tunnel};

/// A machine that does not take a connection within it is taken for not there: one that boots drops packets, and the
/// next attempt sends a new one sooner than TCP would.
const TCP: Duration = Duration::from_secs(5);
/// Through a proxy or a bastion, whose own way is longer.
const TCP_FAR: Duration = Duration::from_secs(15);
/// From a connection to a login.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// A machine that gives no sign of life for so long is gone. Under load it may be silent for a while.
const SILENCE: Duration = Duration::from_secs(120);

/// Ours, fastest first: hardware does AES.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// Best first. The last is for servers of before 2016, which have nothing better.
const KEY_EXCHANGES: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G18_SHA512,
    kex::DH_G17_SHA512,
    kex::DH_G16_SHA512,
    kex::DH_G15_SHA512,
    kex::DH_G14_SHA256,
    kex::DH_G14_SHA1,
];

/// What a client can do besides, said in the list of key exchanges.
const EXTENSIONS: [kex::Name; 2] = [kex::EXTENSION_SUPPORT_AS_CLIENT, kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT];

/// Best first; those with SHA-1 for old servers.
const MACS: &[mac::Name] = &[
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512,
    mac::HMAC_SHA256,
    mac::HMAC_SHA1_ETM,
    mac::HMAC_SHA1,
];

/// What an attempt to connect waits for, in words that go on "within N s": whoever ends it can tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<Waiting>>);

#[derive(Debug, Clone, Default)]
struct Waiting {
    text: String,
    answered: bool,
}

impl Progress {
    fn waits(&self, text: String, answered: bool) {
        if let Ok(mut waiting) = self.0.lock() {
            *waiting = Waiting { text, answered };
        }
    }

    /// Empty before the first attempt.
    pub(crate) fn text(&self) -> String {
        self.0.lock().map(|waiting| waiting.text.clone()).unwrap_or_default()
    }

    /// Somebody has taken the connection, which is more than attempts before may have seen.
    pub(crate) fn answered(&self) -> bool {
        self.0.lock().is_ok_and(|waiting| waiting.answered)
    }

    pub(crate) fn clear(&self) {
        self.waits(String::new(), false);
    }
}

/// Connects, logs in and has the machine listen for its tunnels. `host_keys` are remembered from one connection to the
/// next.
pub(crate) async fn connect(
    hop: &Hop,
    via: &Via,
    settings: &Settings,
    host_keys: &HostKeys,
    progress: &Progress,
) -> Result<Session, SshError> {
    progress.waits(format!("{}:{} does not take a connection", hop.host, hop.port), false);
    let fate = Fate::default();
    let handler = Handler {
        fate: fate.clone(),
        host_key: host_keys.machine.clone(),
        remote_tunnels: settings.remote_tunnels.clone(),
        forward_agent: settings.forward_agent,
    };
    let config = Arc::new(config(settings)?);
    let (handle, bastion) = match via {
        Via::Direct => {
            let stream = limited(TCP, progress, direct(&hop.host, hop.port)).await?;
            (limited(HANDSHAKE, progress, log_in(config, stream, handler, hop, progress)).await?, None)
        }
        Via::Proxy(proxy) => {
            progress.waits(format!("the proxy {}:{} does not take a connection", proxy.host, proxy.port), false);
            let stream = limited(TCP_FAR, progress, through(proxy, hop, progress)).await?;
            (limited(HANDSHAKE, progress, log_in(config, stream, handler, hop, progress)).await?, None)
        }
        Via::Own(way) => {
            progress.waits(format!("the way to port {} of the machine does not open", hop.port), false);
            let stream = limited(HANDSHAKE, progress, way.dial(hop.port)).await?;
            (limited(HANDSHAKE, progress, log_in(config, stream, handler, hop, progress)).await?, None)
        }
        Via::Bastion(bastion) => {
            let work = across(bastion, &host_keys.bastion, config, handler, hop, progress);
            let (handle, outer) = limited(HANDSHAKE, progress, work).await?;
            (handle, Some(outer))
        }
    };
    host_keys.machine.pin();
    progress.waits(format!("{}:{} does not answer for ssh_remote_tunnels", hop.host, hop.port), true);
    limited(HANDSHAKE, progress, tunnel::listen_there(&handle, &settings.remote_tunnels)).await?;
    Ok(Session::new(handle, bastion, fate, settings.forward_agent))
}

async fn limited<T>(
    limit: Duration,
    progress: &Progress,
    work: impl Future<Output = Result<T, SshError>>,
) -> Result<T, SshError> {
    timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(SshError::Unreachable(format!("{} within {} s", progress.text(), limit.as_secs()))))
}

/// An IPv6 address without the brackets that the peer needs around it.
fn bare(host: &str) -> &str {
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.filter(|inside| inside.contains(':')).unwrap_or(host)
}

async fn direct(host: &str, port: u16) -> Result<TcpStream, SshError> {
    let stream = TcpStream::connect((bare(host), port)).await;
    let stream = stream.map_err(|error| SshError::Unreachable(format!("{host}:{port}: {error}")))?;
    stream.set_nodelay(true).map_err(|error| SshError::Unreachable(error.to_string()))?;
    Ok(stream)
}

async fn through(
    proxy: &Proxy,
    hop: &Hop,
    progress: &Progress,
) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static + use<>, SshError> {
    let stream = direct(&proxy.host, proxy.port).await?;
    let silent = format!("the proxy {}:{} does not lead to {}:{}", proxy.host, proxy.port, hop.host, hop.port);
    progress.waits(silent, true);
    let target = (bare(&hop.host), hop.port);
    let connected = match proxy.username.as_str() {
        "" => tokio_socks::tcp::Socks5Stream::connect_with_socket(stream, target).await,
        user => {
            tokio_socks::tcp::Socks5Stream::connect_with_password_and_socket(stream, target, user, &proxy.password)
                .await
        }
    };
    connected.map_err(|error| {
        SshError::Unreachable(format!(
            "the proxy {}:{} does not reach {}:{}: {error}",
            proxy.host, proxy.port, hop.host, hop.port
        ))
    })
}

/// Logs in to the bastion, and from there to the machine.
async fn across(
    bastion: &Hop,
    host_key: &HostKey,
    config: Arc<client::Config>,
    handler: Handler,
    hop: &Hop,
    progress: &Progress,
) -> Result<(Handle<Handler>, Handle<Handler>), SshError> {
    progress.waits(format!("the bastion {}:{} does not take a connection", bastion.host, bastion.port), false);
    let stream = direct(&bastion.host, bastion.port).await.map_err(|error| of_bastion(&error, bastion))?;
    let outer =
        Handler { fate: Fate::default(), host_key: host_key.clone(), remote_tunnels: Vec::new(), forward_agent: false };
    let outer = log_in(Arc::clone(&config), stream, outer, bastion, progress)
        .await
        .map_err(|error| of_bastion(&error, bastion))?;
    host_key.pin();
    let silent = format!("the bastion {} does not lead to {}:{}", bastion.host, hop.host, hop.port);
    progress.waits(silent, true);
    let channel = outer.channel_open_direct_tcpip(bare(&hop.host), hop.port.into(), "127.0.0.1", 0).await;
    let channel = channel.map_err(|error| {
        let text = format!("the bastion {} does not reach {}:{}: {error}", bastion.host, hop.host, hop.port);
        SshError::Unreachable(text)
    })?;
    let inner = log_in(config, channel.into_stream(), handler, hop, progress).await?;
    Ok((inner, outer))
}

fn of_bastion(error: &SshError, bastion: &Hop) -> SshError {
    let text = format!("the bastion {}: {error}", bastion.host);
    match error {
        SshError::Authentication(_) => SshError::Authentication(text),
        SshError::Handshake(_) => SshError::Handshake(text),
        SshError::HostKey(_) => SshError::HostKey(text),
        _ => SshError::Unreachable(text),
    }
}

async fn log_in<S>(
    config: Arc<client::Config>,
    stream: S,
    handler: Handler,
    hop: &Hop,
    progress: &Progress,
) -> Result<Handle<Handler>, SshError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let address = format!("{}:{}", hop.host, hop.port);
    progress.waits(format!("{address} takes the connection, but no SSH server greets"), true);
    let (heard, mut greeted) =
        (progress.clone(), Some(format!("{address} greets, but the login does not come to an end")));
    let stream = Impatient::new(stream, config.keepalive_interval.map(|_| SILENCE));
    let stream = InspectReader::new(stream, move |bytes: &[u8]| {
        if !bytes.is_empty()
            && let Some(text) = greeted.take()
        {
            heard.waits(text, true);
        }
    });
    let mut handle = client::connect_stream(config, stream, handler).await.map_err(|error| match error {
        SshError::Broken(why) => SshError::Unreachable(format!("{}:{} hangs up: {why}", hop.host, hop.port)),
        other => other,
    })?;
    auth::log_in(&mut handle, hop).await?;
    Ok(handle)
}

fn config(settings: &Settings) -> Result<client::Config, SshError> {
    let mut preferred = Preferred { cipher: Cow::Borrowed(CIPHERS), mac: Cow::Borrowed(MACS), ..Preferred::default() };
    let unknown = |name: &String| SshError::Handshake(format!("unknown algorithm {name:?}"));
    if !settings.ciphers.is_empty() {
        let named = settings.ciphers.iter().map(|n| cipher::Name::try_from(n.as_str()).map_err(|()| unknown(n)));
        preferred.cipher = Cow::Owned(named.collect::<Result<_, _>>()?);
    }
    let named = settings.key_exchanges.iter().map(|n| kex::Name::try_from(n.as_str()).map_err(|()| unknown(n)));
    let mut key_exchanges: Vec<kex::Name> = named.collect::<Result<_, _>>()?;
    if key_exchanges.is_empty() {
        key_exchanges.extend(KEY_EXCHANGES);
    }
    key_exchanges.extend(EXTENSIONS);
    preferred.kex = Cow::Owned(key_exchanges);
    let unanswered = settings.keep_alive.map_or(0, |pause| SILENCE.as_millis() / pause.as_millis().max(1));
    Ok(client::Config {
        preferred,
        keepalive_interval: settings.keep_alive,
        keepalive_max: usize::try_from(unanswered).unwrap_or(usize::MAX).max(1),
        inactivity_timeout: settings.silence,
        nodelay: true,
        ..client::Config::default()
    })
}
