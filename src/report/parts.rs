//! What job summary, check runs and comment say alike: verdict, the table of builds, a failure, mistakes of a template.

use std::time::Duration;

use super::markdown::{Page, Weight, code, cut, escape, fenced, folded};
use super::record::{Build, Image, Note, Record, State, Step};
use super::{duration, outcome};

/// Rows of the table that always show.
const ROWS: usize = 50;
/// Mistakes that are shown in words; annotations have them all.
const MISTAKES: usize = 20;
/// Images of a build that are shown in its row; the check run has them all.
const IMAGES: usize = 6;
/// Bytes of a foreign text: of a name, of a mistake, of an error.
const NAME: usize = 200;
const MISTAKE: usize = 2000;
const ERROR: usize = 10_000;

/// The run in a sentence, with a mark in front.
pub(crate) fn headline(record: &Record) -> String {
    let total = record.builds.len();
    let took = record.seconds.filter(|_| total > 0).map(|took| format!(" in {}", short(took))).unwrap_or_default();
    let (failed, missing) = (record.count(State::Failed), record.count(State::Missing));
    let unchanged = record.count(State::Unchanged);
    let good = record.count(State::Succeeded) + unchanged;
    let cancelled = record.cancelled.is_some() || record.count(State::Cancelled) > 0;
    match total {
        _ if outcome::of_jobs(record).is_some() => outcome::of_jobs(record).unwrap_or_default(),
        0 if record.has_mistakes() => "❌ The template has mistakes; nothing was started".to_owned(),
        0 if record.cancelled.is_some() => "⚪ Cancelled before any build began".to_owned(),
        0 => "✅ The template is valid; nothing was built".to_owned(),
        _ if !record.has_ended() => format!("⏳ {} of {} done", total - unfinished(record), counted(total, "build")),
        _ if failed + missing > 0 || record.has_mistakes() => {
            let lost = if missing > 0 { format!(", {missing} left no record") } else { String::new() };
            let wrong = if record.has_mistakes() { ", a template has mistakes" } else { "" };
            format!("❌ {failed} of {} failed{lost}{wrong}{took}", counted(total, "build"))
        }
        _ if cancelled => format!("⚪ Cancelled{took}: {good} of {} finished", counted(total, "build")),
        _ if unchanged == total => format!("✅ {} unchanged{took}", counted(total, "build")),
        _ if unchanged > 0 => {
            format!("✅ {} succeeded, {unchanged} unchanged{took}", counted(total - unchanged, "build"))
        }
        _ => format!("✅ {} succeeded{took}", counted(total, "build")),
    }
}

fn unfinished(record: &Record) -> usize {
    record.count(State::Waiting) + record.count(State::Running)
}

pub(crate) fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

