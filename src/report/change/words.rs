//! A change in words: a verdict of one line, and tables. Whatever a guest called its packages, here it is text.

use super::{Change, Difference};
use crate::inventory::Package;
use crate::report::markdown::{Page, Weight, code, cut, escape, folded};
use crate::report::parts::{counted, short};
use crate::report::record::{Build, Record, Source};

/// Rows of a table, and bytes of all of them: a page has room for several.
const ROWS: usize = 100;
const TABLE: usize = 12_000;
/// Bytes of one text.
const TEXT: usize = 120;
/// Items of a line.
const ITEMS: usize = 20;
/// What may differ between two builds of the same, in seconds and as a share.
const PATIENCE: f64 = 5.0;
const SHARE: f64 = 0.1;

/// The change in one line, as Markdown. Where nothing could be compared at all it says why.
pub(crate) fn verdict(change: &Change) -> String {
    let mut parts = Vec::new();
    for (count, word) in [
        (change.added.len(), "added"),
        (change.removed.len(), "removed"),
        (change.upgraded.len(), "upgraded"),
        (change.downgraded.len(), "downgraded"),
    ] {
        if count > 0 {
            let noun = if parts.is_empty() { counted(count, "package") } else { count.to_string() };
            parts.push(format!("{noun} {word}"));
        }
    }
    if change.source.is_some() {
        parts.push("source image moved".to_owned());
    }
    for (count, word) in [(change.contents.len(), "setting"), (change.inputs.len(), "input")] {
        if count > 0 {
            parts.push(format!("{} changed", counted(count, word)));
        }
    }
    if let Some((old, new)) = change.size.filter(|(old, new)| old != new) {
        parts.push(growth(old, new));
    }
    let nothing = parts.is_empty();
    if let (true, None, None, [why, ..]) = (nothing, change.size, change.seconds, &change.unknown[..]) {
        return escape(&cut(why, TEXT));
    }
    parts.extend(change.seconds.and_then(|(old, new)| pace(old, new)));
    let mut text = parts.join(", ");
    if nothing {
        let word = if change.unknown.is_empty() { "no change" } else { "no change found" };
        text = [&[word.to_owned()], &parts[..]].concat().join(", ");
    }
    text
}

/// `+4.2 MiB`
fn growth(old: u64, new: u64) -> String {
    let (sign, bytes) = if new > old { ('+', new - old) } else { ('-', old - new) };
    format!("{sign}{}", size(bytes))
}

#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
fn size(bytes: u64) -> String {
    let mut amount = bytes as f64;
    for unit in ["B", "KiB", "MiB"] {
        if amount < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{amount:.1} {unit}") };
        }
        amount /= 1024.0;
    }
    format!("{amount:.1} GiB")
}

/// `12 s faster`, unless two builds of the same may differ by as much.
fn pace(old: f64, new: f64) -> Option<String> {
    let gap = (new - old).abs();
    let word = if new > old { "slower" } else { "faster" };
    (gap >= PATIENCE && gap >= old * SHARE).then(|| format!("{} {word}", short(gap)))
}

/// The part of a page about all images that are compared or are previews.
pub(crate) fn section(page: &mut Page, record: &Record) {
    let told = |build: &&Build| build.change.is_some() || !build.held_back.is_empty();
    let builds: Vec<&Build> = record.builds.iter().filter(told).collect();
    if builds.is_empty() {
        return;
    }
    page.add(Weight::Detail, "\n#### What changes in the images\n\n");
    for build in builds.iter().take(ROWS) {
        page.add(Weight::Detail, line(build));
    }
    if builds.len() > ROWS {
        page.add(Weight::Detail, format!("- and {} more\n", builds.len() - ROWS));
    }
    let lines = builds.iter().filter_map(|build| build.change.as_ref()).map(beside);
    page.add(Weight::Detail, lines.into_iter().find(|line| !line.is_empty()).unwrap_or_default());
    for build in &builds {
        let name = code(&cut(&build.name, TEXT));
        for (title, body) in build.change.as_ref().map(tables).unwrap_or_default() {
            page.add(Weight::Extra, folded(&format!("{name}: {title}"), &body));
        }
    }
}

/// The same for the page of one build, which has room for all of it.
pub(crate) fn details(page: &mut Page, build: &Build) {
    if build.change.is_none() && build.held_back.is_empty() {
        return;
    }
    page.add(Weight::Detail, format!("\n{}", line(build)));
    if let Some(change) = &build.change {
        page.add(Weight::Detail, beside(change));
        for (title, body) in tables(change) {
            page.add(Weight::Extra, folded(&title, &body));
        }
    }
}

