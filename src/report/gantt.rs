//! When what happened, as a chart that GitHub draws of Mermaid's text.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::view::{BuildView, RunView, StepView};
use crate::run::event::{Outcome, Phase};

/// Mermaid refuses a text of more than 50,000 characters. In bytes.
const LARGEST: usize = 40_000;
/// What is over sooner is no bar that anybody sees.
const SHORTEST: Duration = Duration::from_millis(1);
/// Letters of a label.
const LABEL: usize = 60;

/// The chart in its fence; nothing for a run in which nothing took any time. Builds that no longer fit are left out.
pub(crate) fn gantt(view: &RunView) -> String {
    let mut text = "gantt\n    dateFormat x\n    axisFormat %H:%M:%S\n".to_owned();
    let head = text.len();
    for build in &view.builds {
        let section = section(build);
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

/// A bar for each phase but the one of the provisioners, and for each step.
fn section(build: &BuildView) -> String {
    let mut bars: Vec<(SystemTime, String)> = Vec::new();
    for phase in build.phases.iter().filter(|phase| !matches!(phase.phase, Phase::Provision | Phase::PostProcess)) {
        bars.extend(bar(name(phase.phase), "", phase.started, phase.took));
    }
    for step in &build.steps {
        bars.extend(bar(&named(step), mark(step), step.started, step.took));
    }
    if bars.is_empty() {
        return String::new();
    }
    bars.sort();
    let lines: String = bars.into_iter().map(|(_, line)| line).collect();
    format!("    section {}\n{lines}", plain(&build.title.name))
}

fn bar(label: &str, mark: &str, started: SystemTime, took: Duration) -> Option<(SystemTime, String)> {
    if took < SHORTEST {
        return None;
    }
    let begin = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut line = String::new();
    let _ = writeln!(line, "    {} :{mark}{begin}, {}", plain(label), begin + took.as_millis());
    Some((started, line))
}

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Launch => "launch",
        Phase::Connect => "connect",
        Phase::Provision => "provision",
        Phase::Capture => "capture",
        Phase::Cleanup => "clean up",
        Phase::PostProcess => "post-process",
    }
}

fn named(step: &StepView) -> String {
    match &step.title.name {
        Some(name) if *name != step.title.component => format!("{name} ({})", step.title.component),
        _ => step.title.component.clone(),
    }
}

/// The colour of the bar.
fn mark(step: &StepView) -> &'static str {
    match &step.outcome {
        Some(Outcome::Failed(_)) => "crit, ",
        Some(Outcome::Succeeded) => "active, ",
        Some(Outcome::Cancelled) | None => "",
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
    use crate::run::event::{BuildTitle, Event, EventKind, StepKind, StepTitle};

    #[test]
    fn phases_and_steps_are_bars_in_their_order() {
        let mut view = RunView::default();
        let title = BuildTitle { name: "docker.a:b;c".to_owned(), builder: "docker".to_owned() };
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
        assert_eq!(gantt(&view), "");
        for (second, kind) in events.into_iter().enumerate() {
            let at = UNIX_EPOCH + Duration::from_secs(second as u64);
            view.apply(&Event { at, build: Some(0), kind });
        }
        let expected = "\n```mermaid\ngantt\n    dateFormat x\n    axisFormat %H:%M:%S\n    section docker.a b c\n    \
                        launch :2000, 3000\n    in b  stall (shell) :active, 5000, 6000\n    \
                        test (shell) :crit, 7000, 8000\n```\n";
        assert_eq!(gantt(&view), expected);
    }
}
