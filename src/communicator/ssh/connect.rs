//! Trying to log in until the machine lets us, gives a reason not to go on, or the time is over.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::{SshConfig, Target};
use crate::client::ssh::{Hop, HostKeys, Key, Progress, Session, SshError, connect};
use crate::communicator::CommunicatorError;
use crate::run::BuildContext;

/// Pause after the first failed attempt; it doubles up to the longest.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);
/// Pause between looks for the machine's address.
const LOOK: Duration = Duration::from_secs(1);
/// A refused login counts as an attempt when the last one that counted is so long ago: between two of the peer's lie
/// seven seconds, and a machine whose first boot still puts the key there must get as much time as from the peer.
const COUNTED: Duration = Duration::from_secs(7);
/// Machines that see too many refused logins lock the sender out.
const REFUSED: Duration = Duration::from_secs(2);
/// Logins after which a machine that refuses to listen for a tunnel will not change its mind.
const TUNNELS: u32 = 3;
/// Between two lines that tell what is waited for.
const TOLD: Duration = Duration::from_secs(30);

/// Logs in, as often as the options allow. With `pause_before_connecting` twice, as in the peer: the machine is up
/// when the pause begins.
pub(super) async fn first(
    config: &SshConfig,
    target: &dyn Target,
    key: Option<&Key>,
    host_keys: &HostKeys,
    cx: &BuildContext,
) -> Result<(Session, Hop), CommunicatorError> {
    let connected = log_in(config, target, key, host_keys, cx).await?;
    let pause = config.pause_before_connecting;
    if pause.is_zero() {
        return Ok(connected);
    }
    connected.0.close().await;
    cx.say(format!("Pausing {} s before connecting...", pause.as_secs_f64()));
    cx.cancel.unless_stopped(sleep(pause)).await?;
    log_in(config, target, key, host_keys, cx).await
}

/// Logs in once more to where it was, without patience: whoever asked decides about another try.
pub(super) async fn again(config: &SshConfig, hop: &Hop, host_keys: &HostKeys) -> Result<Session, CommunicatorError> {
    let progress = Progress::default();
    connect(hop, &config.via, &config.settings, host_keys, &progress).await.map_err(|error| match error {
        error @ SshError::HostKey(_) => CommunicatorError::Permanent(error.to_string()),
        other => CommunicatorError::Remote(format!("could not connect again: {other}")),
    })
}

async fn log_in(
    config: &SshConfig,
    target: &dyn Target,
    key: Option<&Key>,
    host_keys: &HostKeys,
    cx: &BuildContext,
) -> Result<(Session, Hop), CommunicatorError> {
    let deadline = config.timeout.map(|timeout| Instant::now() + timeout);
    let (mut attempts, progress) = (Attempts::default(), Progress::default());
    let work = async {
        let mut pause = SHORTEST;
        loop {
            let Some((host, port)) = target.address().await.map_err(CommunicatorError::Permanent)? else {
                "its address is not known yet".clone_into(&mut attempts.last);
                sleep(LOOK).await;
                continue;
            };
            let mut hop = Hop { host, port, ..config.hop.clone() };
            hop.credentials.keys.extend(key.cloned());
            if !config.quiet {
                attempts.tell(&hop, cx);
            }
            let error = match connect(&hop, &config.via, &config.settings, host_keys, &progress).await {
                Ok(session) => return Ok((session, hop)),
                Err(error) => error,
            };
            tracing::debug!(%error, "SSH is not there yet");
            progress.clear();
            attempts.failed(&error, config)?;
            if matches!(error, SshError::Authentication(_)) {
                pause = pause.max(REFUSED / 4);
                sleep(pause.min(REFUSED)).await;
                pause = (pause * 2).min(REFUSED);
            } else {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST);
            }
        }
    };
    let limited = async {
        match deadline {
            Some(deadline) => timeout_at(deadline, work).await.ok(),
            None => Some(work.await),
        }
    };
    match cx.cancel.unless_stopped(limited).await? {
        Some(done) => done,
        None => Err(CommunicatorError::Permanent(format!(
            "timeout waiting for SSH after {}: {}; see ssh_timeout, the security group, and ssh_interface",
            shown(config.timeout.unwrap_or_default()),
            attempts.seen(&progress)
        ))),
    }
}

/// The peer's words for where it connects to.
pub(super) fn introduced(hop: &Hop) -> String {
    format!("Using SSH communicator to connect: {}", hop.host)
}

fn shown(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 120 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{} s", time.as_secs_f64()),
    }
}

/// What came of the attempts so far.
#[derive(Default)]
struct Attempts {
    last: String,
    refused: u32,
    without_tunnels: u32,
    counted: Option<Instant>,
    told: Option<Instant>,
}

impl Attempts {
    fn tell(&mut self, hop: &Hop, cx: &BuildContext) {
        match self.told {
            None => {
                cx.say(introduced(hop));
                cx.detail("Waiting for SSH to become available...");
            }
            Some(told) if told.elapsed() >= TOLD => cx.detail(format!("Still waiting: {}", self.last)),
            Some(_) => return,
        }
        self.told = Some(Instant::now());
    }

    /// The last that was seen of the machine.
    fn seen(&self, progress: &Progress) -> String {
        let waiting = progress.text();
        match (progress.answered(), self.last.as_str(), waiting.as_str()) {
            (false, "", "") => "nobody has said where it is".to_owned(),
            (false, "", _) | (true, ..) => waiting,
            (false, last, _) => last.to_owned(),
        }
    }

    /// An error that ends the attempts, if this one does.
    fn failed(&mut self, error: &SshError, config: &SshConfig) -> Result<(), CommunicatorError> {
        self.last = error.to_string();
        match error {
            SshError::HostKey(_) | SshError::Local { .. } => Err(CommunicatorError::Permanent(self.last.clone())),
            SshError::Authentication(_) => {
                if self.counted.is_none_or(|counted| counted.elapsed() >= COUNTED) {
                    self.counted = Some(Instant::now());
                    self.refused += 1;
                }
                match config.handshake_attempts {
                    Some(most) if self.refused >= most => Err(CommunicatorError::Permanent(format!(
                        "the machine refused the login {most} times: {}; check ssh_username and the key or password",
                        self.last
                    ))),
                    _ => Ok(()),
                }
            }
            SshError::Refused(_) => {
                self.without_tunnels += 1;
                match self.without_tunnels {
                    TUNNELS.. => Err(CommunicatorError::Permanent(self.last.clone())),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}
