//! How the run is reported: where on GitHub, as whom, and what the record says besides what happened.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::outputs::Notices;
use super::patience::Patience;
use super::tasks::Job;
use super::warn;
use crate::action::{self, Code, Command, Head, Inputs, Pull, Trigger, Trust};
use crate::app::Process;
use crate::client::github::{Address, Artifacts, Identity};
use crate::report::github::{self, Delivered, Delivery, Destination, PullOf};
use crate::report::record::{self, Comparison, Note, Workflow};
use crate::report::{About, Marked, Record, Reporter, RunView};
use crate::run::event::BuildTitle;
use crate::secret::Redactor;

const LATER: &str = "GitHub is slow: the post step reports the rest.";

/// What reports need to know before the run.
pub(super) struct Reporting {
    destination: Option<(Destination, Identity)>,
    workflow: Option<Workflow>,
    address: Option<Address>,
    inputs: record::Inputs,
    base: PathBuf,
    /// The run that led to this one ran the code of a fork.
    pub of_strangers: bool,
    pub notes: Vec<Note>,
    /// What may be a secret.
    pub hidden: Redactor,
    /// What previews are compared with.
    pub comparison: Comparison,
    notices: Notices,
}

impl Reporting {
    pub(super) fn new(
        inputs: &Inputs,
        trigger: Option<&Trigger>,
        trust: &Trust,
        process: &Process,
        notices: Notices,
    ) -> Self {
        let asked = trigger.filter(|_| inputs.check_run || inputs.pr_comment != github::CommentMode::Off);
        let destination = asked.and_then(|trigger| {
            let identity = inputs.identity.clone()?;
            // Forks get a token that cannot write: asking would only give a notice on every one of their runs.
            (*trust != Trust::Fork).then(|| (destination(inputs, trigger, &process.below_workspace()), identity))
        });
        let names =
            |pairs: &[String]| pairs.iter().filter_map(|pair| Some(pair.split_once('=')?.0.to_owned())).collect();
        Self {
            destination,
            workflow: trigger.map(|trigger| workflow(trigger, inputs, process)),
            address: trigger.map(address),
            inputs: record::Inputs {
                templates: Vec::new(),
                only: inputs.only.clone(),
                except: inputs.except.clone(),
                variables: names(&inputs.vars),
                entry: inputs.entry.as_ref().map(|entry| entry.id.clone()),
            },
            base: process.below_workspace(),
            of_strangers: trigger.is_some_and(|trigger| trigger.event == "workflow_run" && trigger.code != Code::Own),
            notes: Vec::new(),
            hidden: action::hidden(&process.environment, &inputs.vars),
            comparison: Comparison::default(),
            notices,
        }
    }

    /// The commit that is built, where the event does not name the one to report on. One that a maintainer has `approved`
    /// is reported on itself, wherever the branch is by now.
    pub(super) fn checked_out(&mut self, commit: Option<String>, approved: bool) {
        if let Some((destination, _)) = &mut self.destination {
            if approved {
                destination.sha.clone_from(&commit);
            }
            destination.checked_out = commit;
        }
    }

    /// Names the templates.
    pub(super) fn about_jobs(&mut self, jobs: &[Job]) {
        let templates = jobs.iter().map(|job| job.chosen.args.template.display().to_string());
        self.inputs.templates = templates.collect();
    }

    /// Of the repository on GitHub.
    pub(super) fn address(&self) -> Option<Address> {
        self.address.clone()
    }

    pub(super) fn workflow(&self) -> Option<Workflow> {
        self.workflow.clone()
    }

    pub(super) fn about(&self) -> About {
        About {
            forge: env!("CARGO_PKG_VERSION").to_owned(),
            workflow: self.workflow.clone(),
            inputs: self.inputs.clone(),
            notes: self.notes.clone(),
            base: self.base.clone(),
            hidden: self.hidden.clone(),
            comparison: self.comparison.clone(),
        }
    }

    /// A record of a run that built nothing, of what it planned.
    pub(super) fn record_of_plan(&self, builds: Vec<BuildTitle>, started: SystemTime) -> Record {
        let mut view = RunView { started: Some(started), ..RunView::planned(builds) };
        view.run = crate::run::id::time_ordered();
        view.took = Some(started.elapsed().unwrap_or_default());
        Record::of(&view, &self.about())
    }

    pub(super) fn notice(&self, text: String) {
        warn(&text);
        self.notices.extend([text]);
    }

