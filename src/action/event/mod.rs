//! What started the run, from the runner's environment and the event file, as data: which commit and pull request it
//! is about, what kind of event it is and whose code may be at work.
//!
//! Texts such as branch names are kept as they came and can hold anything: whoever shows them escapes them, whoever
//! puts them into an address encodes them. Commits, repository names, numbers and addresses are checked here.

mod environment;
mod facts;
mod payload;
mod valid;

#[cfg(test)]
mod tests;

pub(super) use valid::sha;

use crate::config::EventClass;

use environment::Environment;
use facts::{Facts, OF_PULL, Scene};
use payload::Payload;

/// What started the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trigger {
    /// Such as `pull_request`.
    pub event: String,
    /// `owner/name`.
    pub repository: String,
    pub repository_id: Option<u64>,
    /// The commit that reports belong to, which need not be the one that is checked out.
    pub head: Head,
    pub pull: Pull,
    /// Nothing where a branch or tag is gone: there is nothing to build.
    pub class: Option<EventClass>,
    /// The pull request has been merged or given up.
    pub closed: bool,
    /// The head that the pull request had before it was pushed to.
    pub before: Option<String>,
    pub code: Code,
    /// GitHub gives this run a token that cannot write unless its owners say otherwise, and none of the usual secrets.
    pub read_only_token: bool,
    pub run: RunRef,
    /// Branch or tag, without `refs/heads/`.
    pub ref_name: String,
    pub base_ref: Option<String>,
    pub head_ref: Option<String>,
    pub default_branch: Option<String>,
    /// Without a slash at the end, as the others.
    pub api_url: String,
    pub graphql_url: String,
    pub server_url: String,
    /// What could not be understood; nothing in these comes from the event file.
    pub warnings: Vec<String>,
}

impl Trigger {
    /// The commit that reports belong to, where the event names it.
    pub(crate) fn commit(&self) -> Option<&str> {
        match &self.head {
            Head::Sha(sha) => Some(sha),
            Head::OfPull(_) | Head::Unknown => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Head {
    Sha(String),
    /// That of this pull request, which the event does not name.
    OfPull(u64),
    Unknown,
}

/// How to find the pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pull {
    Number(u64),
    /// One that has this commit, or had it; there may be none or several.
    OfCommit(String),
    /// The one of this branch whose head is this commit.
    OfBranch {
        owner: String,
        branch: String,
        sha: String,
    },
    None,
}

/// Whose code the run may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Code {
    /// The repository's own: the event comes from who may write to it, or is about a branch in it.
    Own,
    /// A fork's, in a run without secrets.
    Fork,
    /// Whatever the workflow chose to check out, in a run with secrets that anyone can start.
    Privileged {
        /// Commits known to be in the repository's own branches.
        own: Vec<String>,
        /// Commits known to come from others.
        foreign: Vec<String>,
    },
}

/// The run itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunRef {
    pub id: u64,
    pub attempt: u64,
    pub number: u64,
    /// The key in the workflow file: not unique across the cells of a matrix.
    pub job: String,
    pub workflow: String,
    /// The page of this attempt.
    pub url: String,
    /// Whose rights the run has, also when someone else starts it again.
    pub actor: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EventError {
    #[error("GITHUB_EVENT_NAME is not set: this is no run of GitHub Actions")]
    NoEvent,
    #[error("{name} {given}, {expected} is expected")]
    Wrong { name: &'static str, given: String, expected: &'static str, event: String },
}

impl EventError {
    /// Whether work may go on without knowing more of the event: there are no secrets next to code of others.
    pub(crate) fn is_harmless(&self) -> bool {
        match self {
            Self::NoEvent => true,
            Self::Wrong { event, .. } => facts::is_own(event),
        }
    }
}

/// Reads environment and event file. A file that is missing or broken leaves what the environment says, and a warning.
pub(crate) fn read(var: impl Fn(&str) -> Option<String>) -> Result<Trigger, EventError> {
    let environment = Environment::new(var)?;
    let repository = environment.repository()?;
    let server_url = environment.address("GITHUB_SERVER_URL", "https://github.com")?;
    let run = environment.run(&server_url, &repository)?;
    let api_url = environment.address("GITHUB_API_URL", "https://api.github.com")?;
    let graphql_url = environment.address("GITHUB_GRAPHQL_URL", "https://api.github.com/graphql")?;

    let mut warnings = Vec::new();
    let payload = Payload::read(environment.text("GITHUB_EVENT_PATH").as_deref());
    let payload = payload.map_err(|warning| warnings.push(warning)).ok();
    let sha = environment.text("GITHUB_SHA").and_then(|text| sha(&text));
    if sha.is_none() {
        warnings.push("GITHUB_SHA is not the full name of a commit".to_owned());
    }
    let event = environment.event.as_str();
    let reference = environment.text("GITHUB_REF").unwrap_or_default();
    let named = ["refs/heads/", "refs/tags/"].iter().find_map(|kind| reference.strip_prefix(kind));
    let ref_name = named.map(str::to_owned).or_else(|| environment.text("GITHUB_REF_NAME")).unwrap_or_default();
    // The event of a schedule may have nothing but the schedule; it only ever runs on the default branch.
    let by_clock = Some(ref_name.clone()).filter(|name| event == "schedule" && !name.is_empty());
    let default_branch = payload.as_ref().and_then(|p| p.text("/repository/default_branch")).map(str::to_owned);
    let default_branch = default_branch.or(by_clock);
    let repository_id = environment.text("GITHUB_REPOSITORY_ID").and_then(|text| text.parse().ok());
    let repository_id = repository_id.or_else(|| payload.as_ref()?.number("/repository/id"));

    let mut scene = Scene {
        event,
        sha,
        reference: &reference,
        repository_id,
        default_branch: default_branch.as_deref(),
        payload: payload.as_ref(),
        warnings,
    };
    let action = payload.as_ref().and_then(|file| file.text("/action"));
    let before = payload.as_ref().and_then(|file| file.sha("/before"));
    let Facts { class, head, pull, code, base_ref, head_ref } = scene.facts();
    let warnings = scene.warnings;
    let held_back = run.actor == "dependabot[bot]" && holds_back_for_dependabot(event);
    Ok(Trigger {
        event: event.to_owned(),
        repository,
        repository_id,
        head,
        pull,
        closed: class == Some(EventClass::PullRequest) && action == Some("closed"),
        before: before.filter(|_| class == Some(EventClass::PullRequest)),
        class,
        read_only_token: code == Code::Fork || held_back,
        code,
        run,
        ref_name,
        base_ref: base_ref.or_else(|| environment.text("GITHUB_BASE_REF")),
        head_ref: head_ref.or_else(|| environment.text("GITHUB_HEAD_REF")),
        default_branch,
        api_url,
        graphql_url,
        server_url,
        warnings,
    })
}

/// Events for which a run of Dependabot's gets a token that reads and Dependabot's own secrets.
fn holds_back_for_dependabot(event: &str) -> bool {
    OF_PULL.contains(&event) || ["push", "create", "deployment", "deployment_status"].contains(&event)
}
