//! The records that previews are compared with. They are looked for while the builds run, so whoever makes records asks
//! each time whether they are there.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::{Build, Change, Record, State};
use crate::report::change::{baseline, between};
use crate::run::inputs::Earlier;

/// What a run's builds are compared with; nothing for a run that is no preview.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparison(Option<Arc<OnceLock<Against>>>);

/// How the search ended.
#[derive(Debug)]
pub(crate) enum Against {
    Records(Box<Found>),
    /// Why there is none.
    Nothing(String),
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Of the base branch, the newest first; an older one has what a newer one lacks.
    pub base: Vec<Record>,
    /// Why there is none of the base branch.
    pub without: Option<String>,
    /// Of the preview before this one, for the same pull request.
    pub before: Option<Record>,
}

impl Found {
    /// The newest that was made of the base branch under that name, with the record that tells of it.
    fn of(&self, name: &str) -> Option<(&Record, &Build)> {
        let good = |build: &&Build| build.name == name && build.state.is_good();
        self.base.iter().find_map(|record| Some((record, record.builds.iter().find(good)?)))
    }

    /// What the image of a build that was not run has besides its name, by whoever made it of the same inputs.
    fn same(&self, build: &Build) -> Option<&Build> {
        let same = |old: &&Build| old.name == build.name && old.digest == build.digest && old.state.is_good();
        self.base.iter().chain(&self.before).find_map(|record| record.builds.iter().find(same))
    }

    /// Whether the preview before this one has the image, and it is none of the base branch.
    fn changed_before(&self, build: &Build) -> bool {
        let before = self.before.iter().flat_map(|record| &record.builds).find(|old| old.name == build.name);
        before.is_some_and(|old| old.digest.is_some() && old.digest == build.digest && old.change.is_some())
            && self.of(&build.name).is_none_or(|(_, old)| old.digest != build.digest)
    }
}

impl Comparison {
    /// With what [`Self::settle`] will tell.
    pub(crate) fn awaited() -> Self {
        Self(Some(Arc::default()))
    }

