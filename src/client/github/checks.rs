//! Check runs. octocrab's own calls know no `started_at`, without which a check that is created late shows a wrong
//! duration, and no place to go on with annotations; so these go through its raw ones.

use octocrab::params::checks::{
    CheckRunConclusion, CheckRunOutput, CheckRunOutputAnnotation, CheckRunOutputAnnotationLevel,
};
use serde::{Deserialize, Serialize};

use super::retry::{Effect, patiently};
use super::{App, GithubError, Repository};

/// Annotations that one request may carry.
pub(crate) const ANNOTATIONS: usize = 50;

/// A mark at lines of a file, relative to the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Annotation {
    pub path: String,
    pub line: u32,
    pub end_line: u32,
    /// Within one line only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<(u32, u32)>,
    pub level: Level,
    /// At most 255 characters.
    pub title: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    Warning,
    Failure,
}

/// How far the thing is that a check run tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CheckState {
    InProgress,
    Success,
    Failure,
    Cancelled,
    Neutral,
}

/// A check run as it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckRun {
    pub name: String,
    /// Ours: finds the check run again when the answer to its creation was lost.
    pub external_id: String,
    pub state: CheckState,
    /// RFC 3339.
    pub started_at: Option<String>,
    pub completed_at: Option<String>,
    pub details_url: Option<String>,
    pub title: String,
    /// Markdown; at most 65,535 characters each.
    pub summary: String,
    pub text: Option<String>,
    pub annotations: Vec<Annotation>,
}

#[derive(Serialize)]
struct Body<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_sha: Option<&'a str>,
    external_id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    conclusion: Option<CheckRunConclusion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details_url: Option<&'a str>,
    output: CheckRunOutput,
}

#[derive(Deserialize)]
struct Answer {
    id: u64,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    output: Option<Output>,
    #[serde(default)]
    app: Option<App>,
}

#[derive(Deserialize)]
struct Output {
    #[serde(default)]
    annotations_count: usize,
}

#[derive(Deserialize)]
struct Answers {
    check_runs: Vec<Answer>,
}

