//! Machine images of AWS: copies in the regions that are wanted, who may use them, tags, and the parameters that name
//! the image of a version. Regions go side by side; one that fails does not hold up the others.

mod copy;
mod parameter;

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::{Did, Order, Outcome, Subject, Version, compare, kept, versions};
use crate::client::Services;
use crate::client::aws::ec2::Ec2;
use crate::client::aws::ec2::types::{Filters, Image as Ami, ImageChange, ImageQuery, Tags};
use crate::client::aws::{Access, Aws, AwsError};
use crate::config::Name;
use crate::report::record::Image;
use crate::run::aws::RUN_TAG;
use crate::run::cancel::Cancel;
use crate::run::preview::PULL_REQUEST_TAG;
use crate::secret::Redactor;

/// The image that a copy is of.
const SOURCE: &str = "forge:source";
/// Name of the image in the repository's file: versions of one image compete for its names.
const IMAGE: &str = "forge:image";
/// The repository that publishes it, `owner/name`, where it is known.
const REPOSITORY: &str = "forge:repository";
/// Its versions, one blank between two.
const VERSION: &str = "forge:version";
/// Longest value of a tag, in characters.
const LONGEST: usize = 256;

pub(super) async fn publish(subject: &Subject, order: &Order, services: &Services, redactor: &Redactor) -> Outcome {
    let recorded: BTreeMap<&str, &str> =
        subject.build.images.iter().filter_map(|image| Some((image.location.as_deref()?, image.id.as_str()))).collect();
    let first = subject.build.images.iter().find_map(|image| Some((image.location.as_deref()?, image.id.as_str())));
    let Some((home, id)) = first else { return Outcome::failed("the record names no region of the image") };
    let access = Access { region: home.to_owned(), ..Access::default() };
    let aws = match services.aws.get(&access, redactor).await {
        Ok(aws) => aws,
        Err(error) => return Outcome::failed(error.to_string()),
    };
    let source = match source(&aws, home, id, subject).await {
        Ok(source) => source,
        Err(error) => return Outcome::failed(format!("{}: {error}", subject.build.name)),
    };
    let usual = || recorded.keys().map(|region| (*region).to_owned()).collect();
    let regions: Vec<String> = subject.settings.regions.clone().unwrap_or_else(usual);
    let promotion = Promotion { subject, order, aws: &aws, home, source: &source, cancel: Cancel::default() };
    let mut outcome = Outcome::default();
    let all = join_all(regions.iter().map(|region| promotion.to(region, recorded.get(region.as_str()).copied())));
    all.await.into_iter().for_each(|one| outcome.add(one));
    outcome
}

/// Whether the image of every region that the record names is what the record says.
pub(super) async fn look(subject: &Subject, services: &Services, redactor: &Redactor) -> Result<(), String> {
    for image in &subject.build.images {
        let Some(region) = image.location.as_deref() else { continue };
        let access = Access { region: region.to_owned(), ..Access::default() };
        let aws = services.aws.get(&access, redactor).await.map_err(|error| error.to_string())?;
        if let Some(found) = aws.ec2_in(region).image(&image.id).await.map_err(|error| error.to_string())? {
            check(&found, region, subject)?;
        }
    }
    Ok(())
}

/// The recorded image, if it is still there and is what the record says.
async fn source(aws: &Aws, region: &str, id: &str, subject: &Subject) -> Result<Ami, String> {
    let found = aws.ec2_in(region).image(id).await.map_err(|error| error.to_string())?;
    let gone = || format!("the recorded image is gone: {id} is not in {region}; build this commit again");
    let found = found.ok_or_else(gone)?;
    check(&found, region, subject)?;
    Ok(found)
}

/// Whether an image that a record names may be published.
fn check(image: &Ami, region: &str, subject: &Subject) -> Result<(), String> {
    let id = &image.id;
    if image.state != "available" {
        return Err(format!("{id} in {region} is {}", image.state));
    }
    if let Some(pull_request) = image.tags.get(PULL_REQUEST_TAG) {
        return Err(format!("{id} in {region} is a preview of {pull_request}, which is removed when that is closed"));
    }
    if image.tags.contains_key(RUN_TAG) {
        return Err(format!("{id} in {region} is of a build that did not come to its end"));
    }
    compare(subject, &format!("{id} in {region}"), |key| image.tags.get(key))
}

