//! Packages of now beside those of before: one walk through two sorted lists.

use std::cmp::Ordering;

use super::Change;
use crate::inventory::{self, Manager, Package};
use crate::report::record::Moved;

/// Of the managers that both inventories know.
pub(super) fn compare(old: &[Package], new: &[Package], known: impl Fn(Manager) -> bool, change: &mut Change) {
    let (old, new) = (sorted(old, &known), sorted(new, &known));
    let (mut a, mut b) = (0, 0);
    while a < old.len() || b < new.len() {
        // All of one name: several versions (kernels) and several architectures may stand side by side.
        let name = match (old.get(a), new.get(b)) {
            (Some(x), Some(y)) => name(x).min(name(y)),
            (Some(one), None) | (None, Some(one)) => name(one),
            (None, None) => break,
        };
        let (x, y) = (run(&old[a..], name), run(&new[b..], name));
        one_name(&old[a..a + x], &new[b..b + y], change);
        (a, b) = (a + x, b + y);
    }
}

fn name(package: &Package) -> (Manager, &str) {
    (package.manager, &package.name)
}

fn sorted(packages: &[Package], known: impl Fn(Manager) -> bool) -> Vec<&Package> {
    let mut packages: Vec<&Package> = packages.iter().filter(|package| known(package.manager)).collect();
    // Records that we wrote are in order already.
    packages.sort();
    packages.dedup();
    packages
}

/// How many at the beginning have that name.
fn run(packages: &[&Package], wanted: (Manager, &str)) -> usize {
    packages.iter().take_while(|package| name(package) == wanted).count()
}

fn one_name(old: &[&Package], new: &[&Package], change: &mut Change) {
    let mut gone: Vec<&Package> = old.iter().filter(|package| !new.contains(package)).copied().collect();
    let mut come: Vec<&Package> = new.iter().filter(|package| !old.contains(package)).copied().collect();
    let alone = |list: &[&Package], like: &Package| {
        list.iter().filter(|package| package.architecture == like.architecture).count() == 1
    };
    // A version beside others is added or removed; only one that is in the place of another has moved.
    gone.retain(|was| {
        let same = |now: &&Package| now.architecture == was.architecture;
        match come.iter().position(same) {
            Some(at) if alone(old, was) && alone(new, was) => {
                moved(was, come.remove(at), change);
                false
            }
            _ => true,
        }
    });
    // Built for another architecture than before, or for all of them.
    if let ([was], [now]) = (&gone[..], &come[..])
        && old.len() == 1
        && new.len() == 1
        && was.version != now.version
    {
        moved(was, now, change);
        return;
    }
    change.removed.extend(gone.into_iter().cloned());
    change.added.extend(come.into_iter().cloned());
}

fn moved(was: &Package, now: &Package, change: &mut Change) {
    let moved = Moved { package: now.clone(), from: was.version.clone() };
    match inventory::compare(now.manager, &was.version, &now.version) {
        Ordering::Greater => change.downgraded.push(moved),
        Ordering::Less | Ordering::Equal => change.upgraded.push(moved),
    }
}
