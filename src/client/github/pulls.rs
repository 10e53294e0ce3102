//! From a commit or a branch to its pull request, and from a pull request to its head.

use serde::Deserialize;

use super::retry::{Effect, patiently};
use super::{GithubError, Repository};

/// A pull request, as far as it matters here. octocrab's type does not take what GitHub itself documents (a person's
/// `gravatar_id` that is null, the repository of a fork that was deleted).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct PullRequest {
    pub number: u64,
    head: Head,
    #[serde(default)]
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Head {
    sha: String,
}

impl PullRequest {
    /// Commit at its head.
    pub(crate) fn sha(&self) -> &str {
        &self.head.sha
    }

    /// Merged or given up.
    pub(crate) fn is_closed(&self) -> bool {
        self.state == "closed"
    }
}

impl Repository {
    /// The pull request whose head is this commit, else one that brought it to its branch.
    pub(crate) async fn pull_of_commit(&self, sha: &str) -> Result<Option<u64>, GithubError> {
        let route = self.route(&format!("commits/{sha}/pulls"));
        let pulls: Vec<PullRequest> = patiently(Effect::None, || self.crab.get(&route, None::<&()>)).await?;
        let head = pulls.iter().find(|pull| pull.sha() == sha);
        Ok(head.or(pulls.first()).map(|pull| pull.number))
    }

    /// The open pull request from that branch whose head is still that commit: a newer one is another run's.
    pub(crate) async fn pull_of_branch(
        &self,
        owner: &str,
        branch: &str,
        sha: &str,
    ) -> Result<Option<u64>, GithubError> {
        let route = self.route("pulls");
        let query = [("head", format!("{owner}:{branch}")), ("per_page", "100".to_owned())];
        let pulls: Vec<PullRequest> = patiently(Effect::None, || self.crab.get(&route, Some(&query))).await?;
        Ok(pulls.iter().find(|pull| pull.sha() == sha).map(|pull| pull.number))
    }

    pub(crate) async fn pull(&self, number: u64) -> Result<PullRequest, GithubError> {
        let route = self.route(&format!("pulls/{number}"));
        patiently(Effect::None, || self.crab.get(&route, None::<&()>)).await
    }
}
