//! The state of a run as a pure fold of its events: what every report is a function of.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::record::{Leftover, Source};
use crate::inventory::Inventory;
use crate::run::artifact::Artifact;
use crate::run::event::{BuildTitle, Event, EventKind, Outcome, Phase, StepKind, StepTitle};
use crate::run::inputs::Input;

/// The last output lines that are kept of a step, for the report of its failure.
const TAIL_LINES: usize = 40;
/// Bytes kept of one such line.
const TAIL_LINE: usize = 2000;

/// A run so far.
#[derive(Debug, Default)]
pub(crate) struct RunView {
    /// Its id.
    pub run: String,
    pub started: Option<SystemTime>,
    /// In the order in which the run announced them.
    pub builds: Vec<BuildView>,
    /// The signal that cancelled the run.
    pub cancelled: Option<String>,
    pub leftovers: Vec<Leftover>,
    /// The manifest that was written last.
    pub manifest: Option<PathBuf>,
    /// Once the run has ended.
    pub took: Option<Duration>,
}

/// One build so far.
#[derive(Debug)]
pub(crate) struct BuildView {
    pub title: BuildTitle,
    pub started: Option<SystemTime>,
    pub phase: Option<Phase>,
    /// The image that its machine was made of.
    pub source: Option<Source>,
    /// Over all that decides the image.
    pub digest: Option<String>,
    /// Why there is no digest.
    pub unknown_inputs: Option<String>,
    pub inputs: Vec<Input>,
    /// In the order in which they started.
    pub phases: Vec<PhaseView>,
    /// In the order in which they started; a retried step is listed once for each attempt.
    pub steps: Vec<StepView>,
    /// What the build said last.
    pub activity: String,
    /// Running transfers by their id.
    pub transfers: BTreeMap<String, Transfer>,
    /// The last output outside of any step, such as that of a failed launch.
    pub tail: Tail,
    pub outcome: Option<Outcome>,
    pub took: Duration,
    pub artifacts: Vec<Artifact>,
    /// What of the template a preview did not do.
    pub held_back: Vec<String>,
    /// What is in the image.
    pub inventory: Option<Box<Inventory>>,
    /// Of the image, in bytes.
    pub size: Option<u64>,
}

/// One stage of a build.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PhaseView {
    pub phase: Phase,
    pub started: SystemTime,
    /// Zero while it goes on.
    pub took: Duration,
}

/// One run of a provisioner or post-processor.
#[derive(Debug)]
pub(crate) struct StepView {
    pub title: StepTitle,
    pub started: SystemTime,
    pub took: Duration,
    /// Nothing while it runs.
    pub outcome: Option<Outcome>,
    /// Its last output; empty again once it has succeeded.
    pub tail: Tail,
}

/// A transfer under way, in bytes or items.
#[derive(Debug, Clone)]
pub(crate) struct Transfer {
    pub label: String,
    pub done: u64,
    pub total: Option<u64>,
    pub since: SystemTime,
}

/// The last lines of an output, within bounds.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tail {
    lines: VecDeque<String>,
}