    /// The first answer counts.
    pub(crate) fn settle(&self, against: Against) {
        if let Some(slot) = &self.0 {
            let _ = slot.set(against);
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.0.as_ref().is_some_and(|slot| slot.get().is_none())
    }

    fn found(&self) -> Option<&Found> {
        match self.0.as_ref()?.get()? {
            Against::Records(found) => Some(found),
            Against::Nothing(_) => None,
        }
    }

    /// The builds of the base branch by name, as far as they are found by now.
    pub(crate) fn earlier(&self) -> BTreeMap<String, Earlier> {
        let mut builds = BTreeMap::new();
        for record in self.found().iter().flat_map(|found| &found.base) {
            for (name, build) in record.earlier() {
                builds.entry(name).or_insert(build);
            }
        }
        builds
    }

    /// The same of the preview before this one.
    pub(crate) fn before(&self) -> BTreeMap<String, Earlier> {
        self.found().and_then(|found| found.before.as_ref()).map(Record::earlier).unwrap_or_default()
    }

    /// Tells what the builds change that have made something. What was not made anew holds what it held, and changes
    /// what it changed when a preview made it.
    pub(super) fn apply(&self, record: &mut Record) {
        let Some(against) = self.0.as_ref().and_then(|slot| slot.get()) else { return };
        for build in &mut record.builds {
            match (build.state, against) {
                (State::Succeeded, _) => build.change = Some(change(build, against)),
                (State::Unchanged, Against::Records(found)) => {
                    carry(build, found);
                    if found.changed_before(build) {
                        // Its own time is that of looking for it.
                        build.change = Some(Change { seconds: None, ..change(build, against) });
                    }
                }
                _ => {}
            }
        }
    }
}

/// The contents of an image that is unchanged, for the next to compare with.
fn carry(build: &mut Build, found: &Found) {
    if build.digest.is_none() || build.inventory.is_some() {
        return;
    }
    if let Some(old) = found.same(build) {
        build.inventory.clone_from(&old.inventory);
        build.size = old.size;
        build.source = build.source.take().or_else(|| old.source.clone());
    }
}

fn change(build: &Build, against: &Against) -> Change {
    let found = match against {
        Against::Records(found) => found,
        Against::Nothing(reason) => return Change { unknown: vec![reason.clone()], ..Change::default() },
    };
    match found.of(&build.name) {
        Some((record, old)) => between(old, build, baseline(record)),
        None => {
            let new = || "a new image, as far as the records of the base branch tell".to_owned();
            Change {
                baseline: found.base.first().map(baseline).unwrap_or_default(),
                unknown: vec![found.without.clone().unwrap_or_else(new)],
                ..Change::default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Inventory;

    fn record(name: &str, state: State) -> Record {
        let build = Build { name: name.to_owned(), state, ..Build::default() };
        Record { run: "r".to_owned(), builds: vec![build], ..Record::default() }
    }

    fn against<const N: usize>(base: [Record; N]) -> Against {
        Against::Records(Box::new(Found { base: base.into(), ..Found::default() }))
    }

    #[test]
    fn what_the_newest_run_lacks_an_older_one_has() {
        let of = |run: &str, builds: &[(&str, State)]| {
            let mut whole = record("", State::Failed);
            whole.run = run.to_owned();
            whole.builds.extend(builds.iter().flat_map(|(name, state)| record(name, *state).builds));
            whole
        };
        let comparison = Comparison::awaited();
        let newest = of("newest", &[("a", State::Failed), ("b", State::Succeeded)]);
        let older = of("older", &[("a", State::Succeeded), ("b", State::Succeeded)]);
        comparison.settle(against([newest, older]));
        for (name, run) in [("a", "older"), ("b", "newest")] {
            let mut record = record(name, State::Succeeded);
            comparison.apply(&mut record);
            assert_eq!(record.builds[0].change.as_ref().unwrap().baseline.run, run);
        }
        assert!(comparison.earlier().contains_key("a"));
    }

    #[test]
    fn what_the_preview_before_made_changes_what_it_changed() {
        let made = |digest: &str| {
            let mut made = record("a", State::Succeeded);
            made.builds[0].digest = Some(digest.to_owned());
            made.builds[0].inventory = Some(Inventory::default());
            made
        };
        let comparison = Comparison::awaited();
        let mut before = made("new");
        before.builds[0].change = Some(Change::default());
        let found = Found { base: vec![made("old")], before: Some(before), ..Found::default() };
        comparison.settle(Against::Records(Box::new(found)));
        for (digest, changes) in [("new", true), ("old", false)] {
            let mut record = made(digest);
            (record.builds[0].state, record.builds[0].inventory) = (State::Unchanged, None);
            comparison.apply(&mut record);
            let build = &record.builds[0];
            assert_eq!((build.change.is_some(), build.inventory.is_some()), (changes, true), "{digest}");
        }
    }

    #[test]
    fn an_unchanged_image_holds_what_it_held() {
        let of = |state, digest: &str, size| {
            let mut record = record("a", state);
            (record.builds[0].digest, record.builds[0].size) = (Some(digest.to_owned()), size);
            record.builds[0].inventory = size.map(|_| Inventory::default());
            record
        };
        for (digest, expected) in [("d", Some(5)), ("e", None)] {
            let comparison = Comparison::awaited();
            comparison.settle(against([of(State::Succeeded, "d", Some(5))]));
            let mut record = of(State::Unchanged, digest, None);
            comparison.apply(&mut record);
            let build = &record.builds[0];
            assert_eq!((build.size, build.inventory.is_some()), (expected, expected.is_some()));
            assert_eq!(build.change, None);
        }
    }

    #[test]
    fn what_is_not_compared_says_why() {
        let why = |mut record: Record, against: Option<Against>| {
            let comparison = Comparison::awaited();
            against.into_iter().for_each(|against| comparison.settle(against));
            comparison.apply(&mut record);
            record.builds[0].change.clone().map(|change| change.unknown.first().cloned().unwrap_or_default())
        };
        let nothing = || Some(Against::Nothing("no record yet".to_owned()));
        let of = |name: &str, state| Some(against([record(name, state)]));
        assert_eq!(why(record("a", State::Succeeded), None), None);
        assert_eq!(why(record("a", State::Failed), nothing()), None);
        assert_eq!(why(record("a", State::Succeeded), nothing()), Some("no record yet".to_owned()));
        let compared = why(record("a", State::Succeeded), of("a", State::Succeeded)).unwrap();
        assert!(compared.contains("inventory"), "{compared}");
        for other in [of("a", State::Failed), of("b", State::Succeeded)] {
            assert!(why(record("a", State::Succeeded), other).unwrap().starts_with("a new image"));
        }
    }
}
