//! Commit statuses: a state and a line of text, for tokens that may not make check runs.

use serde::{Deserialize, Serialize};

use super::checks::CheckState;
use super::retry::{Effect, patiently};
use super::viewer::Account;
use super::{GithubError, Repository};

/// A status as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    /// What it is about; GitHub shows the last status of each context, and does not tell capitals from small letters.
    pub context: String,
    pub state: CheckState,
    /// At most 140 characters.
    pub description: String,
    /// `http` or `https`.
    pub target_url: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    context: &'a str,
    state: &'static str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_url: Option<&'a str>,
}

#[derive(Deserialize)]
struct Answer {
    state: String,
    context: String,
    #[serde(default)]
    creator: Option<Account>,
}

impl Repository {
    /// Sets a status. The same one twice shows as one, so it is tried again when nobody knows whether it was set.
    pub(crate) async fn set_status(&self, sha: &str, status: &Status) -> Result<(), GithubError> {
        let route = self.route(&format!("statuses/{sha}"));
        let body = Body {
            context: &status.context,
            state: word(status.state),
            description: &status.description,
            target_url: status.target_url.as_deref(),
        };
        let set: Answer = patiently(Effect::None, || self.crab.post(&route, Some(&body))).await?;
        self.is_by(set.creator);
        Ok(())
    }

    /// Whether the newest status of this context says that something failed.
    pub(crate) async fn has_failed_status(&self, sha: &str, context: &str) -> Result<bool, GithubError> {
        let route = self.route(&format!("commits/{sha}/statuses"));
        let query = [("per_page", "100")];
        // Newest first.
        let found: Vec<Answer> = patiently(Effect::None, || self.crab.get(&route, Some(&query))).await?;
        let newest = found.iter().find(|status| status.context.eq_ignore_ascii_case(context));
        Ok(newest.is_some_and(|status| status.state == "failure"))
    }
}

fn word(state: CheckState) -> &'static str {
    match state {
        CheckState::InProgress => "pending",
        // Nothing is wrong; there is no word for what is neither good nor bad.
        CheckState::Success | CheckState::Neutral => "success",
        CheckState::Failure => "failure",
        CheckState::Cancelled => "error",
    }
}
