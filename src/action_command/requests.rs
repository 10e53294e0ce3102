//! What the search for a baseline may ask of GitHub: a run makes three calls for each of its builds and six more, and two
//! for each build are those of its reports.

use std::collections::BTreeSet;

use tokio::sync::{oneshot, watch};

/// The runs of the own workflow, those of the branch, what the newest has kept, and its record.
const LEAST: usize = 4;
/// A workflow's token has a thousand an hour for a whole repository.
const MOST: usize = 6;

/// The calls of one search.
pub(super) struct Requests {
    made: usize,
    most: usize,
    granted: usize,
    awaited: Option<oneshot::Receiver<BTreeSet<String>>>,
    builds: Option<BTreeSet<String>>,
    answers: watch::Sender<usize>,
}

/// Who waits for the answers.
pub(super) struct Answers {
    builds: Option<oneshot::Sender<BTreeSet<String>>>,
    received: watch::Receiver<usize>,
}

pub(super) fn requests() -> (Requests, Answers) {
    let (names, awaited) = oneshot::channel();
    let (answers, received) = watch::channel(0);
    let requests = Requests { made: 0, most: LEAST, granted: 0, awaited: Some(awaited), builds: None, answers };
    (requests, Answers { builds: Some(names), received })
}

impl Requests {
    /// Names of the run's builds, which are known once its templates are read. Nothing where they never are.
    pub(super) async fn builds(&mut self) -> Option<&BTreeSet<String>> {
        if let Some(awaited) = self.awaited.take()
            && let Ok(builds) = awaited.await
        {
            self.most = of(builds.len());
            self.builds = Some(builds);
        }
        self.builds.as_ref()
    }

    /// Whether so many more may be made.
    pub(super) async fn allow(&mut self, more: usize) -> bool {
        if self.made + more > self.most {
            self.builds().await;
        }
        self.made + more <= self.most + self.granted
    }

    /// So many more are worth it.
    pub(super) fn grant(&mut self, more: usize) {
        self.granted += more;
    }

    /// One was made, and GitHub has answered.
    pub(super) fn answered(&mut self) {
        self.made += 1;
        self.answers.send_replace(self.made);
    }
}

/// Check runs or statuses take two calls a build, the comment three.
fn of(builds: usize) -> usize {
    builds.saturating_add(3).clamp(LEAST, MOST)
}

impl Answers {
    /// The run has these builds.
    pub(super) fn builds(&mut self, names: BTreeSet<String>) {
        if let Some(builds) = self.builds.take() {
            let _ = builds.send(names);
        }
    }

    /// Waits for the next answer. Nothing when there will be none.
    pub(super) async fn next(&mut self) -> Option<()> {
        self.received.changed().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many calls a search makes that never finds what it looks for.
    async fn made(builds: Option<usize>) -> usize {
        let (mut requests, mut answers) = requests();
        match builds {
            Some(count) => answers.builds((0..count).map(|number| number.to_string()).collect()),
            None => drop(answers),
        }
        while requests.allow(1).await {
            requests.answered();
        }
        requests.made
    }

    #[tokio::test]
    async fn small_runs_ask_less() {
        for (builds, most) in [(None, 4), (Some(0), 4), (Some(1), 4), (Some(2), 5), (Some(3), 6), (Some(50), 6)] {
            assert_eq!(made(builds).await, most, "{builds:?} builds");
        }
        for builds in 1..20 {
            assert!(2 * builds + 3 + of(builds) <= 3 * builds + 6, "{builds} builds");
        }
    }
}
