//! Tables of each manager's order, and that it is one.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::*;

const ALL: [Manager; 7] =
    [Manager::Dpkg, Manager::Rpm, Manager::Apk, Manager::Pacman, Manager::Python, Manager::Node, Manager::Ruby];

/// Each of a row is older than all behind it.
#[track_caller]
fn rising(manager: Manager, row: &[&str]) {
    for (at, older) in row.iter().enumerate() {
        assert_eq!(compare(manager, older, older), Ordering::Equal, "{older}");
        for newer in &row[at + 1..] {
            assert_eq!(compare(manager, older, newer), Ordering::Less, "{manager:?}: {older} < {newer}");
            assert_eq!(compare(manager, newer, older), Ordering::Greater, "{manager:?}: {newer} > {older}");
        }
    }
}

#[track_caller]
fn same(manager: Manager, a: &str, b: &str) {
    assert_eq!(compare(manager, a, b), Ordering::Equal, "{manager:?}: {a} = {b}");
}

#[test]
fn dpkg_knows_epochs_tildes_and_revisions() {
    rising(Manager::Dpkg, &["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0-0ubuntu1", "1.0-1", "1.0-1+b1", "1.0a", "1.0+x"]);
    rising(Manager::Dpkg, &["2.9", "2.10", "1:0.1", "2:0"]);
    rising(Manager::Dpkg, &["3.0.11-1~deb12u1", "3.0.11-1~deb12u2", "3.0.11-1", "3.0.13-1~deb12u1"]);
    rising(Manager::Dpkg, &["1.2.3-4-5", "1.2.3-4-6"]);
    same(Manager::Dpkg, "0:1.0", "1.00");
    same(Manager::Dpkg, "1.0-0", "1.0");
    rising(Manager::Dpkg, &["99999999999999999999998", "99999999999999999999999"]);
}

#[test]
fn rpm_knows_tildes_and_carets() {
    rising(Manager::Rpm, &["1.0~rc1-1", "1.0-1", "1.0^git1-1", "1.0.1-1", "1.1-1.fc40", "1.1-2.fc40", "1:0-1"]);
    rising(Manager::Rpm, &["1.a", "1.b", "1.1", "1.1.a", "1.2", "1.10"]);
    same(Manager::Rpm, "1.0", "1_0");
    same(Manager::Rpm, "2.50", "2.050");
    rising(Manager::Rpm, &["5.14.0-427.13.1.el9_4", "5.14.0-427.16.1.el9_4", "5.14.0-503.el9"]);
}

#[test]
fn apk_knows_letters_suffixes_and_releases() {
    rising(
        Manager::Apk,
        &[
            "1.2_alpha",
            "1.2_alpha2",
            "1.2_beta",
            "1.2_pre1",
            "1.2_rc1",
            "1.2",
            "1.2-r1",
            "1.2_git2",
            "1.2_p1",
            "1.2a",
            "1.2.1",
            "1.10",
        ],
    );
    rising(Manager::Apk, &["3.3.0-r2", "3.3.0-r10", "3.3.1-r0"]);
    rising(Manager::Apk, &["1.01", "1.1"]);
    assert_ne!(compare(Manager::Apk, "no version", "1.2"), compare(Manager::Apk, "1.2", "no version"));
}

#[test]
fn pacman_takes_any_release_where_there_is_none() {
    rising(
        Manager::Pacman,
        &["1.0a-1", "1.0alpha-1", "1.0beta-1", "1.0rc-1", "1.0-1", "1.0-2", "1.0.a-1", "1.0.1-1", "1:0.5-1"],
    );
    same(Manager::Pacman, "1.0-1", "1.0");
}

#[test]
fn python_knows_what_is_before_and_after_a_release() {
    rising(
        Manager::Python,
        &[
            "1.0.dev1",
            "1.0a1",
            "1.0b1.dev2",
            "1.0b1",
            "1.0rc1",
            "1.0",
            "1.0+local",
            "1.0.post1",
            "1.0.1",
            "1.10",
            "1!0.1",
        ],
    );
    same(Manager::Python, "1.0", "1.0.0");
    same(Manager::Python, "1.0.alpha1", "1.0a1");
}

#[test]
fn node_has_semantic_versions_and_ruby_words() {
    rising(
        Manager::Node,
        &[
            "1.0.0-1",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.10.0",
        ],
    );
    same(Manager::Node, "1.0.0+a", "1.0.0+b");
    rising(Manager::Ruby, &["1.0.0.beta2", "1.0.0.rc1", "1.0.0", "1.0.1", "1.1.0.pre", "1.1"]);
    same(Manager::Ruby, "1.0", "1");
}

/// Sorting with what is no order fails, or sorts nothing.
#[test]
fn whatever_stands_there_it_is_an_order() {
    let mut rng = StdRng::seed_from_u64(7);
    let pieces =
        ["1", "0", "10", "a", "rc", ".", "-", "~", "^", "+", ":", "_p", "-r2", "_", "é", "", "post", "!", "00", "Z"];
    let mut text =
        || -> String { (0..rng.random_range(0..6)).filter_map(|_| pieces.choose(&mut rng)).copied().collect() };
    for _ in 0..20_000 {
        let (a, b) = (text(), text());
        for manager in ALL {
            assert_eq!(compare(manager, &a, &b), compare(manager, &b, &a).reverse(), "{manager:?}: {a:?} {b:?}");
            assert_eq!(compare(manager, &a, &a), Ordering::Equal, "{manager:?}: {a:?}");
        }
    }
}
