//! The job summary: verdict, table of builds, failures with the last output of their step, the plan, the chart.

use super::change;
use super::gantt::gantt;
use super::markdown::{Page, Weight, code, cut, escape, folded};
use super::parts;
use super::record::Record;

/// The runner takes a megabyte for each step, and nothing at all of a summary that is larger. In bytes.
const LARGEST: usize = 1000 << 10;
const REST: &str = "\n_The rest did not fit into the summary; the log has it._\n";
/// Builds whose plan is shown.
const PLANS: usize = 100;
/// What could not be shown elsewhere: how many, and how long each. The runner's limit has room for them.
const NOTICES: usize = 10;
const NOTICE: usize = 500;

/// The run as Markdown; ends with a blank line, for what other steps append.
pub(crate) fn summary(record: &Record) -> String {
    let mut page = Page::default();
    page.add(Weight::Always, format!("### {}\n\n", parts::headline(record)));
    match record.published {
        Some(_) => page.add(Weight::First, format!("#### Published\n\n{}\n", super::published(record))),
        None => {
            parts::table(&mut page, record);
            change::section(&mut page, record);
        }
    }
    parts::mistakes(&mut page, &record.notes);
    for build in &record.builds {
        parts::failure(&mut page, build, false);
    }
    parts::leftovers(&mut page, record);
    page.add(Weight::Extra, gantt(record));
    page.add(Weight::Extra, plan(record));
    page.render(LARGEST, REST) + "\n"
}

/// The end of the summary: what could not be shown elsewhere, and why. Empty when all could.
pub(crate) fn unsaid(notices: &[String]) -> String {
    if notices.is_empty() {
        return String::new();
    }
    let line = |notice: &String| format!("- {}\n", escape(&cut(notice, NOTICE)));
    let mut text: String = notices.iter().take(NOTICES).map(line).collect();
    if notices.len() > NOTICES {
        text.push_str(&format!("- and {} more\n", notices.len() - NOTICES));
    }
    format!("#### Not shown on GitHub\n\n{text}\n")
}

/// What each build was to do.
fn plan(record: &Record) -> String {
    let mut text = String::new();
    for build in record.builds.iter().take(PLANS).filter(|build| !build.steps.is_empty()) {
        let from = build.source.as_ref().map(|source| {
            let name = source.name.as_deref().map(|name| format!(" ({})", escape(name))).unwrap_or_default();
            format!(", made of {}{name}", code(&source.id))
        });
        let by = escape(&build.builder);
        text.push_str(&format!("\n{} by {by}{}\n", code(&build.name), from.unwrap_or_default()));
        text.push_str(&parts::steps(build));
    }
    if text.is_empty() { text } else { folded("Plan and steps", &text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::record::{Build, Image, Note, State, Step};
    use crate::run::event::StepKind;

    fn record(build: Build) -> Record {
        let build = Build { name: "docker.w|b".to_owned(), builder: "docker".to_owned(), ..build };
        Record { seconds: Some(75.2), builds: vec![build], ..Record::default() }
    }

    #[test]
    fn a_good_build_is_one_row() {
        let image = Image {
            build: "b".to_owned(),
            builder: "docker".to_owned(),
            id: format!("sha256:{}", "ab".repeat(32)),
            location: None,
            tags: Vec::new(),
            digest: None,
            digests: std::collections::BTreeMap::new(),
        };
        let text =
            summary(&record(Build { state: State::Succeeded, seconds: 75.0, images: vec![image], ..Build::default() }));
        assert!(text.starts_with("### ✅ 1 build succeeded in 1m15s\n"), "{text}");
        let row = "| <code>docker.w&#124;b</code> | ✅ success | <code>sha256:abababababab</code> | 1m15s |  |\n";
        assert!(text.contains(row), "{text}");
    }

    #[test]
    fn a_failure_shows_its_step_and_output_whatever_is_in_it() {
        let step = Step {
            kind: StepKind::Provisioner,
            component: "shell".to_owned(),
            name: Some("<b>".to_owned()),
            place: Some("a.pkr.hcl:7".to_owned()),
            state: State::Failed,
            started: None,
            seconds: 1.0,
            error: Some("exit 3".to_owned()),
            tail: vec!["````</details>".to_owned()],
        };
        let mut record = record(Build {
            state: State::Failed,
            error: Some("exit 3".to_owned()),
            steps: vec![step],
            ..Build::default()
        });
        record.leftovers.push(crate::report::record::Leftover {
            resource: "docker container x".to_owned(),
            error: "busy".to_owned(),
        });
        let text = summary(&record);
        for part in [
            "### ❌ 1 of 1 build failed in 1m15s\n",
            "0 of 1, ❌ &lt;b&gt; (shell)",
            "failed in &lt;b&gt; (shell), <code>a.pkr.hcl:7</code>\n",
            "\n`````text\n````</details>\n`````\n",
            "- <code>docker container x</code>: busy",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }

    #[test]
    fn mistakes_are_told_when_nothing_was_built() {
        let note = Note { error: true, place: None, summary: "no | such".to_owned(), detail: None };
        let text = summary(&Record { notes: vec![note; 30], ..Record::default() });
        assert!(text.starts_with("### ❌ The template has mistakes; nothing was started\n"), "{text}");
        assert!(text.contains("- ❌ no &#124; such\n") && text.contains("- and 10 more\n"), "{text}");
    }

    #[test]
    fn whatever_stands_in_it_it_is_whole_and_has_the_verdict() {
        for seed in 0..25 {
            let record = crate::report::record::random::record(seed);
            let text = summary(&record);
            crate::report::record::random::assert_whole(&text, LARGEST + 1);
            assert!(text.starts_with(&format!("### {}\n", parts::headline(&record))), "{text}");
        }
    }

    #[test]
    fn what_could_not_be_shown_elsewhere_is_a_short_list() {
        assert_eq!(unsaid(&[]), "");
        let text = unsaid(&vec!["no `checks: write` | @x".to_owned(); 12]);
        assert!(text.starts_with("#### Not shown on GitHub\n\n- no &#96;checks: write&#96; &#124; &#64;"), "{text}");
        assert!(text.ends_with("- and 2 more\n\n"), "{text}");
    }

    #[test]
    fn it_never_grows_beyond_what_the_runner_takes() {
        let build = Build { state: State::Failed, error: Some("e".repeat(LARGEST)), ..Build::default() };
        let builds = vec![build.clone(); 200];
        let text = summary(&Record { builds, ..record(build) });
        assert!(text.len() <= LARGEST + 1 && text.contains(REST.trim()));
    }
}
