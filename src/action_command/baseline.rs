//! What a preview is compared with: the last record of the base branch, which its runs keep as artifacts. It is looked
//! for beside the builds, by few requests, and whatever goes wrong with it costs the comparison and nothing else.

use std::path::Path;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::join::PREFIX;
use crate::action::{BaselineFrom, Inputs, Trigger};
use crate::app::Process;
use crate::client::github::{Address, GithubError, PastArtifact, PastRun, Repository, RunsOf};
use crate::config::EventClass;
use crate::report::record::{Against, Comparison, SCHEMA};
use crate::report::{self, Jobs, Record};
use crate::report_command;
use crate::secret::Redactor;

/// Requests that a run may make for its baseline: a workflow's token has a thousand an hour for a whole repository.
const REQUESTS: usize = 6;
/// How long it is looked for at all.
const LONGEST: Duration = Duration::from_secs(30);
/// Builds wait so long for all of it, since it says which of them need not run.
const PATIENCE: Duration = Duration::from_secs(10);
/// But so long only for GitHub's first answer, and so does the end of the run: a slow GitHub holds nothing up.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The search under way.
pub(super) struct Looking {
    /// Yields a notice, if there is one.
    task: JoinHandle<Option<String>>,
    first: oneshot::Receiver<()>,
    comparison: Comparison,
}

impl Looking {
    /// Waits for what the builds want to know; nothing where it takes too long.
    pub(super) async fn soon(&mut self) -> Option<Option<String>> {
        tokio::time::timeout(AT_ONCE, &mut self.first).await.ok()?.ok();
        let found = tokio::time::timeout(PATIENCE, &mut self.task).await.ok()?;
        Some(found.ok().flatten())
    }

    /// Waits a last moment.
    pub(super) async fn at_last(self) -> Option<String> {
        if let Ok(found) = tokio::time::timeout(AT_ONCE, self.task).await {
            return found.ok().flatten();
        }
        let text = "GitHub has not told in time what the base branch has";
        self.comparison.settle(Against::Nothing(text.to_owned()));
        Some(format!("the images are not compared: {text}"))
    }
}

/// Begins to look; the comparison is settled in any case.
pub(super) fn begin(
    inputs: &Inputs,
    trigger: Option<&Trigger>,
    process: &Process,
    redactor: &Redactor,
) -> (Comparison, Looking) {
    let comparison = Comparison::awaited();
    let from = match &inputs.baseline {
        BaselineFrom::Nothing => From::Nothing("the input \"baseline\" is \"off\""),
        BaselineFrom::File(path) => From::File(process.cwd.join(path).into_boxed_path()),
        BaselineFrom::Branch => From::branch(inputs, trigger, process),
    };
    let (settled, redactor) = (comparison.clone(), redactor.clone());
    let (answered, first) = oneshot::channel();
    let task = tokio::spawn(async move {
        let found = tokio::time::timeout(LONGEST, look(from, answered, &redactor)).await;
        let found = found.unwrap_or_else(|_| Err(Miss::Fault(format!("GitHub took longer than {LONGEST:?}"))));
        match found {
            Ok(record) => {
                settled.settle(Against::Record(Box::new(record)));
                None
            }
            Err(miss) => {
                let (text, notice) = miss.told();
                settled.settle(Against::Nothing(text.clone()));
                notice.then(|| format!("the images are not compared: {text}"))
            }
        }
    });
    (comparison.clone(), Looking { task, first, comparison })
}

