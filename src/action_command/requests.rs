//! What the search for a baseline may ask of GitHub: a run makes three calls for each of its builds and six more, and two
//! for each build are those of its reports. Where builds take longer it may be more: after a push to a pull request the
//! preview before may have made what would be built anew, and that is worth a few calls.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;

/// What takes less makes no more than three calls for each build and six.
pub(super) const SHORT: Duration = Duration::from_secs(15);
/// The runs of the own workflow, those of the branch, what the newest has kept, and its record.
const LEAST: usize = 4;
/// A workflow's token has a thousand an hour for a whole repository.
const MOST: usize = 6;

/// Of the run's builds; nothing before they are known.
type Names = Option<BTreeSet<String>>;

/// The calls of one search.
pub(super) struct Requests {
    made: usize,
    /// How many may be made in all, where that no longer depends on the builds.
    granted: Option<usize>,
    names: watch::Receiver<Names>,
    answers: watch::Sender<usize>,
}

/// Who waits for the answers.
pub(super) struct Answers {
    names: watch::Sender<Names>,
    received: watch::Receiver<usize>,
}

pub(super) fn requests() -> (Requests, Answers) {
    let (told, names) = watch::channel(None);
    let (answers, received) = watch::channel(0);
    (Requests { made: 0, granted: None, names, answers }, Answers { names: told, received })
}

impl Requests {
    /// Names of the run's builds, which are known once its templates are read. Nothing where they never are.
    pub(super) async fn builds(&mut self) -> Names {
        self.names.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Until they are known, or it is known that they never will be.
    pub(super) fn named(&self) -> impl Future<Output = ()> + use<> {
        let mut names = self.names.clone();
        async move { drop(names.wait_for(Option::is_some).await) }
    }

    /// Whether so many more may be made.
    pub(super) async fn allow(&mut self, more: usize) -> bool {
        if self.granted.is_none() && self.made + more > self.most() {
            self.builds().await;
        }
        self.made + more <= self.most()
    }

    fn most(&self) -> usize {
        self.granted.unwrap_or_else(|| self.names.borrow().as_ref().map_or(LEAST, |builds| of(builds.len())))
    }

    /// From here on so many, whatever was left.
    pub(super) fn grant(&mut self, more: usize) {
        self.granted = Some(self.made + more);
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
    pub(super) fn builds(&self, names: BTreeSet<String>) {
        self.names.send_replace(Some(names));
    }

    /// Waits for the next answer. Nothing when there will be none.
    pub(super) async fn next(&mut self) -> Option<()> {
        self.received.changed().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many calls a search makes that never finds what it looks for, and with those for the preview before.
    async fn made(builds: Option<usize>) -> (usize, usize) {
        let (mut requests, answers) = requests();
        match builds {
            Some(count) => answers.builds((0..count).map(|number| number.to_string()).collect()),
            None => drop(answers),
        }
        while requests.allow(1).await {
            requests.answered();
        }
        let base = requests.made;
        requests.grant(3);
        while requests.allow(1).await {
            requests.answered();
        }
        (base, requests.made)
    }

    #[tokio::test]
    async fn small_runs_ask_less() {
        for (builds, most) in [(None, 4), (Some(0), 4), (Some(1), 4), (Some(2), 5), (Some(3), 6), (Some(50), 6)] {
            assert_eq!(made(builds).await, (most, most + 3), "{builds:?} builds");
        }
        for builds in 1..20 {
            assert!(2 * builds + 3 + of(builds) <= 3 * builds + 6, "{builds} builds");
        }
    }

    /// What the base branch did not take is not for the preview before.
    #[tokio::test]
    async fn the_preview_before_has_its_own_calls() {
        let (mut requests, answers) = requests();
        requests.answered();
        requests.grant(3);
        answers.builds((0..50).map(|number| number.to_string()).collect());
        while requests.allow(1).await {
            requests.answered();
        }
        assert_eq!(requests.made, 4);
    }
}
