//! The data channel of one session: a stream of bytes to a port of the instance, over a WebSocket to the service.
//!
//! Messages are numbered and acknowledged in both directions; what is not acknowledged is sent again. The agent is told
//! a client version without multiplexing, so one session carries one connection, and its bytes are the connection's.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::message::{
    ACKNOWLEDGE, Acknowledged, CLOSED, Closed, DATA, FLAG, HANDSHAKE_COMPLETE, HANDSHAKE_REQUEST, HANDSHAKE_RESPONSE,
    Handshake, Message, OUTPUT, PORT_REFUSED, TERMINATE,
};

/// The last version of the vendor's client without multiplexing, which agents then leave out.
const CLIENT_VERSION: &str = "1.1.61.0";
/// Bytes of a message, and the pause between two, as the vendor's client has them: the service has limits that it does
/// not tell.
const PIECE: usize = 1024;
const PACE: Duration = Duration::from_millis(1);
/// Messages under way. At the pace above this is more than any round trip needs.
const WINDOW: usize = 1000;
/// What is not acknowledged by then is sent again.
const LOST: Duration = Duration::from_secs(1);
/// Messages that are sent again at once.
const AGAIN: usize = 100;
/// Early messages that are kept; what is above comes again.
const EARLY: usize = 10_000;
/// From the WebSocket to the agent's word that it begins.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// The service drops a channel on which nothing moves.
const PING: Duration = Duration::from_secs(60);
/// A service that takes nothing for so long is gone.
const STUCK: Duration = Duration::from_secs(120);
/// Bytes between us and whoever uses the stream.
const BUFFER: usize = 256 << 10;

type Socket = WebSocketStream<reqwest::Upgraded>;

/// Opens the channel at `url` (`wss://...`) and yields the stream once the agent is ready.
pub(super) async fn open(url: &str, token: &str) -> Result<DuplexStream, String> {
    let mut socket = connect(url).await?;
    let hello = serde_json::json!({
        "MessageSchemaVersion": "1.0",
        "RequestId": uuid::Uuid::new_v4().to_string(),
        "TokenValue": token,
        "ClientId": uuid::Uuid::new_v4().to_string(),
        "ClientVersion": CLIENT_VERSION,
    });
    socket.send(Frame::text(hello.to_string())).await.map_err(|error| error.to_string())?;
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let mut channel = Channel::new(socket, ours);
    match tokio::time::timeout(HANDSHAKE, channel.handshake()).await {
        Ok(done) => done?,
        Err(_) => return Err(format!("the agent on the instance does not answer within {} s", HANDSHAKE.as_secs())),
    }
    tokio::spawn(async move {
        if let Err(why) = channel.pump().await {
            tracing::debug!(why, "the session ended");
        }
    });
    Ok(theirs)
}

/// A WebSocket over what reqwest connects to: its TLS and its proxies are those of every other request.
async fn connect(url: &str) -> Result<Socket, String> {
    let failed = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        text
    };
    let url = url.replacen("ws", "http", 1);
    let client = reqwest::Client::builder().http1_only().build().map_err(|error| failed(&error))?;
    let key = tokio_tungstenite::tungstenite::handshake::client::generate_key();
    let request = client
        .get(&url)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", &key);
    let answer = request.send().await.map_err(|error| failed(&error.without_url()))?;
    if answer.status() != reqwest::StatusCode::SWITCHING_PROTOCOLS {
        return Err(format!("the service answers with HTTP status {} in place of a channel", answer.status()));
    }
    let stream = answer.upgrade().await.map_err(|error| failed(&error.without_url()))?;
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
}

/// A message on its way.
struct Sent {
    sequence: i64,
    bytes: Bytes,
    at: Instant,
}

struct Channel {
    socket: Socket,
    local: ReadHalf<DuplexStream>,
    /// What the machine says, on its way to whoever uses the stream. Never waited for: both sides could wait for each
    /// other. SSH's own windows bound it.
    incoming: mpsc::UnboundedSender<Bytes>,
    /// Number of the next message of ours, and of the next one of the agent's.
    next: i64,
    expected: i64,
    /// Oldest first.
    sent: VecDeque<Sent>,
    early: BTreeMap<i64, Message>,
    pace: Interval,
    began: bool,
    /// The user of the stream has closed its side.
    finished: bool,
}