/// Where to look.
enum From {
    /// Nobody wants it.
    Nothing(&'static str),
    File(Box<Path>),
    Branch(Box<Branch>),
    /// It cannot be looked for.
    Unknown(&'static str),
}

struct Branch {
    address: Address,
    identity: crate::client::github::Identity,
    /// `owner/name`.
    repository: String,
    name: String,
    /// The file of this run's workflow, whose runs are looked at first.
    workflow: Option<String>,
    /// How the names of artifacts begin that are looked at first.
    like: Vec<String>,
}

/// Why there is nothing to compare with.
enum Miss {
    /// As it may be.
    Usual(String),
    /// Somebody should do something about it.
    Fault(String),
}

impl Miss {
    /// In one line, and whether it is worth a notice.
    fn told(self) -> (String, bool) {
        match self {
            Self::Usual(text) => (text, false),
            Self::Fault(text) => (text, true),
        }
    }
}

impl From {
    fn branch(inputs: &Inputs, trigger: Option<&Trigger>, process: &Process) -> Self {
        let Some(trigger) = trigger else { return Self::Unknown("no event says which branch is meant") };
        let Some(identity) = inputs.identity.clone() else { return Self::Nothing("no token of GitHub was given") };
        let pushed = (trigger.class == Some(EventClass::Push)).then(|| trigger.ref_name.clone());
        let Some(name) = trigger.base_ref.clone().or(pushed) else {
            return Self::Unknown("the event names no base branch");
        };
        let (owner, repository) = trigger.repository.split_once('/').unwrap_or_default();
        let path = process.var("GITHUB_WORKFLOW_REF").and_then(|path| {
            let (path, _) = path.strip_prefix(&format!("{}/", trigger.repository))?.split_once('@')?;
            Some(path.to_owned())
        });
        let cell = inputs.entry.as_ref().map(|entry| entry.id.as_str()).unwrap_or(&trigger.run.job);
        Self::Branch(Box::new(Branch {
            address: Address {
                api: trigger.api_url.clone(),
                graphql: trigger.graphql_url.clone(),
                owner: owner.to_owned(),
                name: repository.to_owned(),
            },
            identity,
            repository: trigger.repository.clone(),
            name,
            workflow: path,
            like: vec![format!("{PREFIX}{cell}-")],
        }))
    }
}

async fn look(from: From, answered: oneshot::Sender<()>, redactor: &Redactor) -> Result<Record, Miss> {
    match from {
        From::Nothing(reason) => Err(Miss::Usual(reason.to_owned())),
        From::Unknown(reason) => Err(Miss::Fault(reason.to_owned())),
        From::File(path) => {
            let records = report_command::read(&[path.to_path_buf()]).map_err(Miss::Fault)?;
            records
                .iter()
                .try_for_each(of_this_form)
                .map_err(|error| Miss::Fault(format!("{}: {error}", path.display())))?;
            joined(records).ok_or_else(|| Miss::Fault(format!("{} has no build that succeeded", path.display())))
        }
        From::Branch(branch) => branch.look(answered, redactor).await,
    }
}

impl Branch {
    async fn look(&self, answered: oneshot::Sender<()>, redactor: &Redactor) -> Result<Record, Miss> {
        let connected = Repository::connect(self.address.clone(), self.identity.clone(), redactor).await;
        let github = connected.map_err(|error| self.failed(&error))?;
        let mut left = REQUESTS - 1;
        let runs = github.past_runs(RunsOf::Branch(&self.name)).await;
        let _ = answered.send(());
        let mut runs = runs.map_err(|error| self.failed(&error))?;
        if runs.is_empty() {
            return Err(Miss::Usual(format!("no push to {} has been built yet", self.name)));
        }
        runs.sort_by_key(|run| self.workflow.as_ref() != Some(&run.path));
        let mut missed = None;
        for run in &runs {
            if left < 2 {
                break;
            }
            match self.read(&github, run, &mut left).await {
                Ok(Some(record)) => return Ok(record),
                Ok(None) => {}
                Err(miss) => drop(missed.get_or_insert(miss)),
            }
        }
        Err(missed.unwrap_or_else(|| Miss::Usual(format!("the last runs on {} have left no record", self.name))))
    }

    /// Whether an artifact is of the same job or cell: `<cell>-<attempt>-<part of an id>`.
    fn is_like(&self, name: &str) -> bool {
        let rest = self.like.iter().find_map(|like| name.strip_prefix(like.as_str()));
        rest.and_then(|rest| rest.split_once('-'))
            .is_some_and(|(attempt, part)| attempt.bytes().all(|b| b.is_ascii_digit()) && !part.contains('-'))
    }

    /// The record of a run, those of its jobs as one; nothing if it left none.
    async fn read(&self, github: &Repository, run: &PastRun, left: &mut usize) -> Result<Option<Record>, Miss> {
        *left -= 1;
        let kept = github.artifacts_of(run).await.map_err(|error| self.failed(&error))?;
        let mut kept: Vec<PastArtifact> = kept.into_iter().filter(|one| one.name.starts_with(PREFIX)).collect();
        kept.sort_by_key(|one| !self.is_like(&one.name));
        let some = !kept.is_empty();
        kept.retain(|one| !one.expired);
        if some && kept.is_empty() {
            return Err(Miss::Usual(format!("the record of run {} on {} has expired", run.id, self.name)));
        }
        let mut records = Vec::new();
        let mut wrong = None;
        for artifact in kept.iter().take(*left) {
            *left -= 1;
            let read = github.read_artifact(artifact).await.map_err(|error| error.to_string());
            match read.and_then(|bytes| self.parse(&bytes, run)) {
                Ok(record) => records.push(record),
                Err(error) => drop(wrong.get_or_insert(format!("the record of run {}: {error}", run.id))),
            }
            // One job's, and it is the very one.
            if records.len() == 1 && self.is_like(&artifact.name) {
                break;
            }
        }
        match (joined(records), wrong) {
            (Some(record), _) => Ok(Some(record)),
            (None, Some(wrong)) => Err(Miss::Fault(wrong)),
            (None, None) => Ok(None),
        }
    }

    /// What was read, if it is what the run itself wrote.
    fn parse(&self, bytes: &[u8], run: &PastRun) -> Result<Record, String> {
        let record = report_command::parse(bytes)?;
        of_this_form(&record)?;
        let of = record.workflow.as_ref().map(|workflow| (workflow.repository.as_str(), workflow.run_id));
        match of == Some((self.repository.as_str(), run.id)) {
            true => Ok(record),
            false => Err("it is that of another run".to_owned()),
        }
    }

    fn failed(&self, error: &GithubError) -> Miss {
        Miss::Fault(match error {
            GithubError::Forbidden(said) => format!(
                "the job may not read the records of {}: give it `permissions` with `actions: read` ({said})",
                self.name
            ),
            error => error.to_string(),
        })
    }
}

fn of_this_form(record: &Record) -> Result<(), String> {
    match record.schema == SCHEMA {
        true => Ok(()),
        false => Err(format!("its form {} is not the one of this forge ({SCHEMA})", record.schema)),
    }
}

/// The records of a run as one; nothing where no build of them succeeded.
fn joined(mut records: Vec<Record>) -> Option<Record> {
    let built = |record: &Record| record.builds.iter().any(|build| build.state.is_good());
    records.retain(built);
    let first = records.first().cloned()?;
    match records.len() {
        1 => Some(first),
        _ => Some(Record { workflow: first.workflow, ..report::join(records, Jobs::default()) }),
    }
}
