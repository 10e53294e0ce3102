//! What a build changes: its image beside one that was made before. The words for it are in `words.rs`.

mod contents;
mod packages;
#[cfg(test)]
mod tests;
mod words;

pub(super) use words::{details, section};

use super::record::{Baseline, Build, Change, Difference, Record};
use crate::inventory::Inventory;
use crate::run::inputs::{self, Input};

/// What `new` changes about `old`.
pub(crate) fn between(old: &Build, new: &Build, baseline: Baseline) -> Change {
    let mut change = Change { baseline, ..Change::default() };
    if let (Some(a), Some(b)) = (&old.source, &new.source)
        && a.id != b.id
    {
        change.source = Some((Some(a.clone()), Some(b.clone())));
    }
    match (&old.inventory, &new.inventory) {
        (Some(a), Some(b)) => inventories(a, b, &mut change),
        (None, None) => change.unknown.push("contents: neither image has an inventory".to_owned()),
        (None, _) => change.unknown.push("contents: the image before has no inventory".to_owned()),
        (_, None) => change.unknown.push("contents: the image has no inventory".to_owned()),
    }
    change.size = old.size.zip(new.size);
    change.seconds = Some((old.seconds, new.seconds)).filter(|(a, b)| *a > 0.0 && *b > 0.0);
    match (old.inputs.is_empty(), new.inputs.is_empty()) {
        (false, false) => change.inputs = inputs(&old.inputs, &new.inputs),
        (true, true) => {}
        (true, false) => change.unknown.push("inputs: the record before does not tell them".to_owned()),
        (false, true) => change.unknown.push("inputs: this build does not tell them".to_owned()),
    }
    change
}

/// Compares every build of a record with the one of the same name in a record of before. A build that was not there has
/// nothing to be compared with.
pub(crate) fn compare(record: &mut Record, before: &Record) {
    let baseline = baseline(before);
    for build in &mut record.builds {
        if let Some(old) = before.builds.iter().find(|old| old.name == build.name) {
            build.change = Some(between(old, build, baseline.clone()));
        }
    }
}

/// Which record that is.
pub(crate) fn baseline(record: &Record) -> Baseline {
    let workflow = record.workflow.as_ref();
    Baseline {
        run: record.run.clone(),
        sha: workflow.and_then(|workflow| workflow.sha.clone()),
        url: workflow.map(|workflow| workflow.url.clone()).filter(|url| !url.is_empty()),
        started: record.started,
    }
}

fn inventories(old: &Inventory, new: &Inventory, change: &mut Change) {
    let lacks = |part: &str| old.lacks(part).or_else(|| new.lacks(part)).is_some();
    packages::compare(&old.packages, &new.packages, |manager| !lacks(manager.name()), change);
    contents::compare(old, new, lacks, change);
    let mut unknown = Vec::new();
    for (which, inventory) in [("before", old), ("now", new)] {
        for missing in &inventory.missing {
            unknown.push(format!("{} ({which}): {}", missing.part, missing.why));
        }
    }
    change.unknown.extend(unknown);
}

/// Of what decides the image, in its order.
fn inputs(old: &[Input], new: &[Input]) -> Vec<Difference> {
    let shown = |input: &Input| {
        let digest = input.digest.as_deref().map(|digest| format!("sha256:{}", digest.get(..12).unwrap_or(digest)));
        input.value.clone().or(digest).unwrap_or_else(|| "(secret)".to_owned())
    };
    let told = |(old, new): (Option<&Input>, Option<&Input>)| {
        let name = new.or(old).map(|input| input.name.clone()).unwrap_or_default();
        Difference { name, old: old.map(shown), new: new.map(shown) }
    };
    let sides = |difference| match difference {
        inputs::Difference::Added(new) => (None, Some(new)),
        inputs::Difference::Removed(old) => (Some(old), None),
        inputs::Difference::Changed(old, new) => (Some(old), Some(new)),
    };
    inputs::differences(old, new).into_iter().map(sides).map(told).collect()
}