struct Promotion<'a> {
    subject: &'a Subject,
    order: &'a Order,
    aws: &'a Aws,
    home: &'a str,
    source: &'a Ami,
    cancel: Cancel,
}

impl Promotion<'_> {
    async fn to(&self, region: &str, recorded: Option<&str>) -> Outcome {
        let mut outcome = Outcome::default();
        match self.try_to(region, recorded, &mut outcome).await {
            Ok(Some((id, names))) => outcome.images.push(Image {
                build: self.subject.build.name.clone(),
                builder: self.subject.build.builder.clone(),
                id,
                location: Some(region.to_owned()),
                tags: names,
                digest: None,
                digests: BTreeMap::new(),
            }),
            Ok(None) => {}
            Err(error) => outcome.did.push(Did::Failed(format!("{region}: {error}"))),
        }
        outcome
    }

    /// The image of a region and its names there; nothing where it would have to be made first.
    async fn try_to(
        &self,
        region: &str,
        recorded: Option<&str>,
        outcome: &mut Outcome,
    ) -> Result<Option<(String, Vec<String>)>, AwsError> {
        let ec2 = self.aws.ec2_in(region);
        let existing = self.existing(&ec2).await?;
        let settings = &self.subject.settings;
        let ours = |image: &Ami| {
            image.id == self.source.id
                || Some(image.id.as_str()) == recorded
                || image.tags.get(SOURCE) == Some(&self.source.id)
        };
        let other = existing.iter().find(|(image, version)| *version == self.order.version && !ours(image));
        if let Some((other, version)) = other.filter(|_| !self.order.force) {
            outcome.did.push(Did::Failed(format!(
                "{region} {version} is another image, {}: a version is published once. Use a new version, or --force",
                other.id
            )));
            return Ok(None);
        }
        let Some(image) = self.image(&ec2, region, recorded, outcome).await? else { return Ok(None) };
        self.share(&ec2, region, &image, outcome).await?;
        self.deprecate(&ec2, region, &image, outcome).await?;
        self.tag(&ec2, region, &image, outcome).await?;
        // A copy takes its time: there may be higher versions by now.
        let existing = self.existing(&ec2).await?;
        let mut existing: Vec<Version> = existing.into_iter().map(|(_, version)| version).collect();
        existing.extend(self.order.others.iter().cloned());
        let left = settings.names().into_iter().filter_map(|name| kept(self.order, name, &existing));
        outcome.did.extend(left.map(|text| Did::Left(format!("{region} {text}"))));
        let mut names = self.order.version.takes(&settings.names(), &existing);
        if let Some(parameter) = &settings.ssm_parameter {
            let parameters = self.parameters(parameter, &names);
            for (name, parameter) in &parameters {
                let done = self.point(region, *name, parameter, &image.id).await;
                let done = done.unwrap_or_else(|error| Did::Failed(format!("{region} {parameter}: {error}")));
                let failed = matches!(done, Did::Failed(_));
                outcome.did.push(done);
                if failed && *name == Name::Version {
                    return Ok(None);
                }
            }
            if !self.order.dry {
                for (name, did) in self.settle(&ec2, region, parameter, (&image.id, &names)).await? {
                    names.retain(|(known, _)| *known != name);
                    outcome.did.push(did);
                }
            }
        }
        Ok(Some((image.id, names.into_iter().map(|(_, text)| text).collect())))
    }

    /// The versions of this image that a region has, each with the image that is it: what cannot be used yet is none.
    /// Another repository may have an image of the same name.
    async fn existing(&self, ec2: &Ec2) -> Result<Vec<(Ami, Version)>, AwsError> {
        let filters = Filters::from([(format!("tag:{IMAGE}"), vec![self.subject.image.clone()])]);
        let query = ImageQuery { owners: own(), filters, include_deprecated: true, ..ImageQuery::default() };
        let mut found = Vec::new();
        let known = |image: &Ami| {
            let repositories = image.tags.get(REPOSITORY).zip(self.order.repository.as_ref());
            image.state == "available" && repositories.is_none_or(|(its, own)| its == own)
        };
        for image in ec2.images(&query).await?.into_iter().filter(known) {
            let of = versions(image.tags.get(VERSION).map(String::as_str).unwrap_or_default().split(' '));
            found.extend(of.into_iter().map(|version| (image.clone(), version)));
        }
        Ok(found)
    }

    async fn share(&self, ec2: &Ec2, region: &str, image: &Ami, outcome: &mut Outcome) -> Result<(), AwsError> {
        let settings = &self.subject.settings;
        let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
        let (users, groups, organizations) =
            (list(&settings.users), list(&settings.groups), list(&settings.organizations));
        if users.is_empty() && groups.is_empty() && organizations.is_empty() {
            return Ok(());
        }
        let known = ec2.image_users(&image.id).await?;
        let is_unit = |arn: &String| arn.contains(":ou/");
        let (units, organizations): (Vec<String>, Vec<String>) = organizations.into_iter().partition(is_unit);
        for (wanted, change) in [
            (users, ImageChange::Users as fn(Vec<String>) -> ImageChange),
            (groups, ImageChange::Groups),
            (organizations, ImageChange::OrganizationArns),
            (units, ImageChange::OuArns),
        ] {
            let missing: Vec<String> = wanted.iter().filter(|who| !known.contains(*who)).cloned().collect();
            let text = |who: &[String]| format!("{region} {} may be used by {}", image.id, who.join(", "));
            if !missing.is_empty() {
                if !self.order.dry {
                    ec2.change_image(&image.id, &change(missing.clone()), &self.cancel).await?;
                }
                outcome.did.push(Did::Done(text(&missing)));
            } else if !wanted.is_empty() {
                outcome.did.push(Did::Already(text(&wanted)));
            }
        }
        Ok(())
    }

    /// Once: a day that is set stays.
    async fn deprecate(&self, ec2: &Ec2, region: &str, image: &Ami, outcome: &mut Outcome) -> Result<(), AwsError> {
        let Some(days) = self.subject.settings.deprecate_after else { return Ok(()) };
        if !image.deprecation_time.is_empty() {
            let text = format!("{region} {} is deprecated from {} on", image.id, image.deprecation_time);
            outcome.did.push(Did::Already(text));
            return Ok(());
        }
        let at = chrono::Utc::now() + chrono::TimeDelta::days(days.into());
        let at = at.format("%Y-%m-%dT%H:%M:00Z").to_string();
        if !self.order.dry {
            ec2.deprecate_image(&image.id, &at, &self.cancel).await?;
        }
        outcome.did.push(Did::Done(format!("{region} {} is deprecated from {at} on", image.id)));
        Ok(())
    }

    async fn tag(&self, ec2: &Ec2, region: &str, image: &Ami, outcome: &mut Outcome) -> Result<(), AwsError> {
        let (version, settings) = (self.order.version.to_string(), &self.subject.settings);
        let mut wanted: Tags = settings
            .image_tags
            .iter()
            .map(|(key, value)| {
                (key.clone(), value.replace("{version}", &version).replace("{image}", &self.subject.image))
            })
            .collect();
        wanted.insert(IMAGE.to_owned(), self.subject.image.clone());
        wanted.extend(self.order.repository.clone().map(|name| (REPOSITORY.to_owned(), name)));
        wanted.insert(VERSION.to_owned(), with(image.tags.get(VERSION), &version));
        wanted.retain(|key, value| image.tags.get(key) != Some(value));
        if wanted.is_empty() {
            outcome.did.push(Did::Already(format!("{region} {} is {version}", image.id)));
            return Ok(());
        }
        if !self.order.dry {
            ec2.tag(std::slice::from_ref(&image.id), &wanted, &self.cancel).await?;
        }
        outcome.did.push(Did::Done(format!("{region} {} is {version}", image.id)));
        Ok(())
    }
}

fn own() -> Vec<String> {
    vec!["self".to_owned()]
}

/// The versions of an image with one more; the oldest make room.
fn with(known: Option<&String>, version: &str) -> String {
    let mut all: Vec<&str> =
        known.into_iter().flat_map(|known| known.split(' ')).filter(|one| !one.is_empty()).collect();
    if !all.contains(&version) {
        all.push(version);
    }
    while all.len() > 1 && all.join(" ").len() > LONGEST {
        all.remove(0);
    }
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_an_image_fit_in_a_tag() {
        assert_eq!(with(None, "1.0.0"), "1.0.0");
        let known = "1.0.0-rc.1 1.0.0".to_owned();
        assert_eq!(with(Some(&known), "1.0.0"), known);
        let long = with(Some(&vec!["1.0.0-rc.1"; 30].join(" ")), "1.0.0");
        assert!(long.len() <= LONGEST && long.ends_with(" 1.0.0"), "{long}");
    }
}
