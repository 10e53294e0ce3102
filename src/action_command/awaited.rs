//! Waiting for the runs that build the commit to be published: a tag is often pushed together with its commit.

use std::time::{Duration, Instant};

use super::past::short;
use crate::app;
use crate::client::github::PastRun;

/// So long without a word in the settings.
pub(super) const USUAL: Duration = Duration::from_secs(30 * 60);
/// Pauses grow from the first to the longest. GitHub does not count a question whose answer is as it was.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(30);

pub(super) struct Awaited {
    begun: Instant,
    pause: Duration,
    told: Vec<String>,
}

impl Awaited {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), pause: FIRST, told: Vec::new() }
    }

    /// Waits a moment, and says for what where that is news. Whether there was time left.
    pub(super) async fn moment(&mut self, limit: Duration, commit: &str, going: &[PastRun]) -> bool {
        let left = limit.saturating_sub(self.begun.elapsed());
        let runs: Vec<String> = going.iter().map(name).collect();
        if left.is_zero() {
            return false;
        }
        if runs != self.told {
            let minutes = (left.as_secs_f64() / 60.0).ceil();
            let what = runs.join(", ");
            app::print(&format!("Waiting up to {minutes} min for what builds commit {}: {what}\n", short(commit)));
            self.told = runs;
        }
        tokio::time::sleep(self.pause.min(left)).await;
        self.pause = (self.pause * 3 / 2).min(LONGEST);
        true
    }
}

/// A run and how far it is.
pub(super) fn name(run: &PastRun) -> String {
    format!("run {} of {} ({})", run.id, run.path, run.status)
}

/// Runs that may leave records of a commit: those of branches. One of a tag publishes, as this one does, and two that
/// wait for each other would wait in vain. `tags` has that of this run, whatever else is known.
pub(super) fn building(runs: Vec<PastRun>, tags: &[String]) -> Vec<PastRun> {
    let of_tag = |run: &PastRun| run.head_branch.as_ref().is_none_or(|branch| tags.contains(branch));
    runs.into_iter().filter(|run| !of_tag(run)).collect()
}
