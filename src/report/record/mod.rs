//! The record: what a run was given, did and made, as data that outlives it. `forge-record.json` is its written form
//! (docs/record.md); job summary, check runs and comment are functions of it, so that a later process (the post step, a
//! job that joins fifty others) reports as the run itself would have.

mod baseline;
mod change;
mod earlier;
mod matrix;
mod of_view;
mod origin;
#[cfg(test)]
pub(crate) mod random;
mod redact;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::inventory::Inventory;
use crate::run::event::{Phase, StepKind};
use crate::run::inputs::Input;

pub(crate) use baseline::{Against, Comparison, Found};
pub(crate) use change::{Baseline, Change, Difference, Moved};
pub(crate) use matrix::Matrix;
pub(crate) use of_view::About;

/// Of the written form; a reader takes what it knows and this number alone.
pub(crate) const SCHEMA: u32 = 1;

/// One run, or several joined.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub schema: u32,
    /// Version of forge.
    pub forge: String,
    /// Id of the run (a UUID).
    pub run: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Stamp>,
    /// Once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The signal that cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Workflow>,
    #[serde(default)]
    pub inputs: Inputs,
    #[serde(default)]
    pub builds: Vec<Build>,
    /// What was found wrong in templates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What could not be released.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<Leftover>,
    /// What was planned for other jobs to build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<Matrix>,
    /// It tells of a fork, whose own workflow could have written anything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strangers: bool,
    /// The builds are images that were there before and got the names of this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
}

/// Where a run took place on GitHub.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Workflow {
    /// `owner/name`.
    pub repository: String,
    pub event: String,
    /// The commit that people look at: the head of a pull request, not its merge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    pub workflow: String,
    pub job: String,
    /// Number of the job among those of its matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// Id of the step within its job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    pub run_id: u64,
    pub attempt: u64,
    /// Of the run's page.
    pub url: String,
}

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inputs {
    pub templates: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// Names of the variables that were given; values may be secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
    /// The entry of a matrix that this run was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    #[default]
    Waiting,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    /// Its image was there already.
    Unchanged,
    /// It should have run elsewhere and left no record.
    Missing,
}

impl State {
    /// There is the image that was wanted.
    pub(crate) fn is_good(self) -> bool {
        matches!(self, Self::Succeeded | Self::Unchanged)
    }
}

/// One build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Build {
    pub name: String,
    pub builder: String,
    pub state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Image that the machine was made of, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Stamp>,
    #[serde(default)]
    pub seconds: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Stage>,
    /// Those that ran, then those that did not get their turn.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The last output outside of any step of a build that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<String>,
    #[serde(default)]
    pub images: Vec<Image>,
    /// Over all inputs (`run/inputs.rs`): two builds with the same one make the same image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Why there is no digest, where its inputs were looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_inputs: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Input>,
    /// What is in the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
    /// Of the image, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Beside the last image of the base branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// It has one that shows a pull request and is not published: what of the template was not done, by its names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_back: Vec<String>,
    /// The record that it was read of; nothing of a build of this run.
    #[serde(skip)]
    pub origin: Option<origin::Origin>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Source {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub phase: Phase,
    pub started: Stamp,
    pub seconds: f64,
}

/// A provisioner or post-processor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub kind: StepKind,
    pub component: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `file:line` of its block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    pub state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Stamp>,
    #[serde(default)]
    pub seconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its last output, if it did not succeed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<String>,
}

/// An image that was made: also an entry of the output `images`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    pub build: String,
    pub builder: String,
    pub id: String,
    /// Registry host or region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Of the first name that was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Digest by pushed name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digests: BTreeMap<String, String>,
}

/// Something wrong in a template, at its place from the root of the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub error: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    pub summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Lines and columns count from one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub path: String,
    pub line: u32,
    pub end_line: u32,
    pub column: u32,
    pub end_column: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leftover {
    pub resource: String,
    pub error: String,
}

/// A moment, written as RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(pub SystemTime);

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let moment: chrono::DateTime<chrono::Utc> = self.0.into();
        f.write_str(&moment.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = chrono::DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
        Ok(Self(moment.into()))
    }
}

impl Record {
    /// Whether nothing of it goes on any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.seconds.is_some()
    }

    /// What is left of a run whose process is gone: what went on is cancelled.
    pub(crate) fn cut_off(&mut self, at: SystemTime) {
        if self.has_ended() {
            return;
        }
        let since = |start: Option<Stamp>| start.and_then(|start| at.duration_since(start.0).ok());
        self.seconds = Some(since(self.started).map_or(0.0, seconds));
        self.cancelled.get_or_insert_with(|| "the end of its process".to_owned());
        for build in &mut self.builds {
            for step in build.steps.iter_mut().filter(|step| step.state == State::Running) {
                step.state = State::Cancelled;
                step.seconds = since(step.started).map_or(0.0, seconds);
            }
            if matches!(build.state, State::Running | State::Waiting) {
                build.state = State::Cancelled;
                build.seconds = since(build.started).map_or(0.0, seconds);
            }
        }
    }

    /// Names of the builds, told apart where two have the same. GitHub takes statuses that differ by capitals for one.
    pub(crate) fn labels(&self) -> Vec<String> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let label = |build: &Build, number: usize| match number {
            1 => build.name.clone(),
            number => format!("{} ({number})", build.name),
        };
        let mut labels = Vec::new();
        for build in &self.builds {
            let number = seen.entry(build.name.to_lowercase()).or_default();
            *number += 1;
            labels.push(label(build, *number));
        }
        labels
    }

    /// A later attempt of a run whose template may have had mistakes has begun to build.
    pub(crate) fn is_mended(&self) -> bool {
        !self.builds.is_empty() && !self.is_joined() && self.workflow.as_ref().is_some_and(|run| run.attempt > 1)
    }

    /// Whether it is the record of several jobs.
    pub(crate) fn is_joined(&self) -> bool {
        self.inputs.templates == ["*"]
    }

    /// Whether it says what would be built.
    pub(crate) fn is_plan(&self) -> bool {
        let waits = |build: &Build| build.state == State::Waiting;
        self.has_ended() && self.cancelled.is_none() && !self.builds.is_empty() && self.builds.iter().all(waits)
    }

    /// Nothing was built and nothing is wrong.
    pub(crate) fn says_nothing(&self) -> bool {
        (self.builds.is_empty() || self.is_plan()) && self.notes.is_empty()
    }

    pub(crate) fn count(&self, state: State) -> usize {
        self.builds.iter().filter(|build| build.state == state).count()
    }

    pub(crate) fn images(&self) -> impl Iterator<Item = &Image> {
        self.builds.iter().flat_map(|build| &build.images)
    }

    /// Whether a template could not be planned.
    pub(crate) fn has_mistakes(&self) -> bool {
        self.notes.iter().any(|note| note.error)
    }
}

impl Record {
    /// Without what is in the images: as much as a report shows, and no megabytes.
    pub(crate) fn without_contents(mut self) -> Self {
        self.builds.iter_mut().for_each(|build| build.inventory = None);
        self
    }
}

impl Build {
    /// The step whose failure ended the build: the last one that failed.
    pub(crate) fn failed_step(&self) -> Option<&Step> {
        self.steps.iter().rev().find(|step| step.state == State::Failed)
    }
}

impl Step {
    /// Its name, or its type where it has none.
    pub(crate) fn shown(&self) -> String {
        match &self.name {
            Some(name) if *name != self.component => format!("{name} ({})", self.component),
            _ => self.component.clone(),
        }
    }
}

/// With milliseconds: more digits only make records differ.
fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}
