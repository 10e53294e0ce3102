//! Which of the recorded images are published: for every build that is wanted the newest that succeeded.

use std::collections::BTreeMap;

use super::Subject;
use crate::config::Publish;
use crate::report::Record;
use crate::report::record::Build;
use crate::run::inputs::Inputs;

/// A build that is to be published.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Its name in records.
    pub build: String,
    pub image: String,
    pub settings: Publish,
    /// What it would be built of now.
    pub inputs: Inputs,
}

/// What was found of what is wanted.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    pub subjects: Vec<Subject>,
    /// Builds without a recorded image.
    pub missing: Vec<Wanted>,
}

/// Looks for the wanted builds, or takes all that are recorded. Not every record `counts` for every build; those are told
/// by their places in `records`.
pub(crate) fn choose(
    wanted: Option<&[Wanted]>,
    records: &[&Record],
    counts: impl Fn(&Wanted, usize) -> bool,
) -> Choice {
    let recorded = || {
        let numbered = records.iter().enumerate();
        numbered
            .flat_map(|(at, record)| record.builds.iter().filter(|build| is_whole(build)).map(move |build| (at, build)))
    };
    let started = |at: usize| records.get(at).and_then(|record| record.started);
    let newer = |a: (usize, &'_ Build), b: (usize, &'_ Build)| started(a.0) < started(b.0);
    let mut choice = Choice::default();
    match wanted {
        None => {
            let mut newest: BTreeMap<&str, (usize, &Build)> = BTreeMap::new();
            for one in recorded() {
                let known = newest.get(one.1.name.as_str());
                if known.is_none_or(|known| newer(*known, one)) {
                    newest.insert(&one.1.name, one);
                }
            }
            choice.subjects = newest.values().map(|one| subject(&one.1.name, *one, &Publish::default())).collect();
        }
        Some(wanted) => {
            for one in wanted {
                let of_it = recorded().filter(|(at, build)| build.name == one.build && counts(one, *at));
                match of_it.reduce(|known, other| if newer(known, other) { other } else { known }) {
                    Some(found) => choice.subjects.push(subject(&one.image, found, &one.settings)),
                    None => choice.missing.push(one.clone()),
                }
            }
        }
    }
    choice
}

fn subject(image: &str, (record, build): (usize, &Build), settings: &Publish) -> Subject {
    Subject { image: image.to_owned(), build: build.clone(), record, other_commit: None, settings: settings.clone() }
}

/// Previews are made to be looked at.
fn is_whole(build: &Build) -> bool {
    build.state.is_good() && !build.images.is_empty() && build.held_back.is_empty()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::report::record::{Image, Stamp, State};

    fn record(seconds: u64, builds: &[(&str, State, &str)]) -> Record {
        let build = |(name, state, id): &(&str, State, &str)| Build {
            name: (*name).to_owned(),
            state: *state,
            images: vec![Image {
                build: (*name).to_owned(),
                builder: "docker".to_owned(),
                id: (*id).to_owned(),
                location: None,
                tags: Vec::new(),
                digest: None,
                digests: BTreeMap::new(),
            }],
            ..Build::default()
        };
        Record {
            started: Some(Stamp(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))),
            builds: builds.iter().map(build).collect(),
            ..Record::default()
        }
    }

    #[test]
    fn the_newest_that_succeeded_is_taken() {
        let records = [
            record(2, &[("a", State::Succeeded, "new"), ("b", State::Failed, "broken")]),
            record(1, &[("a", State::Succeeded, "old"), ("b", State::Succeeded, "good")]),
            record(3, &[("a", State::Cancelled, "newer")]),
            record(3, &[("u", State::Unchanged, "same")]),
        ];
        let records: Vec<&Record> = records.iter().collect();
        let all = |_: &Wanted, _: usize| true;
        let ids = |choice: &Choice| choice.subjects.iter().map(|s| s.build.images[0].id.clone()).collect::<Vec<_>>();
        assert_eq!(
            ids(&choose(None, &records, all)),
            ["new", "good", "same"],
            "what was not built anew is there as well"
        );
        let wanted = |build: &str| Wanted {
            build: build.to_owned(),
            image: build.to_owned(),
            settings: Publish::default(),
            inputs: Inputs::default(),
        };
        let choice = choose(Some(&[wanted("b"), wanted("c")]), &records, all);
        assert_eq!((ids(&choice), choice.subjects[0].record, choice.missing.len()), (vec!["good".to_owned()], 1, 1));
        let choice = choose(Some(&[wanted("a"), wanted("b")]), &records, |one, at| one.build == "b" || at > 0);
        assert_eq!(ids(&choice), ["old", "good"], "the record that does not count is passed over");
        let mut preview = record(9, &[("a", State::Succeeded, "preview")]);
        preview.builds[0].held_back.push("docker-push".to_owned());
        assert_eq!(ids(&choose(None, &[&preview, records[1]], all)), ["old", "good"]);
    }
}