impl Channel {
    fn new(socket: Socket, local: DuplexStream) -> Self {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (local, mut writer) = tokio::io::split(local);
        let (incoming, mut waiting) = mpsc::unbounded_channel::<Bytes>();
        tokio::spawn(async move {
            while let Some(bytes) = waiting.recv().await {
                if writer.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            let _ = writer.shutdown().await;
        });
        let (sent, early) = (VecDeque::new(), BTreeMap::new());
        Self { socket, local, incoming, next: 0, expected: 0, sent, early, pace, began: false, finished: false }
    }

    async fn handshake(&mut self) -> Result<(), String> {
        while !self.began {
            let frame = self.socket.next().await;
            self.receive(frame).await?;
        }
        Ok(())
    }

    /// Moves bytes both ways until one side ends.
    async fn pump(&mut self) -> Result<(), String> {
        let mut buffer = BytesMut::with_capacity(PIECE);
        let mut again = interval(LOST / 4);
        let mut ping = interval(PING);
        loop {
            tokio::select! {
                frame = self.socket.next() => self.receive(frame).await?,
                read = read_paced(&mut self.local, &mut self.pace, &mut buffer),
                    if !self.finished && self.sent.len() < WINDOW =>
                {
                    match read.map_err(|error| error.to_string())? {
                        0 => {
                            self.finished = true;
                            self.send(FLAG, Bytes::copy_from_slice(&TERMINATE.to_be_bytes())).await?;
                        }
                        _ => {
                            let piece = buffer.split().freeze();
                            self.send(DATA, piece).await?;
                        }
                    }
                }
                _ = again.tick() => self.send_lost().await?,
                _ = ping.tick() => self.frame(Frame::Ping(Bytes::new())).await?,
            }
            if self.finished && self.sent.is_empty() {
                let _ = self.socket.close(None).await;
                return Ok(());
            }
        }
    }

    async fn receive(
        &mut self,
        frame: Option<Result<Frame, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<(), String> {
        let bytes = match frame {
            None | Some(Ok(Frame::Close(_))) => return Err("the service closed the channel".to_owned()),
            Some(Err(error)) => return Err(error.to_string()),
            Some(Ok(Frame::Binary(bytes))) => bytes,
            Some(Ok(_)) => return Ok(()),
        };
        // What cannot be read is not acknowledged, and comes again.
        let Some(message) = Message::decode(&bytes) else { return Ok(()) };
        match message.kind.as_str() {
            OUTPUT => self.output(message).await,
            ACKNOWLEDGE => {
                if let Ok(done) = serde_json::from_slice::<Acknowledged>(&message.payload) {
                    self.sent.retain(|sent| sent.sequence != done.sequence);
                }
                Ok(())
            }
            CLOSED => {
                let closed: Closed = serde_json::from_slice(&message.payload).unwrap_or_default();
                Err(match closed.output.trim() {
                    "" => "the session was ended".to_owned(),
                    why => format!("the session was ended: {why}"),
                })
            }
            _ => Ok(()),
        }
    }

    /// A message of the agent's stream: acknowledged, put in order, taken.
    async fn output(&mut self, message: Message) -> Result<(), String> {
        if message.sequence > self.expected && self.early.len() >= EARLY {
            return Ok(());
        }
        self.frame(Frame::Binary(Message::acknowledge(&message).encode(now()))).await?;
        if message.sequence < self.expected {
            return Ok(());
        }
        self.early.insert(message.sequence, message);
        while let Some(message) = self.early.remove(&self.expected) {
            self.expected += 1;
            self.take(message).await?;
        }
        Ok(())
    }

    async fn take(&mut self, message: Message) -> Result<(), String> {
        match message.payload_type {
            HANDSHAKE_REQUEST => {
                let asked: Handshake = serde_json::from_slice(&message.payload).map_err(|error| error.to_string())?;
                let answer = answered(&asked)?;
                self.send(HANDSHAKE_RESPONSE, answer.into()).await
            }
            HANDSHAKE_COMPLETE => {
                self.began = true;
                Ok(())
            }
            DATA => {
                // Agents of old begin without a handshake.
                self.began = true;
                self.incoming.send(message.payload).map_err(|_| "nobody uses the stream any more".to_owned())
            }
            FLAG if message.payload == PORT_REFUSED.to_be_bytes().as_slice() => {
                Err("nothing listens on the port of the instance yet".to_owned())
            }
            _ => Ok(()),
        }
    }

    async fn send(&mut self, payload_type: u32, payload: Bytes) -> Result<(), String> {
        let bytes = Message::input(self.next, payload_type, payload).encode(now());
        self.sent.push_back(Sent { sequence: self.next, bytes: bytes.clone(), at: Instant::now() });
        self.next += 1;
        self.frame(Frame::Binary(bytes)).await
    }

    /// Sends again what nobody said that it arrived.
    async fn send_lost(&mut self) -> Result<(), String> {
        let now = Instant::now();
        let late = self.sent.iter_mut().filter(|sent| now.duration_since(sent.at) > LOST).take(AGAIN);
        let mut again = Vec::new();
        for sent in late {
            sent.at = now;
            again.push(sent.bytes.clone());
        }
        for bytes in again {
            self.frame(Frame::Binary(bytes)).await?;
        }
        Ok(())
    }

    async fn frame(&mut self, frame: Frame) -> Result<(), String> {
        match tokio::time::timeout(STUCK, self.socket.send(frame)).await {
            Ok(sent) => sent.map_err(|error| error.to_string()),
            Err(_) => Err(format!("the service takes nothing for {} s", STUCK.as_secs())),
        }
    }
}

/// Reads the next piece, no sooner than the pace allows.
async fn read_paced(
    local: &mut ReadHalf<DuplexStream>,
    pace: &mut Interval,
    buffer: &mut BytesMut,
) -> std::io::Result<usize> {
    pace.tick().await;
    buffer.reserve(PIECE);
    (&mut *local).take(PIECE as u64).read_buf(buffer).await
}

/// The answer to what the agent asks for: the kind of session, and nothing else.
fn answered(asked: &Handshake) -> Result<String, String> {
    let mut done = Vec::new();
    for action in &asked.actions {
        match action.kind.as_str() {
            "SessionType" => done.push(serde_json::json!({
                "ActionType": action.kind, "ActionStatus": 1, "ActionResult": null, "Error": ""
            })),
            "KMSEncryption" => {
                return Err(
                    "the account's preferences of Session Manager demand encryption with a KMS key, which is not \
                            supported; SSH inside of the session is encrypted already, so take that preference away"
                        .to_owned(),
                );
            }
            other => return Err(format!("the agent on the instance asks for {other:?}, which is not supported")),
        }
    }
    let response = serde_json::json!({
        "ClientVersion": CLIENT_VERSION, "ProcessedClientActions": done, "Errors": []
    });
    Ok(response.to_string())
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}
