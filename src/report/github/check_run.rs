//! A build, or the mistakes of a template, as a check run: title, step table, image ids, the failing step's output, and
//! marks on the lines of the template.

use crate::client::github::{Annotation, CheckRun, CheckState, Level};
use crate::report::change;
use crate::report::markdown::{Page, Weight, code, cut, escape};
use crate::report::parts;
use crate::report::record::{Build, Note, Record, Stamp, State};

/// GitHub takes 65,535 characters; a byte is at least as much as a character of its count.
const LARGEST: usize = 65_000;
const REST: &str = "\n_The rest did not fit; the job summary has it._\n";
const UNTAKEN: &str = "GitHub did not take the rest of this report; the job summary has it.";
/// GitHub takes 255 characters.
const TITLE: usize = 250;
/// GitHub takes 64 KB.
const MESSAGE: usize = 60_000;

/// The check run of one build.
pub(super) fn of_build(record: &Record, build: &Build, label: &str, notes: &[Note]) -> CheckRun {
    let mut summary = Page::default();
    summary.add(Weight::Always, facts(build));
    change::details(&mut summary, build);
    summary.add(Weight::Detail, parts::steps(build));
    parts::leftovers(&mut summary, record);
    let mut text = Page::default();
    parts::failure(&mut text, build, false);
    parts::mistakes(&mut text, notes);
    let text = text.render(LARGEST, REST);
    let mut annotations: Vec<Annotation> = notes.iter().filter_map(of_note).collect();
    annotations.extend(of_failure(build));
    CheckRun {
        title: cut(&title(build), TITLE),
        summary: summary.render(LARGEST, REST),
        text: Some(text).filter(|text| !text.trim().is_empty()),
        annotations,
        ..bare(record, label, state(build.state), build.started, build.seconds)
    }
}

/// The check run of templates that could not be planned, under the name of the first.
pub(super) fn of_mistakes(record: &Record) -> CheckRun {
    let errors = record.notes.iter().filter(|note| note.error).count();
    let mut summary = Page::default();
    parts::mistakes(&mut summary, &record.notes);
    CheckRun {
        title: format!("{} in the template; nothing was started", parts::counted(errors, "mistake")),
        summary: summary.render(LARGEST, REST),
        annotations: record.notes.iter().filter_map(of_note).collect(),
        ..bare(record, about(record), CheckState::Failure, record.started, record.seconds.unwrap_or_default())
    }
}

/// What [`of_mistakes`] becomes once the template is mended.
pub(super) fn stale(record: &Record) -> CheckRun {
    CheckRun {
        title: "The template is mended".to_owned(),
        summary: "A later attempt found nothing wrong; its builds have check runs of their own.".to_owned(),
        ..bare(record, about(record), CheckState::Success, record.started, 0.0)
    }
}

/// How it ended and nothing else, where GitHub does not take the whole.
pub(super) fn shortest(check: &CheckRun) -> CheckRun {
    CheckRun { summary: UNTAKEN.to_owned(), text: None, annotations: Vec::new(), ..check.clone() }
}

fn about(record: &Record) -> &str {
    let name = record.inputs.templates.first().map_or("template", String::as_str);
    if name == "." { "template" } else { name }
}

/// The one check run of several jobs, which a branch can require whatever builds there are.
pub(super) fn of_all(record: &Record) -> CheckRun {
    let mut summary = Page::default();
    parts::table(&mut summary, record);
    change::section(&mut summary, record);
    parts::mistakes(&mut summary, &record.notes);
    parts::leftovers(&mut summary, record);
    // Jobs that built have marked their lines; records of forks, where nothing is built, could not.
    let notes = if record.builds.is_empty() { &record.notes[..] } else { &[] };
    let good = record.builds.iter().all(|build| build.state.is_good());
    let state = match () {
        () if record.has_mistakes() || record.count(State::Failed) + record.count(State::Missing) > 0 => {
            CheckState::Failure
        }
        () if !good || record.cancelled.is_some() => CheckState::Cancelled,
        // What nobody built is not good for that.
        () if record.builds.is_empty() || record.strangers => CheckState::Neutral,
        () => CheckState::Success,
    };
    let check = bare(record, "", state, record.started, record.seconds.unwrap_or_default());
    CheckRun {
        // One that a branch requires is never the word of a fork.
        name: if record.strangers { "forge / fork" } else { "forge" }.to_owned(),
        title: cut(&parts::headline(record), TITLE),
        summary: summary.render(LARGEST, REST),
        annotations: notes.iter().filter_map(of_note).collect(),
        ..check
    }
}

