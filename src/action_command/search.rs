//! The search for records on GitHub: what runs on pushes to the base branch have kept, the newest first, and what the
//! preview before this one has. Few requests are made, and what counts of an artifact is the run that it is of.

use std::collections::BTreeSet;

use super::baseline::{Miss, joined, of_this_form};
use super::join::{JOINED, PREFIX};
use super::kept;
use super::requests::{Requests, SHORT};
use crate::client::github::{Address, GithubError, Identity, PastArtifact, PastRun, Repository, RunsOf};
use crate::report::Record;
use crate::report::record::{Found, State};
use crate::secret::Redactor;

/// Requests that it takes to read a record where nothing is known: runs, artifacts, the record itself.
const WHOLE: usize = 3;
/// Where the run is known.
const OF_RUN: usize = 2;
/// So many of the newest runs are as good as the newest.
const NEWEST: usize = 10;

/// What to look for.
pub(super) struct Search {
    pub address: Address,
    pub identity: Identity,
    /// `owner/name`.
    pub repository: String,
    /// The base branch.
    pub name: String,
    /// The file of this run's workflow, whose runs are looked at first.
    pub workflow: Option<String>,
    /// How the names of artifacts begin that are read first.
    pub like: String,
    pub before: Option<Before>,
}

/// The head that the pull request had before this one.
pub(super) struct Before {
    pub number: u64,
    pub sha: String,
}

/// What the runs have left so far.
#[derive(Default)]
struct Runs {
    found: Vec<Record>,
    /// Names of builds that no record has yet; nothing before they are known.
    lacking: Option<BTreeSet<String>>,
    /// Some run has kept a record, of whatever kind.
    recorded: bool,
    missed: Option<Miss>,
}

impl Runs {
    fn take(&mut self, record: Record) {
        if let Some(lacking) = &mut self.lacking {
            for build in record.builds.iter().filter(|build| build.state.is_good()) {
                lacking.remove(&build.name);
            }
        }
        self.found.push(record);
    }

    fn is_whole(&self) -> bool {
        !self.found.is_empty() && self.lacking.as_ref().is_none_or(BTreeSet::is_empty)
    }
}

impl Search {
    /// What was found, and what is to be said of what was not.
    pub(super) async fn run(&self, mut requests: Requests, redactor: &Redactor) -> Result<(Found, Option<Miss>), Miss> {
        let connected = Repository::connect(self.address.clone(), self.identity.clone(), redactor).await;
        let github = connected.map_err(|error| self.failed(error))?;
        let base = self.base(&github, &mut requests).await;
        let before = match (&self.before, &base) {
            (Some(before), Ok(base)) if base.iter().any(takes_long) => {
                self.before(&github, before, &mut requests).await
            }
            (Some(before), Err(Miss::Usual(_))) => self.before(&github, before, &mut requests).await,
            _ => None,
        };
        match base {
            Ok(base) => Ok((Found { base, before, without: None }, None)),
            Err(miss) if before.is_some() => Ok((Found { before, ..Found::default() }, Some(miss))),
            Err(miss) => Err(miss),
        }
    }

    async fn base(&self, github: &Repository, requests: &mut Requests) -> Result<Vec<Record>, Miss> {
        let mut runs = Runs::default();
        let own = match &self.workflow {
            Some(file) => {
                let found = github.past_runs(RunsOf::Workflow { file, branch: &self.name }).await;
                requests.answered();
                match found {
                    // One that the default branch does not have yet.
                    Err(GithubError::Missing(_)) => Vec::new(),
                    found => found.map_err(|error| self.failed(error))?,
                }
            }
            None => Vec::new(),
        };
        let mut none = own.is_empty();
        if !none {
            self.look_through(github, &own, &mut runs, (requests, WHOLE)).await;
        }
        // Other workflows may build what this one previews.
        if !runs.recorded && requests.allow(WHOLE).await {
            let all = github.past_runs(RunsOf::Branch(&self.name)).await;
            requests.answered();
            let all = all.map_err(|error| self.failed(error))?;
            let others: Vec<PastRun> = all.into_iter().filter(|run| own.iter().all(|own| own.id != run.id)).collect();
            none &= others.is_empty();
            self.look_through(github, &others, &mut runs, (requests, 0)).await;
        }
        match (runs.found.is_empty(), runs.missed, none) {
            (false, ..) => Ok(runs.found),
            (_, Some(miss), _) => Err(miss),
            (_, None, true) => Err(Miss::Usual(format!("no push to {} has been built yet", self.name))),
            (_, None, false) => Err(Miss::Usual(format!("the last runs on {} have left no record", self.name))),
        }
    }

