//! The matrix of a GitHub job as one line of JSON: an entry for each build, or for several builds of one builder where
//! there are too many. GitHub runs 256 jobs at most and takes 1 MB of outputs, counted in UTF-16.

use std::collections::HashMap;

use indexmap::{IndexMap, IndexSet};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::PlannedImage;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Selection;

/// Entries at most.
const MOST: usize = 256;
/// Longest entry in UTF-16 units of its JSON: all of them together stay below 1 MB.
const LONGEST: usize = 1_900;
/// Room for what a group's `id` and `build` have more than those of its first build.
const GROUP: usize = 60;
/// Longer ids are cut, in characters.
const LONGEST_ID: usize = 80;
/// Where nobody says otherwise.
const RUNNER: &str = "ubuntu-latest";

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'a> {
    /// Of `[a-z0-9._-]` only, so that artifacts can be named by it.
    id: String,
    /// What the id is made of.
    #[serde(skip)]
    full_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    template: String,
    build: String,
    /// What `only` takes to run just this.
    only: String,
    builder: &'a str,
    runs_on: Value,
}

/// A build as it goes into an entry.
struct Cell<'a> {
    name: &'a str,
    only: String,
}

/// The builds of an image that have the same builder, and so need the same credentials.
struct Family<'a> {
    planned: &'a PlannedImage,
    builder: &'a str,
    cells: Vec<Cell<'a>>,
}

/// `{"include":[...]}` with a line break; nothing when it is impossible, which is then reported. `group` is how many
/// builds may share an entry; more do when there were too many entries.
pub(super) fn matrix(planned: &[PlannedImage], group: Option<usize>, diagnostics: &mut Diagnostics) -> Option<String> {
    let errors = diagnostics.error_count();
    let families = families(planned, diagnostics);
    for (family, cell) in families.iter().flat_map(|family| family.cells.iter().map(move |cell| (family, cell))) {
        if length(&family.entry(std::slice::from_ref(cell), 0)) > LONGEST {
            let summary = format!("build {} is too long for an entry of a matrix", cut(cell.name));
            let diagnostic =
                Diagnostic::error(summary).detail(format!("{LONGEST} characters with all that belongs to it"));
            diagnostics.push(diagnostic.help("shorten its name, its template's path, or the labels of runs-on"));
        }
    }
    if diagnostics.error_count() > errors {
        return None;
    }
    let largest = families.iter().map(|family| family.cells.len()).max().unwrap_or(0);
    let sizes = group.unwrap_or(1)..=largest.max(group.unwrap_or(1));
    let Some(size) =
        sizes.into_iter().find(|size| families.iter().map(|f| f.groups(*size).len()).sum::<usize>() <= MOST)
    else {
        let count: usize = families.iter().map(|family| family.cells.len()).sum();
        let diagnostic = Diagnostic::error(format!("{count} builds do not fit in a matrix"));
        let diagnostic = diagnostic.detail(format!("a matrix has {MOST} entries of {LONGEST} characters at most"));
        diagnostics.push(diagnostic.help("plan fewer of them at once, with -image or -only"));
        return None;
    };
    let mut entries: Vec<Entry<'_>> = families.iter().flat_map(|family| family.entries(size)).collect();
    name(&mut entries);
    Some(json!({ "include": entries }).to_string() + "\n")
}

fn families<'a>(planned: &'a [PlannedImage], diagnostics: &mut Diagnostics) -> Vec<Family<'a>> {
    let mut families = Vec::new();
    for image in planned {
        let mut by_builder: IndexMap<&str, IndexSet<&str>> = IndexMap::new();
        for build in &image.plan.builds {
            // Builds of the same name run together: no pattern tells them apart.
            by_builder.entry(&build.title.builder).or_default().insert(&build.title.name);
        }
        for (builder, names) in by_builder {
            let mut cells = Vec::new();
            for name in names {
                match exactly(name, &image.plan.names) {
                    Some(only) => cells.push(Cell { name, only }),
                    None => {
                        let diagnostic = Diagnostic::error(format!("no pattern selects just the build {}", cut(name)));
                        let detail = "commas and blanks at an end cannot be written in -only";
                        diagnostics.push(diagnostic.detail(detail).help("give it a name without them"));
                    }
                }
            }
            families.push(Family { planned: image, builder, cells });
        }
    }
    families
}

