//! A preview: an image that shows what a pull request would make. It is never published.

use std::time::SystemTime;

/// Whose preview a run builds, and until when it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preview {
    /// `owner/name`.
    pub repository: String,
    pub pull_request: u64,
    /// Of the head commit, in full.
    pub sha: String,
    pub expires: SystemTime,
}

impl Preview {
    /// What stands in the place of a tag, and behind the name of an image: `pr-12-0123abc`.
    pub(crate) fn tag(&self) -> String {
        format!("{}{}", tag_prefix(self.pull_request), self.sha.get(..7).unwrap_or(&self.sha))
    }
}

/// What all tags of the previews of a pull request begin with.
pub(crate) fn tag_prefix(pull_request: u64) -> String {
    format!("pr-{pull_request}-")
}
