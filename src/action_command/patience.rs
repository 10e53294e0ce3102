//! How long a run waits for a GitHub that does not answer: in all, wherever it waits.

use std::time::Duration;

/// Of which the search before the builds takes the larger part, and the reports after them the rest.
const IN_ALL: Duration = Duration::from_millis(1500);

/// What is left of it. Waiting that ends with an answer takes nothing away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(IN_ALL)
    }
}

impl Patience {
    pub(super) fn left(self) -> Duration {
        self.0
    }

    /// So long was waited in vain.
    pub(super) fn spend(&mut self, waited: Duration) {
        self.0 = self.0.saturating_sub(waited);
    }
}
