//! The signals that end a run.

use std::time::Duration;

use tokio::time::Instant;

use crate::run::cancel::Cancel;
use crate::run::event::{EventKind, EventSender};

/// Signals that come so soon after the first say the same again: `timeout` sends its signal to the process and to its
/// group within microseconds, and a shell passes on what its terminal sent to both. Whoever presses Ctrl-C twice takes
/// longer, and between the signals of GitHub's runner lie 7.5 s.
const SAME: Duration = Duration::from_millis(500);

/// First signal: stop and clean up. Second: stop waiting.
pub(crate) async fn watch(cancel: Cancel, events: EventSender) {
    let Ok(mut signals) = Signals::new() else { return };
    let signal = signals.next().await;
    events.send(EventKind::CancelRequested { signal: signal.to_owned() });
    cancel.stop.cancel();
    let first = Instant::now();
    loop {
        signals.next().await;
        if first.elapsed() >= SAME {
            break;
        }
    }
    events.send(EventKind::KillRequested);
    cancel.kill.cancel();
    std::future::pending::<()>().await;
}

/// The signals that end a run, by the peer's words.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "interrupt",
            _ = self.terminate.recv() => "terminated",
            _ = self.hangup.recv() => "hangup",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "interrupt"
    }
}
