//! What decides each image, for people; beside the record of an earlier run, what of it has changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::PlannedImage;
use crate::run::inputs::{Difference, Earlier, Input, Inputs, differences};

/// Letters of a value in a line.
const SHOWN: usize = 160;

/// All inputs of each build.
pub(super) fn list(planned: &[PlannedImage], inputs: &[Inputs]) -> String {
    let mut text = String::new();
    for (name, inputs) in named(planned, inputs) {
        let _ = writeln!(text, "{name}: {}\n", verdict(inputs));
        let wide = inputs.list.iter().map(|input| input.name.chars().count()).max().unwrap_or(0).min(48);
        for input in &inputs.list {
            let line = format!("  {:wide$}  {}", harmless(&input.name), value(input));
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text.push('\n');
    }
    if text.is_empty() { "Nothing would be built.\n".to_owned() } else { text }
}

/// What is new, gone or another in the inputs of each build.
pub(super) fn compare(planned: &[PlannedImage], inputs: &[Inputs], earlier: &BTreeMap<String, Earlier>) -> String {
    let mut text = String::new();
    for (name, inputs) in named(planned, inputs) {
        // The record of a job that built one image knows no other.
        let short = || earlier.get(name.split_once('/')?.1);
        let Some(before) = earlier.get(&name).or_else(short) else {
            let _ = writeln!(text, "{name}: not in the record\n");
            continue;
        };
        let digest = inputs.digest();
        if digest.is_some() && digest == before.digest {
            let _ = writeln!(text, "{name}: unchanged\n");
            continue;
        }
        if before.inputs.is_empty() {
            let _ = writeln!(text, "{name}: the record does not say what its image was made of\n");
            continue;
        }
        let found = differences(&before.inputs, &inputs.list);
        let count = match (found.len(), &inputs.unknown) {
            (0, Some(_)) => "as far as is known, unchanged".to_owned(),
            (0, None) => "made by another version of forge".to_owned(),
            (1, _) => "1 input has changed".to_owned(),
            (several, _) => format!("{several} inputs have changed"),
        };
        let _ = writeln!(text, "{name}: {count}\n");
        for difference in &found {
            let _ = match difference {
                Difference::Added(input) => writeln!(text, "  + {}: {}", harmless(&input.name), value(input)),
                Difference::Removed(input) => writeln!(text, "  - {}: {}", harmless(&input.name), value(input)),
                Difference::Changed(old, new) => {
                    let name = harmless(&new.name);
                    writeln!(text, "  ~ {name}: {}\n    {:>wide$} {}", value(old), "->", value(new), wide = name.len())
                }
            };
        }
        if let Some(why) = &inputs.unknown {
            let _ = writeln!(text, "  ? not everything is known: {}", harmless(why));
        }
        text.push('\n');
    }
    if text.is_empty() { "Nothing would be built.\n".to_owned() } else { text }
}

/// What differs between the inputs of a record and those of now, in a line each.
pub(crate) fn changes(old: &[Input], new: &[Input]) -> Vec<String> {
    let line = |difference: &Difference<'_>| match difference {
        Difference::Added(input) => format!("+ {}: {}", harmless(&input.name), value(input)),
        Difference::Removed(input) => format!("- {}: {}", harmless(&input.name), value(input)),
        Difference::Changed(old, new) => format!("~ {}: {} -> {}", harmless(&new.name), value(old), value(new)),
    };
    differences(old, new).iter().map(line).collect()
}

fn named<'a>(planned: &'a [PlannedImage], inputs: &'a [Inputs]) -> impl Iterator<Item = (String, &'a Inputs)> {
    let names = planned.iter().flat_map(|planned| {
        planned.plan.builds.iter().map(move |build| match &planned.image {
            Some(image) => format!("{}/{}", image.name, build.title.name),
            None => build.title.name.clone(),
        })
    });
    names.zip(inputs)
}

fn verdict(inputs: &Inputs) -> String {
    match (inputs.digest(), &inputs.unknown) {
        (Some(digest), _) => digest,
        (None, why) => format!("not known: {}", harmless(why.as_deref().unwrap_or_default())),
    }
}

fn value(input: &Input) -> String {
    match &input.value {
        Some(value) => harmless(value),
        None => "(a secret, not part of the digest)".to_owned(),
    }
}

/// In one line, with nothing that a terminal would obey.
fn harmless(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str(" [...]");
    }
    let escape = |c: char| match c {
        '\n' => "\\n".to_owned(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    shown.chars().map(escape).collect()
}