impl Repository {
    /// Creates a check run on a commit and yields its id. When nobody knows whether it was created, it is looked for
    /// before it is created again. The answer tells which App our token is of.
    pub(crate) async fn create_check(&self, sha: &str, check: &CheckRun) -> Result<u64, GithubError> {
        let first = self.send_new_check(sha, check).await;
        match first {
            Err(GithubError::Failing(_) | GithubError::Unreachable(_)) => {}
            settled => return settled,
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        match self.find_check(sha, check).await? {
            Some(id) => Ok(id),
            None => self.send_new_check(sha, check).await,
        }
    }

    async fn send_new_check(&self, sha: &str, check: &CheckRun) -> Result<u64, GithubError> {
        let route = self.route("check-runs");
        let call = || async {
            let body = body(check, Some(sha), 0);
            self.crab.post::<_, Answer>(&route, Some(&body)).await
        };
        let made = patiently(Effect::Another, call).await?;
        if let Some(app) = made.app {
            let _ = self.app.set(app);
        }
        Ok(made.id)
    }

    /// A failed check run of ours of this name on the commit.
    pub(crate) async fn failed_check(&self, sha: &str, name: &str) -> Result<Option<u64>, GithubError> {
        let found = self.checks_named(sha, name).await?;
        let ours = |run: &&Answer| run.external_id.as_deref().is_some_and(|id| id.starts_with("forge:"));
        let failed = found.iter().filter(ours).find(|run| run.conclusion.as_deref() == Some("failure"));
        Ok(failed.map(|run| run.id))
    }

    pub(crate) async fn find_check(&self, sha: &str, check: &CheckRun) -> Result<Option<u64>, GithubError> {
        let found = self.checks_named(sha, &check.name).await?;
        let own = found.into_iter().find(|run| run.external_id.as_deref() == Some(&check.external_id));
        Ok(own.map(|run| run.id))
    }

    async fn checks_named(&self, sha: &str, name: &str) -> Result<Vec<Answer>, GithubError> {
        let route = self.route(&format!("commits/{sha}/check-runs"));
        let query = [("check_name", name), ("filter", "all"), ("per_page", "100")];
        let found: Answers = patiently(Effect::None, || self.crab.get(&route, Some(&query))).await?;
        Ok(found.check_runs)
    }

    /// Changes a check run. Annotations before number `from` are there already; the next fifty go along. Yields how many
    /// are there then.
    pub(crate) async fn update_check(&self, id: u64, check: &CheckRun, from: usize) -> Result<usize, GithubError> {
        let route = self.route(&format!("check-runs/{id}"));
        // The same annotation twice is two annotations, all else of the request is the same twice.
        let adds = check.annotations.len() > from;
        let effect = if adds { Effect::Another } else { Effect::None };
        let call = || async {
            let body = body(check, None, from);
            self.crab.patch::<Answer, _, _>(&route, Some(&body)).await
        };
        let sent = |from: usize| from.saturating_add(ANNOTATIONS).min(check.annotations.len());
        match patiently(effect, call).await {
            Err(GithubError::Failing(_) | GithubError::Unreachable(_)) if adds => {
                let there = self.annotations_of(id).await?;
                let from = from.max(there.min(check.annotations.len()));
                let call = || async {
                    let body = body(check, None, from);
                    self.crab.patch::<Answer, _, _>(&route, Some(&body)).await
                };
                patiently(Effect::Another, call).await.map(|_| sent(from))
            }
            settled => settled.map(|_| sent(from)),
        }
    }

    /// Learns from a check run of ours which App our token is of.
    pub(crate) async fn recognise(&self, check: u64) -> Result<(), GithubError> {
        if self.app.get().is_some() || self.personal {
            return Ok(());
        }
        self.annotations_of(check).await.map(drop)
    }

    /// How many annotations the check run has.
    async fn annotations_of(&self, id: u64) -> Result<usize, GithubError> {
        let route = self.route(&format!("check-runs/{id}"));
        let found: Answer = patiently(Effect::None, || self.crab.get(&route, None::<&()>)).await?;
        if let Some(app) = found.app {
            let _ = self.app.set(app);
        }
        Ok(found.output.map_or(0, |output| output.annotations_count))
    }
}

fn body<'a>(check: &'a CheckRun, sha: Option<&'a str>, from: usize) -> Body<'a> {
    let conclusion = match check.state {
        CheckState::InProgress => None,
        CheckState::Success => Some(CheckRunConclusion::Success),
        CheckState::Failure => Some(CheckRunConclusion::Failure),
        CheckState::Cancelled => Some(CheckRunConclusion::Cancelled),
        CheckState::Neutral => Some(CheckRunConclusion::Neutral),
    };
    Body {
        name: &check.name,
        head_sha: sha,
        external_id: &check.external_id,
        status: if conclusion.is_some() { "completed" } else { "in_progress" },
        conclusion,
        started_at: check.started_at.as_deref(),
        completed_at: check.completed_at.as_deref().filter(|_| conclusion.is_some()),
        details_url: check.details_url.as_deref(),
        output: CheckRunOutput {
            title: check.title.clone(),
            summary: check.summary.clone(),
            text: check.text.clone(),
            annotations: check.annotations.iter().skip(from).take(ANNOTATIONS).map(annotation).collect(),
            images: Vec::new(),
        },
    }
}

fn annotation(mark: &Annotation) -> CheckRunOutputAnnotation {
    let columns = mark.columns.filter(|_| mark.line == mark.end_line);
    CheckRunOutputAnnotation {
        path: mark.path.clone(),
        start_line: mark.line,
        end_line: mark.end_line,
        start_column: columns.map(|(start, _)| start),
        end_column: columns.map(|(_, end)| end),
        annotation_level: match mark.level {
            Level::Warning => CheckRunOutputAnnotationLevel::Warning,
            Level::Failure => CheckRunOutputAnnotationLevel::Failure,
        },
        message: mark.message.clone(),
        title: Some(mark.title.clone()),
        raw_details: mark.details.clone(),
    }
}
