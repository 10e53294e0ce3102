//! A record of what a view shows.

use std::path::{Component, Path, PathBuf};

use super::{Build, Comparison, Image, Inputs, Note, Record, SCHEMA, Stage, Stamp, State, Step, Workflow, seconds};
use crate::report::view::{BuildView, PhaseView, RunView, StepView};
use crate::run::artifact::Artifact;
use crate::run::event::{BuildTitle, Outcome, StepTitle};
use crate::secret::Redactor;

/// What a record says besides what the view knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub forge: String,
    pub workflow: Option<Workflow>,
    pub inputs: Inputs,
    pub notes: Vec<Note>,
    /// The folder that the places of steps are in, seen from the checkout.
    pub base: PathBuf,
    /// What the record must not say.
    pub hidden: Redactor,
    /// What a preview is compared with.
    pub comparison: Comparison,
}

impl Record {
    /// The view so far.
    pub(crate) fn of(view: &RunView, about: &About) -> Self {
        let mut record = Self {
            schema: SCHEMA,
            forge: about.forge.clone(),
            run: view.run.clone(),
            started: view.started.map(Stamp),
            seconds: view.took.map(seconds),
            cancelled: view.cancelled.clone(),
            workflow: about.workflow.clone(),
            inputs: about.inputs.clone(),
            builds: view.builds.iter().map(|build| Build::of(build, &about.base)).collect(),
            notes: about.notes.clone(),
            leftovers: view.leftovers.clone(),
            ..Self::default()
        };
        record.redact(&about.hidden);
        // What has changed is told in the words of the record, which hide what they must by now.
        about.comparison.apply(&mut record);
        record
    }
}

impl Build {
    fn of(view: &BuildView, base: &Path) -> Self {
        let (state, error) = match &view.outcome {
            Some(outcome) => ended(outcome),
            None if view.started.is_some() => (State::Running, None),
            None => (State::Waiting, None),
        };
        let mut steps: Vec<Step> = view.steps.iter().map(|step| Step::of(step, base)).collect();
        // A step that is tried again stands there twice; none of those planned is told as waiting when it ran.
        let mut seen = view.steps.iter().map(|step| &step.title).collect::<Vec<_>>();
        for title in &view.title.steps {
            match seen.iter().position(|ran| *ran == title) {
                Some(at) => drop(seen.remove(at)),
                None => steps.push(Step::planned(title, base)),
            }
        }
        Self {
            name: view.title.name.clone(),
            builder: view.title.builder.clone(),
            error,
            phase: view.phase,
            source: view.source.clone(),
            digest: view.digest.clone(),
            unknown_inputs: view.unknown_inputs.clone(),
            inputs: view.inputs.clone(),
            started: view.started.map(Stamp),
            seconds: seconds(view.took),
            phases: view.phases.iter().map(Stage::of).collect(),
            steps,
            tail: if state == State::Failed { view.tail.lines().map(str::to_owned).collect() } else { Vec::new() },
            images: view
                .artifacts
                .iter()
                .filter(|made| made.is_image)
                .flat_map(|made| images(&view.title, made))
                .collect(),
            held_back: view.held_back.clone(),
            state,
            inventory: view.inventory.as_deref().cloned(),
            size: view.size,
            ..Self::default()
        }
    }
}

impl Stage {
    fn of(view: &PhaseView) -> Self {
        Self { phase: view.phase, started: Stamp(view.started), seconds: seconds(view.took) }
    }
}

impl Step {
    fn planned(title: &StepTitle, base: &Path) -> Self {
        Self {
            kind: title.kind,
            component: title.component.clone(),
            name: title.name.clone(),
            place: title.place.as_deref().map(|place| from_base(base, place)),
            state: State::Waiting,
            started: None,
            seconds: 0.0,
            error: None,
            tail: Vec::new(),
        }
    }

    fn of(view: &StepView, base: &Path) -> Self {
        let (state, error) = view.outcome.as_ref().map_or((State::Running, None), ended);
        Self {
            state,
            error,
            started: Some(Stamp(view.started)),
            seconds: seconds(view.took),
            tail: view.tail.lines().map(str::to_owned).collect(),
            ..Self::planned(&view.title, base)
        }
    }
}

/// Without the `.` parts, which GitHub takes for folders.
fn from_base(base: &Path, place: &str) -> String {
    let plain = |part: &Component<'_>| *part != Component::CurDir;
    base.join(place).components().filter(plain).collect::<PathBuf>().to_string_lossy().into_owned()
}

fn ended(outcome: &Outcome) -> (State, Option<String>) {
    match outcome {
        Outcome::Succeeded => (State::Succeeded, None),
        Outcome::Failed(error) => (State::Failed, Some(error.clone())),
        Outcome::Cancelled => (State::Cancelled, None),
        Outcome::Unchanged => (State::Unchanged, None),
    }
}

/// An entry for each region of the artifact, that of the build first; one for an image that is in none.
fn images(title: &BuildTitle, artifact: &Artifact) -> Vec<Image> {
    let image = |id: &str, location: Option<&String>| Image {
        build: title.name.clone(),
        builder: title.builder.clone(),
        id: id.to_owned(),
        location: location.cloned(),
        tags: artifact.tags.clone(),
        digest: artifact.facts.get("Digest").cloned(),
        digests: artifact.digests.clone(),
    };
    if artifact.regions.is_empty() {
        return vec![image(&artifact.id, artifact.location.as_ref())];
    }
    let own = artifact.facts.get("BuildRegion");
    let mut regions: Vec<(&String, &String)> = artifact.regions.iter().collect();
    regions.sort_by_key(|(region, _)| Some(*region) != own);
    regions.into_iter().map(|(region, id)| image(id, Some(region))).collect()
}
