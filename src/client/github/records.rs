//! What earlier runs of workflows have kept as artifacts, by the REST interface: the runs of a branch or a commit, what
//! each has kept, and the one file of an artifact. The job needs `actions: read`.
//!
//! An artifact's name says nothing: any run can keep one under any name. What counts is the run that it is of.

use octocrab::Octocrab;
use reqwest::StatusCode;
use reqwest::redirect::{Attempt, Policy};
use serde::Deserialize;

use super::artifacts::{LARGEST, unzipped};
use super::retry::{Effect, patiently};
use super::{GithubError, Repository};

/// Runs that are looked through.
const RUNS: &str = "50";

/// Which runs are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunsOf<'a> {
    Branch(&'a str),
    /// Those of one workflow, whose file is named.
    Workflow {
        file: &'a str,
        branch: &'a str,
    },
    /// Those for a pull request with that head.
    Head(&'a str),
    /// In full.
    Commit(&'a str),
}

/// A run that a push or pull request of the repository's own began.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct PastRun {
    pub id: u64,
    /// Of the workflow's file.
    #[serde(default)]
    pub path: String,
    #[serde(default)]
    event: String,
    /// `queued`, `in_progress`, `waiting`, ..., `completed`.
    #[serde(default)]
    pub status: String,
    /// How it ended: `success`, `failure`, `cancelled`, ...
    pub conclusion: Option<String>,
    /// Also the name of a tag.
    pub head_branch: Option<String>,
    #[serde(default)]
    pub head_sha: String,
    /// Grows when jobs of it run again.
    #[serde(default, rename = "run_attempt")]
    pub attempt: u64,
    repository: Option<Id>,
    head_repository: Option<Id>,
}

/// An artifact of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct PastArtifact {
    pub id: u64,
    pub name: String,
    #[serde(default)]
    pub expired: bool,
    #[serde(default)]
    size_in_bytes: u64,
    workflow_run: Option<Origin>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct Id {
    id: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Origin {
    id: Option<u64>,
    repository_id: Option<u64>,
    head_repository_id: Option<u64>,
    head_sha: Option<String>,
}

#[derive(Deserialize)]
struct Runs {
    workflow_runs: Vec<PastRun>,
}

#[derive(Deserialize)]
struct Listed {
    artifacts: Vec<PastArtifact>,
}

impl PastRun {
    pub(crate) fn has_ended(&self) -> bool {
        self.status == "completed"
    }

    /// Whether all of its jobs did.
    pub(crate) fn succeeded(&self) -> bool {
        self.conclusion.as_deref() == Some("success")
    }

    /// Whether the repository's own branch or tag was pushed. A fork's branch can have the name of ours.
    fn is_own(&self, of: RunsOf<'_>) -> bool {
        let id = self.repository.map(|repository| repository.id);
        let meant = match of {
            RunsOf::Branch(branch) | RunsOf::Workflow { branch, .. } => self.head_branch.as_deref() == Some(branch),
            RunsOf::Head(sha) | RunsOf::Commit(sha) => self.head_sha == sha,
        };
        meant && id.is_some() && self.head_repository.map(|head| head.id) == id && self.event == of.event()
    }
}

impl RunsOf<'_> {
    fn event(self) -> &'static str {
        match self {
            Self::Head(_) => "pull_request",
            Self::Branch(_) | Self::Workflow { .. } | Self::Commit(_) => "push",
        }
    }
}

impl Repository {
    /// The runs, the newest first: one call. Of a commit all, else those that have ended.
    pub(crate) async fn past_runs(&self, of: RunsOf<'_>) -> Result<Vec<PastRun>, GithubError> {
        let route = match of {
            RunsOf::Workflow { file, .. } => self.route(&format!("actions/workflows/{}/runs", encoded(file))),
            _ => self.route("actions/runs"),
        };
        let which = match of {
            RunsOf::Branch(branch) | RunsOf::Workflow { branch, .. } => ("branch", branch),
            RunsOf::Head(sha) | RunsOf::Commit(sha) => ("head_sha", sha),
        };
        let mut query = vec![which, ("event", of.event()), ("per_page", RUNS)];
        let also_going = matches!(of, RunsOf::Commit(_));
        if !also_going {
            query.push(("status", "completed"));
        }
        let found: Runs = patiently(Effect::None, || self.crab.get(&route, Some(&query))).await?;
        let meant = |run: &PastRun| run.is_own(of) && (also_going || run.has_ended());
        Ok(found.workflow_runs.into_iter().filter(meant).collect())
    }