    /// Reporters for a run, console first.
    pub(super) fn start(
        &self,
        console: Box<dyn Reporter + Send>,
        process: &Process,
        redactor: &Redactor,
    ) -> (Vec<Box<dyn Reporter + Send>>, Option<Delivery>) {
        let Some((destination, identity)) = self.destination.clone() else { return (vec![console], None) };
        let about = Arc::new(self.about());
        let (reporter, delivery) = github::start(destination, identity, about, &process.state_folder(), redactor);
        (vec![console, reporter], Some(delivery))
    }

    /// Reports what is over. Whose lines check runs mark.
    pub(super) async fn tell(&self, record: &Record, process: &Process, redactor: &Redactor) -> Option<Marked> {
        let Some((destination, identity)) = self.destination.clone() else { return Some(Marked::default()) };
        let delivery = github::tell(destination, identity, record.clone(), &process.state_folder(), redactor);
        self.finish(Some(delivery), Patience::default()).await
    }

    /// Waits for GitHub, not long. Whose lines check runs mark; nothing when the post step sees to that.
    pub(super) async fn finish(&self, delivery: Option<Delivery>, patience: Patience) -> Option<Marked> {
        let Some(delivery) = delivery else { return Some(Marked::default()) };
        let Delivered { notices, marked } = delivery.finish(patience.left()).await;
        notices.iter().for_each(|notice| warn(notice));
        self.notices.extend(notices);
        if marked.is_none() {
            crate::app::print(&format!("{LATER}\n"));
            self.notices.extend([LATER.to_owned()]);
        }
        marked
    }
}

/// Of the repository on GitHub.
pub(super) fn address(trigger: &Trigger) -> Address {
    let (owner, name) = trigger.repository.split_once('/').unwrap_or_default();
    Address {
        api: trigger.api_url.clone(),
        graphql: trigger.graphql_url.clone(),
        owner: owner.to_owned(),
        name: name.to_owned(),
    }
}

fn destination(inputs: &Inputs, trigger: &Trigger, base: &Path) -> Destination {
    Destination {
        address: address(trigger),
        sha: trigger.commit().map(str::to_owned),
        checked_out: None,
        pull: match (&trigger.pull, &trigger.head) {
            (Pull::Number(number), _) | (Pull::None, Head::OfPull(number)) => PullOf::Number(*number),
            (Pull::OfCommit(sha), _) => PullOf::Commit(sha.clone()),
            (Pull::OfBranch { owner, branch, sha }, _) => {
                PullOf::Branch { owner: owner.clone(), branch: branch.clone(), sha: sha.clone() }
            }
            (Pull::None, _) => PullOf::None,
        },
        checks: inputs.check_run,
        comment: inputs.pr_comment,
        key: Some(key(inputs, trigger, base)),
        jobs: inputs.jobs,
        silent_if_good: inputs.command == Some(Command::Plan),
    }
}

/// What the comment is about: the job's file of images or its template, in one of the jobs of a matrix. A plan and the
/// report of its jobs share a comment.
fn key(inputs: &Inputs, trigger: &Trigger, base: &Path) -> String {
    if matches!(inputs.command, Some(Command::Plan | Command::Report)) {
        return "all jobs".to_owned();
    }
    let what = inputs.config.as_ref().or(inputs.template.as_ref());
    let what = base.join(what.map_or(Path::new("."), |path| path.as_path()));
    format!("{}\0{:?}\0{}", trigger.run.job, inputs.cell, what.display())
}

fn workflow(trigger: &Trigger, inputs: &Inputs, process: &Process) -> Workflow {
    Workflow {
        repository: trigger.repository.clone(),
        event: trigger.event.clone(),
        sha: trigger.commit().map(str::to_owned),
        pull_request: match trigger.pull {
            Pull::Number(number) => Some(number),
            _ => None,
        },
        reference: Some(trigger.ref_name.clone()),
        workflow: trigger.run.workflow.clone(),
        job: trigger.run.job.clone(),
        index: inputs.cell,
        step: process.var("GITHUB_ACTION").filter(|id| !id.is_empty()).map(str::to_owned),
        run_id: trigger.run.id,
        attempt: trigger.run.attempt,
        url: trigger.run.url.clone(),
    }
}

/// The artifacts of this run, where the runner gives a token for them.
pub(super) fn artifacts(process: &Process, redactor: &Redactor) -> Result<Option<Artifacts>, String> {
    let (Some(address), Some(token)) = (process.var("ACTIONS_RESULTS_URL"), process.var("ACTIONS_RUNTIME_TOKEN"))
    else {
        return Ok(None);
    };
    Artifacts::of(address, token, redactor).map(Some).map_err(|error| error.to_string())
}
