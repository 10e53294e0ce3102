//! The two tokens of a run: `stop` (abandon the step, clean up) and `kill` (stop waiting for anything).
//!
//! The first signal cancels `stop`, the second `kill`. A call that creates something is raced against neither; seconds after
//! the second, the build leaves it to the journal.

use std::future::Future;

use tokio_util::sync::CancellationToken;

/// Marks that a wait or a command was given up because the run was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub(crate) struct Cancelled;

/// Shared by everything that runs; clones see the same signals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel {
    pub stop: CancellationToken,
    pub kill: CancellationToken,
}

impl Cancel {
    /// Runs `work` unless and until the run is stopped. `work` is dropped on cancel: it must not create things.
    pub(crate) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Cancelled> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Cancelled),
            done = work => Ok(done),
        }
    }

    /// Like [`Self::unless_stopped`], but goes on after the first signal and ends at the second: for cleaning up.
    pub(crate) async fn unless_killed<T>(&self, work: impl Future<Output = T>) -> Result<T, Cancelled> {
        tokio::select! {
            biased;
            () = self.kill.cancelled() => Err(Cancelled),
            done = work => Ok(done),
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// A stop token of its own under this run's: for a step with a time limit.
    pub(crate) fn child(&self) -> Self {
        Self { stop: self.stop.child_token(), kill: self.kill.clone() }
    }
}
