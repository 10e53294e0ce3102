//! The record that previews are compared with. It is looked for while the builds run, so whoever makes records asks each
//! time whether it is there.

use std::sync::{Arc, OnceLock};

use super::{Build, Change, Record, State};
use crate::report::change::{baseline, between};

/// What a run's builds are compared with; nothing for a run that is no preview.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparison(Option<Arc<OnceLock<Against>>>);

/// How the search ended.
#[derive(Debug)]
pub(crate) enum Against {
    Record(Box<Record>),
    /// Why there is none.
    Nothing(String),
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

    /// The record, once it is found.
    pub(crate) fn record(&self) -> Option<&Record> {
        match self.0.as_ref()?.get()? {
            Against::Record(record) => Some(record),
            Against::Nothing(_) => None,
        }
    }

    /// Tells what the builds change that have made something. What was not made anew holds what it held.
    pub(super) fn apply(&self, record: &mut Record) {
        let Some(against) = self.0.as_ref().and_then(|slot| slot.get()) else { return };
        if let Against::Record(earlier) = against {
            record.builds.iter_mut().for_each(|build| carry(build, earlier));
        }
        for build in record.builds.iter_mut().filter(|build| build.state == State::Succeeded) {
            build.change = Some(change(build, against));
        }
    }
}

/// The contents of an image that is unchanged, for the next to compare with.
fn carry(build: &mut Build, earlier: &Record) {
    let same = |old: &&Build| old.name == build.name && old.digest == build.digest;
    if build.state != State::Unchanged || build.digest.is_none() || build.inventory.is_some() {
        return;
    }
    if let Some(old) = earlier.builds.iter().find(same) {
        build.inventory.clone_from(&old.inventory);
        build.size = old.size;
    }
}

fn change(build: &Build, against: &Against) -> Change {
    let record = match against {
        Against::Record(record) => record,
        Against::Nothing(reason) => return Change { unknown: vec![reason.clone()], ..Change::default() },
    };
    let beside = baseline(record);
    match record.builds.iter().find(|old| old.name == build.name && old.state.is_good()) {
        Some(old) => between(old, build, beside),
        None => Change {
            baseline: beside,
            unknown: vec!["a new image, as far as the record of the base branch tells".to_owned()],
            ..Change::default()
        },
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
            comparison.settle(Against::Record(Box::new(of(State::Succeeded, "d", Some(5)))));
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
        let of = |name: &str, state| Some(Against::Record(Box::new(record(name, state))));
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