/// A build and its verdict.
fn line(build: &Build) -> String {
    let mut text = format!("- {}", code(&cut(&build.name, TEXT)));
    if let Some(change) = &build.change {
        text.push_str(&format!(": {}", verdict(change)));
    }
    if !build.held_back.is_empty() {
        text.push_str(&format!("<br>Not done in a preview: {}", listed(&build.held_back)));
    }
    text + "\n"
}

fn listed(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(ITEMS).map(|name| code(&cut(name, TEXT))).collect();
    if names.len() > ITEMS {
        shown.push(format!("and {} more", names.len() - ITEMS));
    }
    shown.join(", ")
}

/// What it was compared with.
fn beside(change: &Change) -> String {
    let baseline = &change.baseline;
    if baseline.run.is_empty() && baseline.sha.is_none() {
        return String::new();
    }
    let what = match &baseline.sha {
        Some(sha) => format!("commit {}", code(&cut(sha.get(..7).unwrap_or(sha), TEXT))),
        None => format!("run {}", code(&cut(&baseline.run, TEXT))),
    };
    let day = baseline.started.map(|at| format!(" of {}", at.to_string().get(..10).unwrap_or_default()));
    format!("\n<sub>Compared with the images of {what}{}</sub>\n", day.unwrap_or_default())
}

/// Titles and tables.
fn tables(change: &Change) -> Vec<(String, String)> {
    let mut tables = Vec::new();
    let mut add = |title: &str, heading: &str, rows: Vec<String>| {
        if !rows.is_empty() {
            tables.push((title.to_owned(), table(heading, rows)));
        }
    };
    let packages = packages(change);
    add(&counted(packages.len(), "package"), "| Package | Before | Now |\n| --- | --- | --- |\n", packages);
    let mut image = Vec::new();
    if let Some((old, new)) = &change.source {
        image.push(row("source image", Some(&source(old)), Some(&source(new))));
    }
    if let Some((old, new)) = change.size {
        image.push(row("size", Some(&size(old)), Some(&size(new))));
    }
    if let Some((old, new)) = change.seconds {
        image.push(row("build time", Some(&short(old)), Some(&short(new))));
    }
    image.extend(change.contents.iter().map(difference));
    add("image and system", "| | Before | Now |\n| --- | --- | --- |\n", image);
    let inputs: Vec<String> = change.inputs.iter().map(difference).collect();
    add(&counted(inputs.len(), "input"), "| Input | Before | Now |\n| --- | --- | --- |\n", inputs);
    if !change.unknown.is_empty() {
        let lines = change.unknown.iter().map(|text| format!("- {}\n", escape(&cut(text, TEXT)))).collect();
        add("not compared", "", lines);
    }
    tables
}

/// Those that came and went first.
fn packages(change: &Change) -> Vec<String> {
    let name = |package: &Package| {
        let architecture = match package.architecture.as_str() {
            "" => String::new(),
            architecture => format!(" ({})", escape(&cut(architecture, TEXT))),
        };
        format!("{} {}{architecture}", code(&cut(&package.name, TEXT)), package.manager.name())
    };
    let cell = |version: &str| code(&cut(version, TEXT));
    let mut rows = Vec::new();
    for package in &change.added {
        rows.push(format!("| {} | *added* | {} |\n", name(package), cell(&package.version)));
    }
    for package in &change.removed {
        rows.push(format!("| {} | {} | *removed* |\n", name(package), cell(&package.version)));
    }
    for moved in &change.downgraded {
        let now = cell(&moved.package.version);
        rows.push(format!("| {} | {} | {now} *downgraded* |\n", name(&moved.package), cell(&moved.from)));
    }
    for moved in &change.upgraded {
        let now = cell(&moved.package.version);
        rows.push(format!("| {} | {} | {now} |\n", name(&moved.package), cell(&moved.from)));
    }
    rows
}

fn source(source: &Option<Source>) -> String {
    let Some(Source { id, name }) = source else { return "none".to_owned() };
    match name {
        Some(name) => format!("{id} ({name})"),
        None => id.clone(),
    }
}

fn difference(difference: &Difference) -> String {
    row(&difference.name, difference.old.as_deref(), difference.new.as_deref())
}

fn row(name: &str, old: Option<&str>, new: Option<&str>) -> String {
    let cell = |text: Option<&str>| text.map(|text| code(&cut(text, TEXT))).unwrap_or_default();
    format!("| {} | {} | {} |\n", escape(&cut(name, TEXT)), cell(old), cell(new))
}

/// As many rows as there is room for.
fn table(heading: &str, rows: Vec<String>) -> String {
    let mut text = heading.to_owned();
    let total = rows.len();
    for (number, row) in rows.into_iter().enumerate() {
        if number == ROWS || text.len() + row.len() > TABLE {
            // A line of its own, which ends a table.
            text.push_str(&format!("\nand {} more\n", total - number));
            break;
        }
        text.push_str(&row);
    }
    text
}
