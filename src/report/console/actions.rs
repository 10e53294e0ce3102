//! The console of a GitHub Actions log: a group for each phase of a build, no spinners, and nothing that a guest
//! prints is taken for a workflow command.
//!
//! Groups do not nest and lines cannot move, so one build at a time has the log. The others wait for its phase to
//! end, unless they have waited long or have much to say.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use super::messages::{endings, messages};
use super::{Page, stamp};
use crate::report::{Reporter, RunView};
use crate::run::event::{Event, EventKind, Phase};
use crate::workflow_command::command;

/// A build that has waited so long for the log gets it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes a build holds back at most.
const HELD: usize = 256 << 10;

pub(super) struct Actions {
    page: Page,
    timestamps: bool,
    marks_lines: bool,
    /// The group that is open: a build and its phase.
    open: Option<(usize, Phase)>,
    waiting: VecDeque<Waiting>,
}

/// Lines of one phase of one build that wait for the log.
struct Waiting {
    group: (usize, Phase),
    since: SystemTime,
    text: String,
    /// The phase is over: the group can be closed behind them.
    ended: bool,
}

impl Actions {
    pub(super) fn new(page: Page, timestamps: bool, marks_lines: bool) -> Self {
        Self { page, timestamps, marks_lines, open: None, waiting: VecDeque::new() }
    }

    fn say(&mut self, group: (usize, Phase), at: SystemTime, text: &str, view: &RunView) {
        if self.open.is_none() && self.waiting.is_empty() {
            self.begin(group, view);
        }
        if self.open == Some(group) {
            self.page.line(text);
            return;
        }
        match self.waiting.iter_mut().rfind(|waiting| waiting.group == group && !waiting.ended) {
            Some(waiting) => {
                waiting.text.push('\n');
                waiting.text.push_str(text);
            }
            None => self.waiting.push_back(Waiting { group, since: at, text: text.to_owned(), ended: false }),
        }
        self.hand_over(at, view);
    }

    fn begin(&mut self, group: (usize, Phase), view: &RunView) {
        self.end();
        let name = view.builds.get(group.0).map_or("", |build| build.title.name.as_str());
        self.page.command(&command("group", &[], &format!("{name}: {}", group.1.words())));
        self.open = Some(group);
    }

    fn end(&mut self) {
        if self.open.take().is_some() {
            self.page.command(&command("endgroup", &[], ""));
        }
    }

    /// The phase is over: its group is closed, now or when its lines have had their turn.
    fn close(&mut self, group: (usize, Phase), view: &RunView) {
        self.waiting.iter_mut().filter(|waiting| waiting.group == group).for_each(|waiting| waiting.ended = true);
        if self.open == Some(group) {
            self.end();
            self.next(view);
        }
    }

    /// Gives the log to who has waited too long or has too much to say.
    fn hand_over(&mut self, now: SystemTime, view: &RunView) {
        let impatient = |waiting: &Waiting| {
            now.duration_since(waiting.since).unwrap_or_default() > PATIENCE || waiting.text.len() > HELD
        };
        if self.waiting.iter().any(impatient) {
            self.end();
            self.next(view);
        }
    }

    /// Prints what waits, until a phase that is not over has the log.
    fn next(&mut self, view: &RunView) {
        while let Some(waiting) = self.waiting.pop_front() {
            self.begin(waiting.group, view);
            self.page.line(&waiting.text);
            if !waiting.ended {
                return;
            }
            self.end();
        }
    }

    /// Prints everything that waits and closes the open group, for lines that belong to no group.
    fn clear(&mut self, view: &RunView) {
        self.end();
        while !self.waiting.is_empty() {
            self.next(view);
            self.end();
        }
    }
}

impl Reporter for Actions {
    fn event(&mut self, event: &Event, view: &RunView) {
        let phase = view.build(event).and_then(|build| build.phase);
        for message in messages(event, view) {
            let text = format!("{}{}", stamp(self.timestamps && message.build.is_some(), event.at), message.text);
            match (event.build, phase) {
                (Some(build), Some(phase)) if message.build.is_some() => {
                    self.say((build, phase), event.at, &text, view)
                }
                _ => {
                    self.clear(view);
                    self.page.line(&text);
                }
            }
        }
        match (&event.kind, event.build) {
            (EventKind::PhaseFinished { phase }, Some(build)) => self.close((build, *phase), view),
            (EventKind::RunFinished { .. }, _) => {
                self.clear(view);
                endings(view).iter().for_each(|message| self.page.line(&message.text));
                for (build, error) in view.failed() {
                    let place = build.failed_step().and_then(|step| step.title.place.as_deref());
                    let (file, line) =
                        place.filter(|_| self.marks_lines).and_then(|place| place.rsplit_once(':')).unzip();
                    let title = format!("Build {} failed", build.title.name);
                    let properties =
                        [("file", file.map(str::to_owned)), ("line", line.map(str::to_owned)), ("title", Some(title))];
                    self.page.command(&command("error", &properties, error));
                }
            }
            _ => {}
        }
    }

    fn flush(&mut self, _: &RunView) {
        self.page.flush();
    }

    fn tick(&mut self, view: &RunView) {
        self.hand_over(SystemTime::now(), view);
        self.page.flush();
    }
}
