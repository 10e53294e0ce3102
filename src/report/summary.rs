//! The job summary: one table of builds in Markdown, then each failure with the last output of its step.

use std::fmt::Write as _;

use super::duration::short;
use super::gantt::gantt;
use super::view::{BuildView, RunView, StepView, Tail};
use crate::run::event::Outcome;

/// The runner takes a megabyte for each step, and nothing at all of a summary that is larger. In bytes.
const LARGEST: usize = 1000 << 10;
const TOO_LONG: &str = "\n_The rest did not fit into the summary; the log has it._\n";

/// The run as Markdown.
pub(crate) fn summary(view: &RunView) -> String {
    let mut text = format!("### {}\n\n", headline(view));
    text.push_str("| Build | Result | Image | Duration | Steps |\n| --- | --- | --- | --- | --- |\n");
    for build in &view.builds {
        let row = format!(
            "| {} | {} | {} | {} | {} |\n",
            code(&build.title.name),
            result(build),
            images(build),
            short(build.took),
            steps(build)
        );
        add(&mut text, &row);
    }
    for (build, error) in view.failed() {
        add(&mut text, &failure(build, error));
    }
    add(&mut text, &gantt(view));
    if !view.leftovers.is_empty() {
        let mut list = "\n#### Left behind\n\nThese could not be removed:\n\n".to_owned();
        for leftover in &view.leftovers {
            let _ = writeln!(list, "- {}: {}", code(&leftover.resource), escape(&leftover.error));
        }
        add(&mut text, &list);
    }
    closed(text)
}

/// Mistakes of a template, as they are shown in the log.
pub(crate) fn mistakes(shown: &str) -> String {
    let mut text = "### The template has mistakes; nothing was started\n".to_owned();
    add(&mut text, &fenced(shown.trim_end()));
    closed(text)
}

fn headline(view: &RunView) -> String {
    let total = view.builds.len();
    let good = view.builds.iter().filter(|build| build.outcome == Some(Outcome::Succeeded)).count();
    let took = view.took.map(|took| format!(" in {}", short(took))).unwrap_or_default();
    match view.cancelled {
        Some(_) => format!("Cancelled{took}: {good} of {total} builds were finished"),
        None if good == total => format!("{total} build{} succeeded{took}", if total == 1 { "" } else { "s" }),
        None => format!("{} of {total} builds failed{took}", total - good),
    }
}

fn result(build: &BuildView) -> &'static str {
    match &build.outcome {
        Some(Outcome::Succeeded) => "✅ success",
        Some(Outcome::Failed(_)) => "❌ failure",
        Some(Outcome::Cancelled) => "⚪ cancelled",
        None => "⚪ not finished",
    }
}

fn images(build: &BuildView) -> String {
    let ids = build.artifacts.iter().filter(|artifact| artifact.is_image).map(|artifact| artifact.id.as_str());
    // A digest in full is wider than the rest of the table; the outputs have it.
    let shown = ids.map(|id| code(if id.starts_with("sha256:") { id.get(..19).unwrap_or(id) } else { id }));
    shown.collect::<Vec<_>>().join("<br>")
}

fn steps(build: &BuildView) -> String {
    let step = |step: &StepView| {
        let mark = match &step.outcome {
            Some(Outcome::Succeeded) => "",
            Some(Outcome::Failed(_)) => " ❌",
            Some(Outcome::Cancelled) | None => " ⚪",
        };
        format!("{} {}{mark}", escape(&named(step)), short(step.took))
    };
    build.steps.iter().map(step).collect::<Vec<_>>().join("<br>")
}

/// Its name, or its type where it has none.
fn named(step: &StepView) -> String {
    match &step.title.name {
        Some(name) if *name != step.title.component => format!("{name} ({})", step.title.component),
        _ => step.title.component.clone(),
    }
}

fn failure(build: &BuildView, error: &str) -> String {
    let step = build.failed_step();
    let within = step.map(|step| {
        let place = step.title.place.as_deref().map(|place| format!(", {}", code(place))).unwrap_or_default();
        format!(" in {}{place}", escape(&named(step)))
    });
    let mut text = format!("\n#### {} failed{}\n", code(&build.title.name), within.unwrap_or_default());
    text.push_str(&fenced(error));
    let tail: &Tail = step.map_or(&build.tail, |step| &step.tail);
    if !tail.is_empty() {
        text.push_str("\nIts last output:\n");
        text.push_str(&fenced(&tail.lines().collect::<Vec<_>>().join("\n")));
    }
    text
}

