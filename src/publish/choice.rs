//! Which of the recorded images are published: for every build that is wanted the newest that succeeded.

use std::collections::BTreeMap;

use super::Subject;
use crate::config::Publish;
use crate::report::Record;
use crate::report::record::Build;

/// A build that is to be published.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Its name in records.
    pub build: String,
    pub image: String,
    pub settings: Publish,
}

/// What was found of what is wanted.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    pub subjects: Vec<Subject>,
    /// Builds without a recorded image.
    pub missing: Vec<Wanted>,
}

/// Looks for the wanted builds, or takes all that are recorded.
pub(crate) fn choose(wanted: Option<&[Wanted]>, records: &[Record]) -> Choice {
    let mut newest: BTreeMap<&str, (&Record, &Build)> = BTreeMap::new();
    for record in records {
        for build in record.builds.iter().filter(|build| is_whole(build)) {
            let known = newest.get(build.name.as_str());
            if known.is_none_or(|(other, _)| other.started < record.started) {
                newest.insert(&build.name, (record, build));
            }
        }
    }
    let subject = |image: &str, build: &Build, settings: &Publish| Subject {
        image: image.to_owned(),
        build: build.clone(),
        settings: settings.clone(),
    };
    let mut choice = Choice::default();
    match wanted {
        None => {
            let settings = Publish::default();
            choice.subjects = newest.values().map(|(_, build)| subject(&build.name, build, &settings)).collect();
        }
        Some(wanted) => {
            for one in wanted {
                match newest.get(one.build.as_str()) {
                    Some((_, build)) => choice.subjects.push(subject(&one.image, build, &one.settings)),
                    None => choice.missing.push(one.clone()),
                }
            }
        }
    }
    choice
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
        let ids = |choice: &Choice| choice.subjects.iter().map(|s| s.build.images[0].id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&choose(None, &records)), ["new", "good", "same"], "what was not built anew is there as well");
        let wanted =
            |build: &str| Wanted { build: build.to_owned(), image: build.to_owned(), settings: Publish::default() };
        let choice = choose(Some(&[wanted("b"), wanted("c")]), &records);
        assert_eq!((ids(&choice), choice.missing.len()), (vec!["good".to_owned()], 1));
        let mut preview = record(9, &[("a", State::Succeeded, "preview")]);
        preview.builds[0].held_back.push("docker-push".to_owned());
        assert_eq!(ids(&choose(None, &[preview, records[1].clone()])), ["old", "good"]);
    }
}
