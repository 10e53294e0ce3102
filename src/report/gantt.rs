//! When what happened, as a chart that GitHub draws of Mermaid's text.

use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

use super::record::{Build, Record, Stamp, State, Step};
use crate::run::event::Phase;

/// Mermaid refuses a text of more than 50,000 characters. In bytes.
const LARGEST: usize = 40_000;
/// What is over sooner is no bar that anybody sees: in seconds, and as a part of the whole.
const SHORTEST: f64 = 0.001;
const THINNEST: f64 = 1.0 / 300.0;
/// Lengths of time between two marks of the axis, in seconds, with Mermaid's names.
const TICKS: [(f64, &str); 10] = [
    (1.0, "1second"),
    (5.0, "5second"),
    (15.0, "15second"),
    (60.0, "1minute"),
    (300.0, "5minute"),
    (900.0, "15minute"),
    (3600.0, "1hour"),
    (10_800.0, "3hour"),
    (43_200.0, "12hour"),
    (86_400.0, "1day"),
];
/// Marks that fit beside each other.
const MARKS: f64 = 10.0;
/// Letters of a label.
const LABEL: usize = 60;

/// The chart in its fence; nothing for a run in which nothing took any time. Builds that no longer fit are left out.
pub(crate) fn gantt(record: &Record) -> String {
    let whole = whole(record);
    let tick = TICKS.iter().find(|(length, _)| whole / length <= MARKS).map_or("1day", |(_, name)| name);
    let mut text = format!("gantt\n    dateFormat x\n    axisFormat %H:%M:%S\n    tickInterval {tick}\n");
    let head = text.len();
    for build in &record.builds {
        let section = section(build, whole);
        if text.len() + section.len() > LARGEST {
            break;
        }
        text.push_str(&section);
    }
    if text.len() == head {
        return String::new();
    }
    format!("\n```mermaid\n{text}```\n")
}

/// Seconds from the first start to the last end.
fn whole(record: &Record) -> f64 {
    let stages = record.builds.iter().flat_map(|build| build.phases.iter().map(|stage| (stage.started, stage.seconds)));
    let steps = record.builds.iter().flat_map(|build| &build.steps);
    let steps = steps.filter_map(|step| Some((step.started?, step.seconds)));
    let times: Vec<(f64, f64)> = stages.chain(steps).map(|(start, took)| (since_epoch(start), took)).collect();
    let first = times.iter().map(|(start, _)| *start).fold(f64::INFINITY, f64::min);
    times.iter().map(|(start, took)| start + took - first).fold(0.0, f64::max)
}

fn since_epoch(moment: Stamp) -> f64 {
    moment.0.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A bar for each phase but those that consist of steps, and for each step.
fn section(build: &Build, whole: f64) -> String {
    let shortest = SHORTEST.max(whole * THINNEST);
    let mut bars: Vec<(Stamp, String)> = Vec::new();
    for stage in build.phases.iter().filter(|stage| !matches!(stage.phase, Phase::Provision | Phase::PostProcess)) {
        bars.extend(bar(
            stage.phase.words(),
            "",
            Some(stage.started).filter(|_| stage.seconds >= shortest),
            stage.seconds,
        ));
    }
    for step in &build.steps {
        let started = step.started.filter(|_| step.seconds >= shortest || step.state == State::Failed);
        bars.extend(bar(&step.shown(), mark(step), started, step.seconds));
    }
    if bars.is_empty() {
        return String::new();
    }
    bars.sort();
    let lines: String = bars.into_iter().map(|(_, line)| line).collect();
    format!("    section {}\n{lines}", plain(&build.name))
}

fn bar(label: &str, mark: &str, started: Option<Stamp>, seconds: f64) -> Option<(Stamp, String)> {
    let started = started?;
    let begin = started.0.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut line = String::new();
    let _ = writeln!(line, "    {} :{mark}{begin}, {:.0}ms", plain(label), seconds * 1000.0);
    Some((started, line))
}

/// The colour of the bar.
fn mark(step: &Step) -> &'static str {
    match step.state {
        State::Failed => "crit, ",
        State::Succeeded => "active, ",
        _ => "",
    }
}

/// Letters, digits and a few signs: every other one may mean something to Mermaid.
fn plain(text: &str) -> String {
    let harmless = |c: char| if c.is_alphanumeric() || " ._/-()".contains(c) { c } else { ' ' };
    let text: String = text.chars().map(harmless).take(LABEL).collect();
    match text.trim() {
        "" => "step".to_owned(),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::record::About;
    use crate::report::view::RunView;
    use crate::run::event::{BuildTitle, Event, EventKind, Outcome, StepKind, StepTitle};
    use std::time::Duration;

    #[test]
    fn phases_and_steps_are_bars_in_their_order() {
        let mut view = RunView::default();
        let title = BuildTitle { name: "docker.a:b;c".to_owned(), builder: "docker".to_owned(), steps: Vec::new() };
        let step = |name: &str| {
            let name = Some(name.to_owned());
            EventKind::StepStarted {
                step: StepTitle { kind: StepKind::Provisioner, component: "shell".to_owned(), name, place: None },
            }
        };
        let events = [
            EventKind::RunStarted { run: "r".to_owned(), builds: vec![title] },
            EventKind::BuildStarted,
            EventKind::PhaseStarted { phase: Phase::Launch },
            EventKind::PhaseFinished { phase: Phase::Launch },
            EventKind::PhaseStarted { phase: Phase::Provision },
            step("in<b>#stall"),
            EventKind::StepFinished { outcome: Outcome::Succeeded },
            step("test"),
            EventKind::StepFinished { outcome: Outcome::Failed("no".to_owned()) },
            EventKind::PhaseFinished { phase: Phase::Provision },
        ];
        assert_eq!(gantt(&Record::of(&view, &About::default())), "");
        for (second, kind) in events.into_iter().enumerate() {
            let at = UNIX_EPOCH + Duration::from_secs(second as u64);
            view.apply(&Event { at, build: Some(0), kind });
        }
        let expected = "\n```mermaid\ngantt\n    dateFormat x\n    axisFormat %H:%M:%S\n    tickInterval 1second\n    section docker.a b c\n    \
                        launch :2000, 1000ms\n    in b  stall (shell) :active, 5000, 1000ms\n    \
                        test (shell) :crit, 7000, 1000ms\n```\n";
        assert_eq!(gantt(&Record::of(&view, &About::default())), expected);
    }
}
