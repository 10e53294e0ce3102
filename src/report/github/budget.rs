//! How often check runs and statuses change while their builds go on. A workflow's token has a thousand requests an hour
//! for all workflows of a repository; the last call of each build is never given up for those in between.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// What goes on changes no sooner than this after its last change.
pub(super) const QUIET: Duration = Duration::from_secs(15);
/// Changes in any hour that one job makes ...
const JOB: u64 = 60;
/// ... and all jobs of a matrix together, which know nothing of each other.
const MATRIX: u64 = 300;
const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug)]
pub(super) struct Budget {
    /// Changes in any hour.
    most: usize,
    /// Those of the last hour, oldest first.
    spent: VecDeque<Instant>,
    /// When each was changed last, by name.
    changed: BTreeMap<String, Instant>,
}

impl Budget {
    /// That of one of so many jobs.
    pub(super) fn of(jobs: u64) -> Self {
        let most = JOB.min(MATRIX / jobs.max(1));
        let most = usize::try_from(most).unwrap_or_default();
        Self { most, spent: VecDeque::new(), changed: BTreeMap::new() }
    }

    /// Whether what goes on may be told of again.
    pub(super) fn allows(&self, name: &str) -> bool {
        let rested = self.changed.get(name).is_none_or(|at| at.elapsed() >= QUIET);
        rested && self.spent.iter().filter(|at| at.elapsed() < HOUR).count() < self.most
    }

    /// Something was made or completed, which is always allowed.
    pub(super) fn told(&mut self, name: &str) {
        self.changed.insert(name.to_owned(), Instant::now());
    }

    /// Something that goes on was told of again.
    pub(super) fn spend(&mut self, name: &str) {
        self.told(name);
        while self.spent.front().is_some_and(|at| at.elapsed() >= HOUR) {
            self.spent.pop_front();
        }
        self.spent.push_back(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Most of the moments, which are in order, that lie within any hour.
    fn busiest(moments: &[Instant]) -> usize {
        let of_hour =
            |first: Instant| moments.iter().filter(move |at| **at >= first && at.duration_since(first) < HOUR).count();
        moments.iter().map(|first| of_hour(*first)).max().unwrap_or_default()
    }

    /// Jobs whose builds change their phase all the time, for three hours.
    #[tokio::test(start_paused = true)]
    async fn all_jobs_of_a_matrix_together_stay_within_the_hour() {
        for jobs in [1_u64, 2, 7, 60, 256, 1000] {
            let mut budgets: Vec<Budget> = (0..jobs).map(|_| Budget::of(jobs)).collect();
            let (mut all, mut of_first) = (Vec::new(), Vec::new());
            for _ in 0..3 * 3600 / 20 {
                for (number, budget) in budgets.iter_mut().enumerate() {
                    for build in ["a", "b", "c"] {
                        if budget.allows(build) {
                            budget.spend(build);
                            all.push(Instant::now());
                            of_first.extend((number == 0).then(Instant::now));
                        }
                    }
                }
                tokio::time::advance(Duration::from_secs(20)).await;
            }
            assert!(busiest(&all) <= 300, "{jobs} jobs: {}", busiest(&all));
            assert!(busiest(&of_first) <= 60, "{jobs} jobs: {}", busiest(&of_first));
            // An hour that is over counts no more.
            let expected = 3 * jobs * JOB.min(MATRIX / jobs);
            assert_eq!(all.len() as u64, expected, "{jobs} jobs");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_build_rests_and_another_need_not() {
        let mut budget = Budget::of(1);
        budget.told("a");
        assert!(!budget.allows("a") && budget.allows("b"));
        tokio::time::advance(QUIET).await;
        assert!(budget.allows("a"));
    }
}
