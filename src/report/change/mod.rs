//! What a build changes: its image beside one that was made before. The words for it are in `words.rs`.

mod contents;
mod packages;
#[cfg(test)]
mod tests;
mod words;

pub(super) use words::{details, section};

use super::record::{Baseline, Build, Change, Difference, Record};
use crate::inventory::Inventory;
use crate::run::inputs::Input;

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

/// Of two lists by name; the same name several times is told apart by its place. What has no digest is a secret, of
/// which nobody can tell whether it changed.
fn inputs(old: &[Input], new: &[Input]) -> Vec<Difference> {
    let numbered = |list: &[Input]| {
        let mut seen = std::collections::BTreeMap::<String, usize>::new();
        let mut place = |input: &Input| {
            let number = seen.entry(input.name.clone()).or_default();
            *number += 1;
            ((input.name.clone(), *number), input.clone())
        };
        list.iter().map(&mut place).collect::<std::collections::BTreeMap<_, _>>()
    };
    let (old, new) = (numbered(old), numbered(new));
    let shown = |input: &Input| {
        let digest = input.digest.as_deref().map(|digest| format!("sha256:{}", digest.get(..12).unwrap_or(digest)));
        input.value.clone().or(digest).unwrap_or_else(|| "(secret)".to_owned())
    };
    let mut keys: Vec<_> = old.keys().chain(new.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut differences = Vec::new();
    for key in keys {
        let (a, b) = (old.get(key), new.get(key));
        let differs = match (a, b) {
            (Some(a), Some(b)) => a.digest.is_some() && b.digest.is_some() && a.digest != b.digest,
            _ => true,
        };
        if differs {
            differences.push(Difference { name: key.0.clone(), old: a.map(shown), new: b.map(shown) });
        }
    }
    differences
}