fn bare(record: &Record, name: &str, state: CheckState, started: Option<Stamp>, seconds: f64) -> CheckRun {
    let ended = started.and_then(|start| {
        start.0.checked_add(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default()).map(Stamp)
    });
    let (run, attempt, job) = record.workflow.as_ref().map_or((0, 0, ""), |w| (w.run_id, w.attempt, w.job.as_str()));
    CheckRun {
        name: format!("forge / {name}"),
        external_id: format!("forge:{run}:{attempt}:{job}:{}:{name}", record.run),
        state,
        started_at: started.map(|at| at.to_string()),
        completed_at: ended.filter(|_| state != CheckState::InProgress).map(|at| at.to_string()),
        details_url: record.workflow.as_ref().map(|workflow| workflow.url.clone()),
        title: String::new(),
        summary: String::new(),
        text: None,
        annotations: Vec::new(),
    }
}

fn state(state: State) -> CheckState {
    match state {
        State::Waiting | State::Running => CheckState::InProgress,
        State::Succeeded | State::Unchanged => CheckState::Success,
        State::Failed | State::Missing => CheckState::Failure,
        State::Cancelled => CheckState::Cancelled,
    }
}

/// The build in a few words.
pub(super) fn title(build: &Build) -> String {
    let took = parts::short(build.seconds);
    match build.state {
        State::Waiting => "Waiting".to_owned(),
        State::Running => match build.phase {
            Some(phase) => format!("Running: {}", phase.words()),
            None => "Running".to_owned(),
        },
        State::Succeeded => match build.images.first() {
            Some(image) => format!("{} in {took}", image.tags.first().unwrap_or(&image.id)),
            None => format!("Done in {took}"),
        },
        State::Failed => match build.failed_step() {
            Some(step) => format!("{} failed after {took}", step.shown()),
            None => format!("Failed after {took}"),
        },
        State::Unchanged => match build.images.first() {
            Some(image) => format!("Unchanged: {}", image.tags.first().unwrap_or(&image.id)),
            None => "Unchanged".to_owned(),
        },
        State::Cancelled => format!("Cancelled after {took}"),
        State::Missing => "No record of it was left".to_owned(),
    }
}

/// What a reviewer wants to know without opening anything.
fn facts(build: &Build) -> String {
    let mut text = format!("**{}**, built by {}\n\n", parts::result(build.state), escape(&build.builder));
    if let Some(source) = &build.source {
        let name = source.name.as_deref().map(|name| format!(" ({})", escape(name))).unwrap_or_default();
        text.push_str(&format!("Source image: {}{name}\n\n", code(&source.id)));
    }
    if let Some(digest) = &build.digest {
        text.push_str(&format!("Inputs: {}\n\n", code(digest)));
    }
    for image in &build.images {
        let place = image.location.as_deref().map(|place| format!(" in {}", escape(place))).unwrap_or_default();
        text.push_str(&format!("- Image {}{place}\n", code(&image.id)));
        for (tag, digest) in &image.digests {
            text.push_str(&format!("  - {} is {}\n", code(tag), code(digest)));
        }
    }
    text
}

/// Only errors and warnings that have a place can be shown at it.
fn of_note(note: &Note) -> Option<Annotation> {
    let at = note.place.as_ref()?;
    let text = [Some(note.summary.as_str()), note.detail.as_deref()];
    Some(Annotation {
        path: at.path.clone(),
        line: at.line,
        end_line: at.end_line.max(at.line),
        columns: (at.line == at.end_line && at.end_column >= at.column).then_some((at.column, at.end_column)),
        level: if note.error { Level::Failure } else { Level::Warning },
        title: cut(&note.summary, TITLE),
        message: cut(&text.into_iter().flatten().collect::<Vec<_>>().join("\n"), MESSAGE),
        details: None,
    })
}