/// A pattern that matches the name and none of the others, and that survives being split at commas and line ends.
fn exactly(name: &str, names: &[String]) -> Option<String> {
    let inner = name.len() - name.trim_start().len()..name.trim_end().len();
    let escaped = name.char_indices().map(|(at, c)| match c {
        ',' => "?".to_owned(),
        c if c.is_control() || !inner.contains(&at) => "?".to_owned(),
        '*' | '?' | '[' | ']' | '{' | '}' | '\\' => format!("[{c}]"),
        c => c.to_string(),
    });
    let pattern: String = escaped.collect();
    let selection = Selection::new(std::slice::from_ref(&pattern), &[], &mut Diagnostics::new());
    let guessed = pattern.len() != name.len() || pattern.contains('?');
    let others = || names.iter().any(|other| other != name && selection.selects(other));
    (selection.selects(name) && !(guessed && others())).then_some(pattern)
}

impl Family<'_> {
    /// Up to `size` builds each, as long as they fit in an entry.
    fn groups(&self, size: usize) -> Vec<&[Cell<'_>]> {
        let mut groups = Vec::new();
        let mut rest = self.cells.as_slice();
        while let Some(first) = rest.first() {
            let mut room = LONGEST.saturating_sub(length(&self.entry(std::slice::from_ref(first), 0)) + GROUP);
            let more = rest[1..].iter().take(size - 1).take_while(|cell| {
                let needed = length(&cell.only);
                let fits = needed <= room;
                room = room.saturating_sub(needed);
                fits
            });
            let (group, others) = rest.split_at(1 + more.count());
            groups.push(group);
            rest = others;
        }
        groups
    }

    fn entries(&self, size: usize) -> Vec<Entry<'_>> {
        let groups = self.groups(size).into_iter().enumerate();
        groups.map(|(number, cells)| self.entry(cells, number + 1)).collect()
    }

    /// An entry for at least one build, the `number`th of the family.
    fn entry(&self, cells: &[Cell<'_>], number: usize) -> Entry<'_> {
        let image = self.planned.image.as_ref();
        let first = cells.first().map_or("", |cell| cell.name);
        let (own, build) = match cells.len() {
            0 | 1 => (first.to_owned(), first.to_owned()),
            many => (format!("{}.group-{number}", self.builder), format!("{first} and {} more", many - 1)),
        };
        let full_id = image.map_or(own.clone(), |image| format!("{}.{own}", image.name));
        Entry {
            id: plain(&full_id),
            full_id,
            image: image.map(|image| image.name.as_str()),
            template: self.planned.template.to_string_lossy().into_owned(),
            build,
            only: cells.iter().map(|cell| cell.only.as_str()).collect::<Vec<_>>().join(","),
            builder: self.builder,
            runs_on: image.and_then(|image| image.runs_on.clone()).unwrap_or_else(|| RUNNER.into()),
        }
    }
}

/// In UTF-16 units of its JSON.
fn length(value: &impl Serialize) -> usize {
    serde_json::to_string(value).unwrap_or_default().encode_utf16().count()
}

/// The name in quotes, cut when it is long.
fn cut(name: &str) -> String {
    match name.char_indices().nth(LONGEST_ID) {
        Some((at, _)) => format!("{:?}...", &name[..at]),
        None => format!("{name:?}"),
    }
}

/// Makes the ids plain and different. One that loses something by that gets a piece of a digest of what it stands for,
/// so that it stays what it is whatever else is planned; so do two that read the same.
fn name(entries: &mut [Entry<'_>]) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.id == entry.full_id) {
        *counts.entry(entry.id.clone()).or_default() += 1;
    }
    for entry in entries {
        if entry.id == entry.full_id && counts.get(&entry.id) == Some(&1) {
            continue;
        }
        let digest = Sha256::digest(format!("{:?} {}", entry.image, entry.only));
        entry.id.push('-');
        entry.id.extend(digest.iter().take(4).map(|byte| format!("{byte:02x}")));
    }
}

fn plain(id: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '.' | '_' | '-') => c,
        _ => '-',
    };
    id.chars().map(plain).take(LONGEST_ID).collect()
}
