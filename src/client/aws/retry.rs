//! Trying a call again for reasons that pass by themselves: what was just made is not visible everywhere yet.

use std::time::Duration;

use super::error::AwsError;
use crate::run::cancel::{Cancel, Cancelled};

/// Tries of a call, pauses from `first` doubling to `longest` between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    pub tries: u32,
    pub first: Duration,
    pub longest: Duration,
}

/// The peer's usual numbers: about two and a half minutes.
pub(super) const USUAL: Retry =
    Retry { tries: 11, first: Duration::from_millis(200), longest: Duration::from_secs(30) };

impl Retry {
    /// Makes the call until it succeeds, fails for another reason than `passing`, or the tries are used up. A stop is
    /// heard between two tries; a call that is on its way is never abandoned, since it may create something.
    pub(super) async fn run<T, F>(
        self,
        cancel: &Cancel,
        mut passing: impl FnMut(&AwsError) -> bool,
        mut call: impl FnMut() -> F,
    ) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, AwsError>>,
    {
        let mut pause = self.first;
        for tried in 1.. {
            match call().await {
                Err(error) if tried < self.tries && passing(&error) => {
                    tracing::debug!(%error, tried, "tried again");
                    cancel.unless_stopped(tokio::time::sleep(pause)).await?;
                    pause = (pause * 2).min(self.longest);
                }
                done => return done,
            }
        }
        Err(Cancelled.into())
    }
}