/// A block that shows the text as it is: its fence is longer than any row of backticks inside.
fn fenced(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("\n{fence}text\n{text}\n{fence}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text in a table or a line: nothing in it is Markdown or HTML.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\n' | '\r' => safe.push(' '),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '#' | '@' | '!' => {
                let _ = write!(safe, "&#{};", u32::from(c));
            }
            _ => safe.push(c),
        }
    }
    safe
}

/// In HTML, where backticks and bars in the text do no harm.
fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

fn add(text: &mut String, part: &str) {
    if text.len() + part.len() <= LARGEST {
        text.push_str(part);
    } else if !text.ends_with(TOO_LONG) {
        text.push_str(TOO_LONG);
    }
}

/// What other steps append begins on a line of its own.
fn closed(mut text: String) -> String {
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::run::artifact::Artifact;
    use crate::run::event::{BuildTitle, Event, EventKind, StepKind, StepTitle, Stream};

    fn view(kinds: Vec<EventKind>) -> RunView {
        let mut view = RunView::default();
        let title = BuildTitle { name: "docker.w|b".to_owned(), builder: "docker".to_owned() };
        let first = EventKind::RunStarted { run: "r".to_owned(), builds: vec![title] };
        for kind in std::iter::once(first).chain(kinds) {
            view.apply(&Event { at: std::time::UNIX_EPOCH, build: Some(0), kind });
        }
        view
    }

    fn finished(outcome: Outcome, artifacts: Vec<Artifact>) -> EventKind {
        EventKind::BuildFinished { outcome, took: Duration::from_secs(75), artifacts }
    }

    #[test]
    fn a_good_build_is_one_row() {
        let mut image = Artifact::new("b", format!("sha256:{}", "ab".repeat(32)), "");
        image.is_image = true;
        let files = Artifact::new("b", "File", "");
        let text = summary(&view(vec![finished(Outcome::Succeeded, vec![image, files])]));
        assert!(text.starts_with("### 1 build succeeded\n"), "{text}");
        let row = "| <code>docker.w&#124;b</code> | ✅ success | <code>sha256:abababababab</code> | 1m15s |  |\n";
        assert!(text.contains(row), "{text}");
        assert!(!text.contains("File"), "{text}");
    }

    #[test]
    fn a_failure_shows_its_step_and_output_whatever_is_in_it() {
        let step = StepTitle {
            kind: StepKind::Provisioner,
            component: "shell".to_owned(),
            name: Some("<b>".to_owned()),
            place: Some("a.pkr.hcl:7".to_owned()),
        };
        let line = "````</details>".to_owned();
        let text = summary(&view(vec![
            EventKind::StepStarted { step },
            EventKind::Output { stream: Stream::Stdout, line },
            EventKind::StepFinished { outcome: Outcome::Failed("exit 3".to_owned()) },
            finished(Outcome::Failed("exit 3".to_owned()), Vec::new()),
            EventKind::Leftover { resource: "docker container x".to_owned(), error: "busy".to_owned() },
        ]));
        for part in [
            "### 1 of 1 builds failed\n",
            "&lt;b&gt; (shell) 0.0s ❌",
            "failed in &lt;b&gt; (shell), <code>a.pkr.hcl:7</code>\n",
            "\n`````text\n````</details>\n`````\n",
            "- <code>docker container x</code>: busy",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }

    #[test]
    fn it_never_grows_beyond_what_the_runner_takes() {
        let line = "x".repeat(1900);
        let mut kinds = vec![EventKind::Output { stream: Stream::Stdout, line }; 40];
        kinds.push(finished(Outcome::Failed("e".repeat(LARGEST)), Vec::new()));
        let text = summary(&view(kinds));
        assert!(text.len() <= LARGEST + TOO_LONG.len() + 1 && text.contains(TOO_LONG.trim()));
    }
}
