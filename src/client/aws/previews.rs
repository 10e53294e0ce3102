//! Finding and removing previews in an account: images, and snapshots and volumes that are in no image, by the tags that
//! say whose they are and when they are over. Nothing without those tags is touched.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use super::Aws;
use super::ec2::Ec2;
use super::ec2::types::{Filters, ImageQuery, Tags};
use super::error::AwsError;
use super::sweep::Found;
use crate::run::aws::RUN_TAG;
use crate::run::preview::{EXPIRES_TAG, PULL_REQUEST_TAG};

/// Which previews are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Previews {
    /// Those of a pull request, `owner/name#12`.
    Of(String),
    /// Those whose time is over, of one repository (`owner/name`) or all.
    Expired {
        repository: Option<String>,
        /// Those that are older too, whatever they say.
        older_than: Option<Duration>,
    },
}

impl Previews {
    /// Whether what carries these tags is to go.
    fn takes(&self, tags: &Tags, made: Option<&str>, now: SystemTime) -> bool {
        let Some(of) = tags.get(PULL_REQUEST_TAG) else { return false };
        match self {
            Self::Of(wanted) => of == wanted,
            Self::Expired { repository, older_than } => {
                let own = repository.as_ref().is_none_or(|name| of.split('#').next() == Some(name));
                let over = tags.get(EXPIRES_TAG).and_then(|at| time(at)).is_some_and(|at| at <= now);
                let old = made.and_then(time).zip(*older_than);
                own && (over || old.is_some_and(|(made, age)| now.duration_since(made).is_ok_and(|past| past >= age)))
            }
        }
    }

    fn filters(&self) -> Filters {
        let (name, value) = match self {
            Self::Of(pull) => (format!("tag:{PULL_REQUEST_TAG}"), pull.clone()),
            Self::Expired { .. } => ("tag-key".to_owned(), PULL_REQUEST_TAG.to_owned()),
        };
        Filters::from([(name, vec![value])])
    }
}

fn time(text: &str) -> Option<SystemTime> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc).into())
}

impl Aws {
    /// Removes previews in the regions; in all that the account can use when none is named.
    pub(crate) async fn sweep_previews(&self, regions: &[String], wanted: &Previews) -> Result<Vec<Found>, AwsError> {
        let regions = if regions.is_empty() { self.ec2().regions().await? } else { regions.to_vec() };
        let all = regions.iter().map(|region| in_region(self.ec2_in(region), wanted));
        let mut found = Vec::new();
        for (region, swept) in regions.iter().zip(futures_util::future::join_all(all).await) {
            match swept {
                Ok(more) => found.extend(more),
                Err(error) => found.push(Found::Failed(format!("previews in {region}"), error.to_string())),
            }
        }
        Ok(found)
    }
}

async fn in_region(ec2: Ec2, wanted: &Previews) -> Result<Vec<Found>, AwsError> {
    let (now, filters) = (SystemTime::now(), wanted.filters());
    // A build that is under way has its own tag there still, and removes what it does not keep.
    let goes = |tags: &Tags, made: Option<&str>| !tags.contains_key(RUN_TAG) && wanted.takes(tags, made, now);
    let shown = |kind: &str, id: &str, tags: &Tags| {
        let of = tags.get(PULL_REQUEST_TAG).map(String::as_str).unwrap_or_default();
        format!("{kind} {id} in {} (preview of {of})", ec2.region())
    };
    let mut found = Vec::new();
    let mut note = |shown: String, removed: Result<bool, AwsError>| match removed {
        Ok(true) => found.push(Found::Removed(shown)),
        Ok(false) => {}
        Err(error) => found.push(Found::Failed(shown, error.to_string())),
    };
    let query = ImageQuery {
        owners: vec!["self".to_owned()],
        filters: filters.clone(),
        include_deprecated: true,
        ..ImageQuery::default()
    };
    let images = ec2.images(&query).await?;
    let (going, staying): (Vec<_>, Vec<_>) =
        images.iter().partition(|image| goes(&image.tags, Some(&image.creation_date)));
    for image in going {
        note(
            shown("image", &image.id, &image.tags),
            super::release::remove_image(&ec2, image, "", super::release::Own::Shown).await,
        );
    }
    let held: Vec<String> = staying.iter().flat_map(|image| image.snapshots()).collect();
    for snapshot in ec2.snapshots(&filters).await? {
        if goes(&snapshot.tags, None) && !held.contains(&snapshot.id) {
            let removed = super::release::held(|| ec2.delete_snapshot(&snapshot.id)).await;
            note(shown("snapshot", &snapshot.id, &snapshot.tags), removed);
        }
    }
    for volume in ec2.volumes(&filters).await? {
        if goes(&volume.tags, None) && volume.state != "deleting" {
            note(shown("volume", &volume.id, &volume.tags), super::release::volume(&ec2, &volume).await);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_whose_preview_it_is_goes() {
        let now = time("2026-11-15T00:00:00Z").unwrap();
        let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let preview = |expires| tags(&[(PULL_REQUEST_TAG, "octo/images#7"), (EXPIRES_TAG, expires)]);
        let (over, young) = (preview("2026-11-14T23:59:00Z"), preview("2026-12-01T00:00:00Z"));
        let made = Some("2026-11-01T00:00:00.000Z");
        let of = |pull: &str| Previews::Of(pull.to_owned());
        let expired = |repository: Option<&str>, days: Option<u64>| Previews::Expired {
            repository: repository.map(str::to_owned),
            older_than: days.map(|days| Duration::from_secs(days * 86400)),
        };
        for (wanted, tags, taken) in [
            (of("octo/images#7"), &young, true),
            (of("octo/images#77"), &young, false),
            (of("octo/images#7"), &tags(&[("Name", "octo/images#7")]), false),
            (expired(None, None), &over, true),
            (expired(None, None), &young, false),
            (expired(None, None), &preview("soon"), false),
            (expired(None, None), &tags(&[(EXPIRES_TAG, "2026-11-01T00:00:00Z")]), false),
            (expired(Some("octo/images"), None), &over, true),
            (expired(Some("octo/image"), None), &over, false),
            (expired(None, Some(14)), &young, true),
            (expired(None, Some(15)), &young, false),
        ] {
            assert_eq!(wanted.takes(tags, made, now), taken, "{wanted:?} {tags:?}");
        }
    }
}