    /// What the run has kept, the newest first: one call. Only what is surely of it.
    pub(crate) async fn artifacts_of(&self, run: &PastRun) -> Result<Vec<PastArtifact>, GithubError> {
        let route = self.route(&format!("actions/runs/{}/artifacts", run.id));
        let query = [("per_page", "100")];
        let found: Listed = patiently(Effect::None, || self.crab.get(&route, Some(&query))).await?;
        let own = run.repository.map(|repository| repository.id);
        let of_run = |artifact: &PastArtifact| {
            artifact.workflow_run.as_ref().is_some_and(|origin| {
                origin.id == Some(run.id)
                    && origin.repository_id == own
                    && origin.head_repository_id == own
                    && origin.head_sha.as_deref() == Some(&run.head_sha)
            })
        };
        Ok(found.artifacts.into_iter().filter(of_run).collect())
    }

    /// The only file of the artifact: one call, and one to where GitHub keeps it.
    pub(crate) async fn read_artifact(&self, artifact: &PastArtifact) -> Result<Vec<u8>, GithubError> {
        let wrong = |text: String| GithubError::Invalid(format!("artifact {}: {text}", artifact.name));
        if artifact.size_in_bytes > LARGEST {
            return Err(wrong(format!("it has more than {LARGEST} bytes")));
        }
        let route = self.route(&format!("actions/artifacts/{}/zip", artifact.id));
        let address = patiently(Effect::None, || location(&self.crab, &route)).await?;
        let address = address.ok_or_else(|| wrong("GitHub does not say where it is".to_owned()))?;
        // The address is signed: it takes no token, and is not shown.
        let failed = |error: reqwest::Error| GithubError::Unreachable(error.without_url().to_string());
        let mut answer = self.plain.get(address).send().await.map_err(failed)?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(GithubError::Missing(artifact.name.clone())),
            status => return Err(wrong(format!("its store answers {status}"))),
        }
        let mut archive = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            archive.extend_from_slice(&part);
            if archive.len() as u64 > LARGEST {
                return Err(wrong(format!("it has more than {LARGEST} bytes")));
            }
        }
        unzipped(&archive).map_err(|error| wrong(error.to_string()))
    }
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    let mut url = reqwest::Url::parse("https://github.invalid").ok();
    if let Some(Ok(mut parts)) = url.as_mut().map(reqwest::Url::path_segments_mut) {
        parts.push(name);
    }
    url.map(|url| url.path().trim_start_matches('/').to_owned()).unwrap_or_default()
}

/// Where the answer leads.
async fn location(crab: &Octocrab, route: &str) -> octocrab::Result<Option<String>> {
    let answer = crab._get(route).await?;
    if answer.status().is_redirection() {
        let location = answer.headers().get(reqwest::header::LOCATION);
        return Ok(location.and_then(|location| location.to_str().ok()).map(str::to_owned));
    }
    octocrab::map_github_error(answer).await.map(|_| None)
}

/// As usual, but for what is kept elsewhere: the token stays with GitHub.
pub(super) fn redirects() -> Policy {
    Policy::custom(|attempt: Attempt<'_>| {
        let content = |path: &str| path.ends_with("/zip") || path.contains("/releases/assets/");
        let is_content = attempt.previous().last().is_some_and(|from| content(from.path()));
        match (is_content, attempt.previous().len()) {
            (true, _) => attempt.stop(),
            (false, ..10) => attempt.follow(),
            (false, _) => attempt.error("too many redirects"),
        }
    })
}
