//! The comment on a pull request: one for all builds of a run, found again by a marker in its first line.

use sha2::{Digest as _, Sha256};

use crate::report::change;
use crate::report::markdown::{Page, Weight, code, escape};
use crate::report::parts;
use crate::report::record::{Record, State};

/// GitHub takes 65,536 characters.
const LARGEST: usize = 60_000;
const REST: &str = "\n_The rest did not fit; the job summary has it._\n";
const MARKER: &str = "<!-- forge-action:v1";

/// Which comment is meant, and of which run it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The same for all runs of a workflow on the same templates.
    pub key: String,
    pub sha: String,
    pub run: u64,
    pub attempt: u64,
}

impl Marker {
    /// `key` is what the comment is about within its workflow.
    pub(crate) fn of(record: &Record, key: Option<&str>) -> Self {
        let workflow = record.workflow.clone().unwrap_or_default();
        // Names may be of any script, of which a marker shows little: the digest tells them apart.
        let digest = format!("{:x}", Sha256::digest(format!("{}\0{}", workflow.workflow, key.unwrap_or_default())));
        Self {
            key: format!("{}-{}", plain(&workflow.workflow), &digest[..12]),
            sha: plain(&workflow.sha.unwrap_or_default()),
            run: workflow.run_id,
            attempt: workflow.attempt,
        }
    }

    /// The marker of a comment, if it has one in its first line.
    pub(crate) fn read(body: &str) -> Option<Self> {
        let line = body.lines().next()?.trim().strip_prefix(MARKER)?.strip_suffix("-->")?;
        let value = |name: &str| line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        Some(Self {
            key: value("key")?.to_owned(),
            sha: value("sha")?.to_owned(),
            run: value("run")?.parse().ok()?,
            attempt: value("attempt")?.parse().ok()?,
        })
    }

    fn line(&self) -> String {
        format!("{MARKER} key={} sha={} run={} attempt={} -->\n", self.key, self.sha, self.run, self.attempt)
    }

    /// Whether this comment is of a later run than the other.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        (self.run, self.attempt) > (other.run, other.attempt)
    }
}

/// Nothing that could end the marker or its words: the names are a workflow's and a folder's.
fn plain(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._/,".contains(c) { c } else { '_' };
    text.chars().map(plain).collect()
}

/// The comment's text, marker first.
pub(crate) fn comment(record: &Record, marker: &Marker) -> String {
    let mut page = Page::default();
    page.add(Weight::Always, marker.line());
    page.add(Weight::Always, format!("### {}\n\n", parts::headline(record)));
    parts::table(&mut page, record);
    change::section(&mut page, record);
    parts::mistakes(&mut page, &record.notes);
    for build in record.builds.iter().filter(|build| build.state == State::Failed) {
        parts::failure(&mut page, build, true);
    }
    parts::leftovers(&mut page, record);
    page.add(Weight::Always, footer(record));
    page.render(LARGEST, REST)
}

fn footer(record: &Record) -> String {
    let Some(workflow) = &record.workflow else { return String::new() };
    let commit =
        workflow.sha.as_deref().map(|sha| format!("{}, ", code(sha.get(..7).unwrap_or(sha)))).unwrap_or_default();
    let url = escape(&workflow.url).replace("&#8203;", "").replace('"', "&quot;");
    format!(
        "\n<sub>{commit}<a href=\"{url}\">run {}, attempt {}</a>, {} on {}, forge {}</sub>\n",
        workflow.run_id,
        workflow.attempt,
        escape(&workflow.workflow),
        escape(&workflow.event),
        escape(&record.forge)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::record::{Build, Inputs, Workflow};

    fn record() -> Record {
        let workflow = Workflow {
            workflow: "im--> ages".to_owned(),
            run_id: 7,
            attempt: 2,
            sha: Some("a".repeat(40)),
            ..Workflow::default()
        };
        let inputs = Inputs { templates: vec!["images/web".to_owned()], ..Inputs::default() };
        Record { workflow: Some(workflow), inputs, ..Record::default() }
    }

    #[test]
    fn the_marker_is_found_again_and_cannot_be_broken_out_of() {
        let text = comment(&record(), &Marker::of(&record(), None));
        let marker = Marker::read(&text).unwrap();
        assert!(marker.key.starts_with("im____ages-") && marker.key.len() == 23, "{}", marker.key);
        assert_ne!(Marker::of(&record(), Some("x")).key, marker.key);
        assert_eq!((marker.run, marker.attempt, marker.sha.len()), (7, 2, 40));
        for other in ["", "x\n<!-- forge-action:v1 key=a sha=b run=1 attempt=1 -->", "<!-- forge-action:v1 key=a -->"] {
            assert_eq!(Marker::read(other), None);
        }
        let older = Marker { attempt: 1, ..marker.clone() };
        assert!(marker.is_newer_than(&older) && !older.is_newer_than(&marker));
    }

    #[test]
    fn whatever_stands_in_it_it_is_whole_and_has_marker_and_verdict() {
        for seed in 0..25 {
            let record = crate::report::record::random::record(seed);
            let text = comment(&record, &Marker::of(&record, Some("k")));
            crate::report::record::random::assert_whole(&text, LARGEST);
            assert!(Marker::read(&text).is_some(), "{text}");
            assert!(text.contains(&format!("\n### {}\n", parts::headline(&record))), "{text}");
        }
    }

    #[test]
    fn whatever_there_is_it_stays_within_what_github_takes() {
        let mut record = record();
        let build = Build {
            name: "docker.web".to_owned(),
            state: State::Failed,
            error: Some("ü`".repeat(5000)),
            ..Build::default()
        };
        record.builds = vec![build; 300];
        record.seconds = Some(1.0);
        let text = comment(&record, &Marker::of(&record, None));
        assert!(text.len() <= 65_536, "{}", text.len());
        assert!(Marker::read(&text).is_some() && text.contains("❌ 300 of 300 builds failed"), "{text}");
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    }
}