    /// Reads records until there is one of each build. As long as no run has kept one, `reserve` requests are left by all
    /// but the first.
    async fn look_through(
        &self,
        github: &Repository,
        list: &[PastRun],
        runs: &mut Runs,
        (requests, reserve): (&mut Requests, usize),
    ) {
        let mut list: Vec<&PastRun> = list.iter().collect();
        // One that failed may have built nothing. Where there are too few requests for a second one, the first must do.
        if list.first().is_some_and(|run| !run.succeeded()) && !requests.allow(2 * OF_RUN).await {
            let newest = list.len().min(NEWEST);
            list[..newest].sort_by_key(|run| !run.succeeded());
        }
        for (number, run) in list.into_iter().enumerate() {
            let reserve = if runs.recorded || number == 0 { 0 } else { reserve };
            if runs.is_whole() || !requests.allow(OF_RUN.max(reserve + 1)).await {
                break;
            }
            match self.read(github, run, requests, &mut runs.recorded).await {
                Ok(Some(record)) => {
                    if runs.lacking.is_none() {
                        runs.lacking = requests.builds().await;
                    }
                    runs.take(record);
                }
                Ok(None) => {}
                Err(miss) => drop(runs.missed.get_or_insert(miss)),
            }
        }
    }

    /// The record of the preview before this one, which may have made the very same images: worth its requests.
    async fn before(&self, github: &Repository, before: &Before, requests: &mut Requests) -> Option<Record> {
        requests.grant(WHOLE);
        let list = github.past_runs(RunsOf::Head(&before.sha)).await;
        requests.answered();
        let mut list = list.ok()?;
        let own = self.workflow.as_ref().map(|file| format!(".github/workflows/{file}"));
        list.sort_by_key(|run| own.as_ref() != Some(&run.path));
        let record = self.read(github, list.first()?, requests, &mut false).await.ok()??;
        let pull_request = record.workflow.as_ref().and_then(|workflow| workflow.pull_request);
        (pull_request == Some(before.number)).then_some(record)
    }

    /// Whether an artifact is of the same job or cell: `<cell>-<attempt>-<part of an id>`.
    fn is_like(&self, name: &str) -> bool {
        let rest = name.strip_prefix(self.like.as_str()).and_then(|rest| rest.split_once('-'));
        rest.is_some_and(|(attempt, part)| attempt.bytes().all(|b| b.is_ascii_digit()) && !part.contains('-'))
    }

    /// The record of a run: the one that its jobs were joined into, else those of its jobs as one. Nothing if it left
    /// none.
    async fn read(
        &self,
        github: &Repository,
        run: &PastRun,
        requests: &mut Requests,
        recorded: &mut bool,
    ) -> Result<Option<Record>, Miss> {
        let kept = github.artifacts_of(run).await;
        requests.answered();
        let kept = kept.map_err(|error| self.failed(error))?;
        let is_joined = |one: &PastArtifact| one.name.starts_with(JOINED);
        let mut kept: Vec<PastArtifact> =
            kept.into_iter().filter(|one| one.name.starts_with(PREFIX) || is_joined(one)).collect();
        kept.sort_by_key(|one| (!is_joined(one), !self.is_like(&one.name)));
        let some = !kept.is_empty();
        *recorded |= some;
        kept.retain(|one| !one.expired);
        if some && kept.is_empty() {
            return Err(Miss::Usual(format!("the record of run {} on {} has expired", run.id, self.name)));
        }
        let mut records = Vec::new();
        let mut wrong = None;
        for artifact in &kept {
            if !requests.allow(1).await {
                break;
            }
            let read = github.read_artifact(artifact).await.map_err(|error| error.to_string());
            requests.answered();
            match read.and_then(|bytes| self.parse(&bytes, run)) {
                // It has what the others have.
                Ok(record) if is_joined(artifact) => {
                    records = vec![record];
                    break;
                }
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
        let record = kept::of_run(bytes, &self.repository, run)?;
        of_this_form(&record)?;
        Ok(record)
    }

    fn failed(&self, error: GithubError) -> Miss {
        Miss::Fault(kept::unread(&self.name, error))
    }
}

/// Whether not building again is worth requests to GitHub. How long an image took that was there already is not known.
fn takes_long(record: &Record) -> bool {
    record.builds.iter().any(|build| build.state == State::Unchanged || build.seconds >= SHORT.as_secs_f64())
}