/// At the block of the step that failed.
fn of_failure(build: &Build) -> Option<Annotation> {
    let step = build.failed_step().filter(|_| build.state == State::Failed)?;
    let (path, line) = step.place.as_deref()?.rsplit_once(':')?;
    let line = line.parse().ok()?;
    let message = step.error.clone().or_else(|| build.error.clone()).unwrap_or_else(|| "failed".to_owned());
    Some(Annotation {
        path: path.to_owned(),
        line,
        end_line: line,
        columns: None,
        level: Level::Failure,
        title: cut(&format!("{} of {} failed", step.shown(), build.name), TITLE),
        message: cut(&message, MESSAGE),
        details: Some(cut(&step.tail.join("\n"), MESSAGE)).filter(|text| !text.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::record::{Place, Step};
    use crate::run::event::StepKind;

    fn failed() -> Build {
        let step = Step {
            kind: StepKind::Provisioner,
            component: "shell".to_owned(),
            name: None,
            place: Some("images/a:b.pkr.hcl:7".to_owned()),
            state: State::Failed,
            started: None,
            seconds: 2.0,
            error: Some("exit status: 3".to_owned()),
            tail: vec!["no such package".to_owned()],
        };
        Build {
            name: "docker.web".to_owned(),
            state: State::Failed,
            seconds: 12.0,
            error: step.error.clone(),
            steps: vec![step],
            ..Build::default()
        }
    }

    #[test]
    fn a_failed_step_is_marked_at_its_block() {
        let check = of_build(&Record::default(), &failed(), "docker.web", &[]);
        assert_eq!((check.name.as_str(), check.title.as_str()), ("forge / docker.web", "shell failed after 12s"));
        assert_eq!(check.state, CheckState::Failure);
        let [mark] = &check.annotations[..] else { panic!("{check:?}") };
        assert_eq!((mark.path.as_str(), mark.line, mark.message.as_str()), ("images/a:b.pkr.hcl", 7, "exit status: 3"));
        assert_eq!(mark.details.as_deref(), Some("no such package"));
        assert!(check.text.unwrap().contains("no such package"));
    }

    #[test]
    fn texts_stay_within_what_github_takes() {
        let mut build = failed();
        build.steps[0].tail = vec!["ä".repeat(1000); 40];
        build.error = Some("e".repeat(70_000));
        build.steps[0].component = "x".repeat(300);
        let check = of_build(&Record::default(), &build, "docker.web", &[]);
        assert!(check.title.len() <= 255 && check.summary.len() <= 65_535);
        assert!(check.text.unwrap().len() <= 65_535);
        assert!(check.annotations[0].title.len() <= 255);
    }

    #[test]
    fn whatever_stands_in_them_texts_are_whole() {
        use crate::report::record::random::{assert_whole, record};
        for seed in 0..25 {
            let record = record(seed);
            let builds = record.builds.iter().take(5).map(|build| of_build(&record, build, &build.name, &record.notes));
            for check in builds.chain([of_all(&record), of_mistakes(&record)]) {
                assert_whole(&check.summary, LARGEST);
                assert_whole(check.text.as_deref().unwrap_or_default(), LARGEST);
                assert!(check.title.chars().count() <= 255, "{}", check.title);
            }
        }
    }

    #[test]
    fn a_row_names_the_first_images_and_how_many_there_are() {
        let mut record = record_of_images(31);
        let text = of_all(&record).summary;
        assert!(text.contains("region-5 <code>ami-5</code><br>and 25 more |"), "{text}");
        assert!(!text.contains("ami-6"), "{text}");
        // Fifty such builds and more are one comment, and none is lost without a word.
        record.builds = vec![record.builds[0].clone(); 2000];
        let text = of_all(&record).summary;
        assert!(text.len() <= LARGEST && text.contains("\n| and ") && text.ends_with(REST), "{}", text.len());
        // The check run of the build has all ids.
        assert!(of_build(&record, &record.builds[0], "a", &[]).summary.contains("ami-30"));
    }

    fn record_of_images(count: usize) -> Record {
        let image = |number: usize| crate::report::record::Image {
            build: String::new(),
            builder: String::new(),
            id: format!("ami-{number}"),
            location: Some(format!("region-{number}")),
            tags: Vec::new(),
            digest: None,
            digests: std::collections::BTreeMap::new(),
        };
        let build = Build { images: (0..count).map(image).collect(), ..failed() };
        Record { builds: vec![build], ..Record::default() }
    }

    #[test]
    fn mistakes_become_marks_with_columns_in_one_line_only() {
        let place = |end_line| Place { path: "a".to_owned(), line: 2, end_line, column: 3, end_column: 8 };
        let note = |end_line| Note {
            error: true,
            place: Some(place(end_line)),
            summary: "unknown".to_owned(),
            detail: Some("help".to_owned()),
        };
        let check = of_mistakes(&Record { notes: vec![note(2), note(4)], ..Record::default() });
        assert_eq!(check.name, "forge / template");
        assert_eq!(check.annotations[0].columns, Some((3, 8)));
        assert_eq!(check.annotations[1].columns, None);
        assert_eq!(check.annotations[0].message, "unknown\nhelp");
    }
}