impl Tail {
    fn push(&mut self, line: &str) {
        let mut end = line.len().min(TAIL_LINE);
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        let cut = if end < line.len() { " [...]" } else { "" };
        self.lines.push_back(format!("{}{cut}", &line[..end]));
        if self.lines.len() > TAIL_LINES {
            self.lines.pop_front();
        }
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

impl RunView {
    /// A run that is planned and no more.
    pub(crate) fn planned(builds: Vec<BuildTitle>) -> Self {
        Self { builds: builds.into_iter().map(BuildView::new).collect(), ..Self::default() }
    }

    /// Takes the next event in.
    pub(crate) fn apply(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { run, builds } => {
                self.run.clone_from(run);
                self.started = Some(event.at);
                self.builds = builds.iter().cloned().map(BuildView::new).collect();
            }
            EventKind::CancelRequested { signal } => self.cancelled = Some(signal.clone()),
            EventKind::Manifest { path } => self.manifest = Some(path.clone()),
            EventKind::RunFinished { took } => self.took = Some(*took),
            EventKind::Leftover { resource, error } => {
                self.leftovers.push(Leftover { resource: resource.clone(), error: error.clone() });
            }
            kind => {
                if let Some(build) = event.build.and_then(|number| self.builds.get_mut(number)) {
                    build.apply(kind, event.at);
                }
            }
        }
    }

    /// The build an event belongs to.
    pub(crate) fn build(&self, event: &Event) -> Option<&BuildView> {
        self.builds.get(event.build?)
    }

    /// Builds that failed, each with its error.
    pub(crate) fn failed(&self) -> impl Iterator<Item = (&BuildView, &str)> {
        self.builds.iter().filter_map(|build| match &build.outcome {
            Some(Outcome::Failed(error)) => Some((build, error.as_str())),
            _ => None,
        })
    }
}

impl BuildView {
    fn new(title: BuildTitle) -> Self {
        Self {
            title,
            started: None,
            phase: None,
            source: None,
            digest: None,
            unknown_inputs: None,
            inputs: Vec::new(),
            phases: Vec::new(),
            steps: Vec::new(),
            activity: String::new(),
            transfers: BTreeMap::new(),
            tail: Tail::default(),
            outcome: None,
            took: Duration::ZERO,
            artifacts: Vec::new(),
            held_back: Vec::new(),
            inventory: None,
            size: None,
        }
    }

    fn apply(&mut self, kind: &EventKind, at: SystemTime) {
        match kind {
            EventKind::BuildStarted => self.started = Some(at),
            EventKind::HeldBack { what } => {
                let news = what.iter().filter(|what| !self.held_back.contains(what)).cloned().collect::<Vec<_>>();
                self.held_back.extend(news);
            }
            EventKind::PhaseStarted { phase } => {
                self.phase = Some(*phase);
                self.phases.push(PhaseView { phase: *phase, started: at, took: Duration::ZERO });
            }
            EventKind::PhaseFinished { phase } => {
                self.phase = None;
                if let Some(ended) = self.phases.iter_mut().rev().find(|other| other.phase == *phase) {
                    ended.took = at.duration_since(ended.started).unwrap_or_default();
                }
            }
            EventKind::StepStarted { step } => self.steps.push(StepView {
                title: step.clone(),
                started: at,
                took: Duration::ZERO,
                outcome: None,
                tail: Tail::default(),
            }),
            EventKind::StepFinished { outcome } => {
                if let Some(step) = self.running_step_mut() {
                    step.took = at.duration_since(step.started).unwrap_or_default();
                    if *outcome == Outcome::Succeeded {
                        step.tail = Tail::default();
                    }
                    step.outcome = Some(outcome.clone());
                }
            }
            EventKind::Source { id, name } => self.source = Some(Source { id: id.clone(), name: name.clone() }),
            EventKind::Contents { size, inventory } => {
                self.size = *size;
                self.inventory.clone_from(inventory);
            }
            EventKind::Inputs { digest, unknown, inputs } => {
                self.digest.clone_from(digest);
                self.unknown_inputs.clone_from(unknown);
                self.inputs.clone_from(inputs);
            }
            EventKind::Say { text } => self.activity.clone_from(text),
            EventKind::Output { line, .. } => match self.running_step_mut() {
                Some(step) => step.tail.push(line),
                None => self.tail.push(line),
            },
            EventKind::Progress { id, label, done, total } => {
                let started = Transfer { label: label.clone(), done: 0, total: None, since: at };
                let transfer = self.transfers.entry(id.clone()).or_insert(started);
                (transfer.done, transfer.total) = (*done, *total);
                transfer.label.clone_from(label);
            }
            EventKind::ProgressFinished { id } => {
                self.transfers.remove(id);
            }
            EventKind::BuildFinished { outcome, took, artifacts } => {
                self.transfers.clear();
                self.outcome = Some(outcome.clone());
                self.took = *took;
                self.artifacts.clone_from(artifacts);
            }
            _ => {}
        }
    }