pub(crate) fn short(seconds: f64) -> String {
    duration::short(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// A mark and a word.
pub(crate) fn result(state: State) -> &'static str {
    match state {
        State::Waiting => "⚪ waiting",
        State::Running => "⏳ running",
        State::Succeeded => "✅ success",
        State::Failed => "❌ failure",
        State::Cancelled => "⚪ cancelled",
        State::Unchanged => "➖ unchanged",
        State::Missing => "❓ no record",
    }
}

/// The table of builds; failed ones come first when there are more than a table should have.
pub(crate) fn table(page: &mut Page, record: &Record) {
    if record.builds.is_empty() {
        return;
    }
    page.add(Weight::Always, "| Build | Result | Image | Duration | Steps |\n| --- | --- | --- | --- | --- |\n");
    let mut builds: Vec<&Build> = record.builds.iter().collect();
    if builds.len() > ROWS {
        builds.sort_by_key(|build| !matches!(build.state, State::Failed | State::Missing));
    }
    for (number, build) in builds.iter().enumerate() {
        let row = format!(
            "| {} | {} | {} | {} | {} |\n",
            code(&cut(&build.name, NAME)),
            result(build.state),
            images(build),
            if build.seconds > 0.0 { short(build.seconds) } else { String::new() },
            progress(build)
        );
        page.add(if number < ROWS { Weight::First } else { Weight::Row }, row);
    }
}

/// What a reader can use: pushed names with their digests and ids by region; names and ids of this machine only where
/// there is nothing else.
fn images(build: &Build) -> String {
    let mut shown: Vec<String> = Vec::new();
    let elsewhere = |image: &&Image| !image.digests.is_empty() || image.location.is_some();
    for image in build.images.iter().filter(elsewhere) {
        for (tag, digest) in &image.digests {
            shown.push(format!("{}<br>{}", code(&cut(tag, NAME)), code(&cut(short_id(digest), NAME))));
        }
        if let (Some(place), true) = (&image.location, image.digests.is_empty()) {
            shown.push(format!("{} {}", escape(&cut(place, NAME)), code(&cut(short_id(&image.id), NAME))));
        }
    }
    if shown.is_empty() {
        let tags = build.images.iter().flat_map(|image| &image.tags).map(|tag| code(&cut(tag, NAME)));
        shown.extend(tags);
    }
    if shown.is_empty() {
        shown.extend(build.images.iter().map(|image| code(&cut(short_id(&image.id), NAME))));
    }
    let mut seen = std::collections::BTreeSet::new();
    shown.retain(|text| seen.insert(text.clone()));
    let more = shown.len().saturating_sub(IMAGES);
    // Naming how many there are takes as much room as the one.
    if more > 1 {
        shown.truncate(IMAGES);
        shown.push(format!("and {more} more"));
    }
    shown.join("<br>")
}

/// A digest in full is wider than the rest of the table; outputs and record have it.
fn short_id(id: &str) -> &str {
    if id.starts_with("sha256:") { id.get(..19).unwrap_or(id) } else { id }
}

fn progress(build: &Build) -> String {
    let (done, all) = (build.steps.iter().filter(|step| step.state == State::Succeeded).count(), build.steps.len());
    let failed = build.failed_step().map(|step| format!(", ❌ {}", named(step))).unwrap_or_default();
    if all == 0 || build.state == State::Unchanged { String::new() } else { format!("{done} of {all}{failed}") }
}

/// The steps of a build, a row each.
pub(crate) fn steps(build: &Build) -> String {
    if build.steps.is_empty() {
        return String::new();
    }
    let mut text = "\n| Step | Result | Duration | Template |\n| --- | --- | --- | --- |\n".to_owned();
    for step in &build.steps {
        let place = step.place.as_deref().map(code).unwrap_or_default();
        let took = if step.started.is_some() { short(step.seconds) } else { String::new() };
        let word = match step.state {
            State::Waiting if build.state == State::Unchanged => "– not needed",
            State::Waiting if is_over(build) => "– not reached",
            state => result(state),
        };
        text.push_str(&format!("| {} | {word} | {took} | {place} |\n", named(step)));
    }
    text
}

fn named(step: &Step) -> String {
    escape(&cut(&step.shown(), NAME))
}

fn is_over(build: &Build) -> bool {
    !matches!(build.state, State::Waiting | State::Running)
}

/// What a build failed of, with the step's last output.
pub(crate) fn failure(page: &mut Page, build: &Build, fold: bool) {
    let Some(error) = &build.error else { return };
    let step = build.failed_step();
    let within = step.map(|step| {
        let place = step.place.as_deref().map(|place| format!(", {}", code(place))).unwrap_or_default();
        format!(" in {}{place}", named(step))
    });
    let title = format!("{} failed{}", code(&cut(&build.name, NAME)), within.unwrap_or_default());
    let output = tail(build, step);
    let error = cut(error, ERROR);
    if fold {
        page.add(Weight::Detail, folded(&title, &format!("{}{output}", fenced(&error))));
    } else {
        page.add(Weight::Detail, format!("\n#### {title}\n{}", fenced(&error)));
        page.add(Weight::Extra, output);
    }
}

fn tail(build: &Build, step: Option<&Step>) -> String {
    let lines = step.map_or(&build.tail, |step| &step.tail);
    if lines.is_empty() { String::new() } else { format!("\nIts last output:\n{}", fenced(&lines.join("\n"))) }
}

/// What is wrong in templates.
pub(crate) fn mistakes(page: &mut Page, notes: &[Note]) {
    if notes.is_empty() {
        return;
    }
    // Each is a part of its own: as many as fit are shown.
    page.add(Weight::Detail, "\n#### In the template\n\n");
    for note in notes.iter().take(MISTAKES) {
        let place = note.place.as_ref().map(|at| format!("{}: ", code(&format!("{}:{}", at.path, at.line))));
        let detail =
            note.detail.as_deref().map(|detail| format!("<br>{}", escape(&cut(detail, MISTAKE)))).unwrap_or_default();
        let mark = if note.error { "❌" } else { "⚠️" };
        let summary = escape(&cut(&note.summary, MISTAKE));
        page.add(Weight::Detail, format!("- {mark} {}{summary}{detail}\n", place.unwrap_or_default()));
    }
    if notes.len() > MISTAKES {
        page.add(Weight::Detail, format!("- and {} more\n", notes.len() - MISTAKES));
    }
}

/// What could not be released.
pub(crate) fn leftovers(page: &mut Page, record: &Record) {
    if record.leftovers.is_empty() {
        return;
    }
    page.add(Weight::Detail, "\n#### Left behind\n\nThese could not be removed:\n\n");
    for left in &record.leftovers {
        let error = escape(&cut(&left.error, MISTAKE));
        page.add(Weight::Detail, format!("- {}: {error}\n", code(&left.resource)));
    }
}