    /// The step whose failure ended the build: the last one that failed.
    pub(crate) fn failed_step(&self) -> Option<&StepView> {
        self.steps.iter().rev().find(|step| matches!(step.outcome, Some(Outcome::Failed(_))))
    }

    /// The step that runs now.
    pub(crate) fn running_step(&self) -> Option<&StepView> {
        self.steps.last().filter(|step| step.outcome.is_none())
    }

    fn running_step_mut(&mut self) -> Option<&mut StepView> {
        self.steps.last_mut().filter(|step| step.outcome.is_none())
    }

    /// What stands before each of the build's lines: its name, and the post-processor that speaks.
    pub(crate) fn prefix(&self) -> String {
        let name = &self.title.name;
        match self.running_step().map(|step| &step.title) {
            Some(title) if title.kind == StepKind::PostProcessor => format!("==> {name} ({}): ", title.component),
            _ => format!("==> {name}: "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::event::Stream;

    fn fold(kinds: Vec<EventKind>) -> RunView {
        let mut view = RunView::default();
        let title = BuildTitle { name: "docker.web".to_owned(), builder: "docker".to_owned(), steps: Vec::new() };
        let first = EventKind::RunStarted { run: "r".to_owned(), builds: vec![title] };
        for (second, kind) in std::iter::once(first).chain(kinds).enumerate() {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second as u64);
            view.apply(&Event { at, build: Some(0), kind });
        }
        view
    }

    fn output(line: &str) -> EventKind {
        EventKind::Output { stream: Stream::Stdout, line: line.to_owned() }
    }

    fn step(kind: StepKind) -> EventKind {
        let step = StepTitle { kind, component: "shell".to_owned(), name: None, place: None };
        EventKind::StepStarted { step }
    }

    #[test]
    fn a_failed_step_keeps_the_end_of_its_output() {
        let mut kinds = vec![step(StepKind::Provisioner)];
        kinds.extend((0..100).map(|n| output(&format!("line {n}"))));
        kinds.push(output(&"ä".repeat(TAIL_LINE)));
        kinds.push(EventKind::StepFinished { outcome: Outcome::Failed("exit 3".to_owned()) });
        let view = fold(kinds);
        let step = &view.builds[0].steps[0];
        let lines: Vec<&str> = step.tail.lines().collect();
        assert_eq!((lines.len(), lines[0]), (TAIL_LINES, "line 61"));
        assert!(lines[TAIL_LINES - 1].ends_with("ä [...]") && lines[TAIL_LINES - 1].len() <= TAIL_LINE + 6);
        assert_eq!(step.took, Duration::from_secs(102));
    }

    #[test]
    fn a_step_that_succeeded_keeps_nothing_and_the_prefix_names_post_processors() {
        let done = EventKind::StepFinished { outcome: Outcome::Succeeded };
        let view = fold(vec![step(StepKind::Provisioner), output("x"), done]);
        assert_eq!(view.builds[0].steps[0].tail.lines().count(), 0);
        assert_eq!(view.builds[0].prefix(), "==> docker.web: ");
        let view = fold(vec![step(StepKind::PostProcessor)]);
        assert_eq!(view.builds[0].prefix(), "==> docker.web (shell): ");
    }

    #[test]
    fn transfers_last_until_they_or_the_build_end() {
        let progress = |id: &str, done| EventKind::Progress {
            id: id.to_owned(),
            label: "layer".to_owned(),
            done,
            total: Some(10),
        };
        let view = fold(vec![progress("a", 1), progress("b", 2), progress("a", 5)]);
        let since = view.builds[0].transfers["a"].since;
        assert_eq!(since, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        let view = fold(vec![progress("a", 1), progress("b", 2), EventKind::ProgressFinished { id: "a".to_owned() }]);
        assert_eq!(view.builds[0].transfers.keys().collect::<Vec<_>>(), ["b"]);
    }
}
