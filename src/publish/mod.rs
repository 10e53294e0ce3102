//! Publishing: the very image that was built and tested before gets the names of a version, and goes to where releases
//! are. Nothing is built, and where source and target are one registry no layer moves.
//!
//! Every step looks first whether it is done, so a run that broke off is finished by running it again.

#[cfg(feature = "aws")]
mod ami;
mod attestation;
mod choice;
#[cfg(feature = "docker")]
mod container;
mod notes;
mod version;

pub(crate) use attestation::{Evidence, Source};
pub(crate) use choice::{Choice, Wanted, choose};
pub(crate) use notes::notes;
pub(crate) use version::{Version, versions};

use std::collections::BTreeSet;

use crate::client::Services;
use crate::config::{Name, Publish};
use crate::report::record::{Build, Image, State};
use crate::secret::Redactor;

/// What is published as what.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub version: Version,
    /// Versions that the repository has besides what registries and accounts tell.
    pub others: Vec<Version>,
    /// Gives the version's own name to this image although another one has it.
    pub force: bool,
    /// Says what would be done.
    pub dry: bool,
    /// The repository on GitHub that publishes, `owner/name`: what others in the same account publish does not count.
    pub repository: Option<String>,
    pub evidence: Evidence,
}

/// One image, as a record tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// Its name in the repository's file, or that of its build.
    pub image: String,
    pub build: Build,
    /// The place of its record among those that were chosen from.
    pub record: usize,
    /// The commit that it is of, where that is not the version's: it was given the same inputs.
    pub other_commit: Option<String>,
    pub settings: Publish,
}

impl Subject {
    /// Nobody has signed that this image stands for that of the version's commit: it must say itself what it was made of.
    fn must_say_inputs(&self) -> bool {
        self.other_commit.is_some() && self.settings.attestation.is_required()
    }
}

/// One thing that was done, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Did {
    Done(String),
    /// It was so before.
    Already(String),
    /// It is left as it is, as it should be.
    Left(String),
    Failed(String),
    /// Somebody who may has signed that it is what it should be.
    Attested(String),
}

impl std::fmt::Display for Did {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done(text) => write!(f, "published {text}"),
            Self::Already(text) => write!(f, "already   {text}"),
            Self::Left(text) => write!(f, "left      {text}"),
            Self::Failed(text) => write!(f, "FAILED    {text}"),
            Self::Attested(text) => write!(f, "attested  {text}"),
        }
    }
}

/// What became of an image.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub did: Vec<Did>,
    /// Under its published names, one for each registry or region.
    pub images: Vec<Image>,
}

impl Outcome {
    fn failed(text: impl Into<String>) -> Self {
        Self { did: vec![Did::Failed(text.into())], images: Vec::new() }
    }

    fn add(&mut self, other: Self) {
        self.did.extend(other.did);
        self.images.extend(other.images);
    }

    /// The build as the record of publishing tells of it.
    pub(crate) fn build(self, subject: &Subject) -> Build {
        let failed: Vec<String> = self
            .did
            .iter()
            .filter_map(|did| match did {
                Did::Failed(text) => Some(text.clone()),
                _ => None,
            })
            .collect();
        let of = &subject.build;
        Build {
            name: of.name.clone(),
            builder: of.builder.clone(),
            state: if failed.is_empty() { State::Succeeded } else { State::Failed },
            error: (!failed.is_empty()).then(|| failed.join("\n")),
            source: of.source.clone(),
            images: self.images,
            digest: of.digest.clone(),
            inputs: of.inputs.clone(),
            inventory: of.inventory.clone(),
            size: of.size,
            ..Build::default()
        }
    }
}

/// Publishes images one after the other. Whom nobody vouches for, and names that two of them would have, are known before
/// any name is written.
pub(crate) async fn publish(
    subjects: &[Subject],
    order: &Order,
    services: &Services,
    redactor: &Redactor,
    mut tell: impl FnMut(&Subject, &Did),
) -> Vec<Build> {
    let mut builds = Vec::new();
    let clashes = clashes(subjects);
    let mut unattested = Vec::new();
    for (subject, attested) in subjects.iter().zip(attestation::check(subjects, order).await) {
        attested.iter().flatten().for_each(|did| tell(subject, did));
        let held = match attested {
            Ok(_) if subject.must_say_inputs() => look(subject, order, services, redactor).await,
            attested => attested.map(drop),
        };
        unattested.push(held.err());
    }
    let missing: Vec<&str> = subjects
        .iter()
        .zip(&unattested)
        .filter_map(|(one, why)| why.as_ref().map(|_| one.build.name.as_str()))
        .collect();
    for (subject, reason) in subjects.iter().zip(&unattested) {
        let outcome = match reason.as_ref().or_else(|| clashes.get(&subject.build.name)) {
            Some(reason) => Outcome::failed(reason.clone()),
            None if !missing.is_empty() => Outcome::failed(format!(
                "nothing is published, since nobody vouches for {}: a release is published as a whole",
                missing.join(", ")
            )),
            None if is_machine(&subject.build) => machine(subject, order, services, redactor).await,
            None => container(subject, order, services, redactor).await,
        };
        outcome.did.iter().for_each(|did| tell(subject, did));
        builds.push(outcome.build(subject));
    }
    builds
}

fn is_machine(build: &Build) -> bool {
    build.images.iter().any(|image| image.id.starts_with("ami-") && image.location.is_some())
}

/// Builds that would take each other's names, each with what is wrong.
fn clashes(subjects: &[Subject]) -> std::collections::BTreeMap<String, String> {
    let mut clashes = std::collections::BTreeMap::new();
    for (number, one) in subjects.iter().enumerate() {
        for other in &subjects[number + 1..] {
            let shared: BTreeSet<String> = places(one).intersection(&places(other)).cloned().collect();
            let Some(place) = shared.first() else { continue };
            let text = format!(
                "{} and {} would both be published as {place}: give them repositories or images of their own in \
                 .github/forge.yml",
                one.build.name, other.build.name
            );
            clashes.insert(one.build.name.clone(), text.clone());
            clashes.insert(other.build.name.clone(), text);
        }
    }
    clashes
}

/// Where the names of an image are.
fn places(subject: &Subject) -> BTreeSet<String> {
    if is_machine(&subject.build) {
        return BTreeSet::from([format!("the image {} of AWS", subject.image)]);
    }
    match &subject.settings.repositories {
        Some(repositories) => repositories.iter().cloned().collect(),
        None => subject.build.images.iter().flat_map(repositories).collect(),
    }
}

/// Where a container image was pushed, without tags.
fn repositories(image: &Image) -> Vec<String> {
    let name = |pushed: &String| match pushed.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name.to_owned(),
        _ => pushed.clone(),
    };
    image.digests.keys().map(name).collect()
}

#[cfg(feature = "docker")]
async fn container(subject: &Subject, order: &Order, services: &Services, redactor: &Redactor) -> Outcome {
    container::publish(subject, order, services, redactor).await
}

#[cfg(not(feature = "docker"))]
async fn container(_: &Subject, _: &Order, _: &Services, _: &Redactor) -> Outcome {
    Outcome::failed("this program was built without the feature \"docker\"")
}

#[cfg(feature = "aws")]
async fn machine(subject: &Subject, order: &Order, services: &Services, redactor: &Redactor) -> Outcome {
    ami::publish(subject, order, services, redactor).await
}

#[cfg(not(feature = "aws"))]
async fn machine(_: &Subject, _: &Order, _: &Services, _: &Redactor) -> Outcome {
    Outcome::failed("this program was built without the feature \"aws\"")
}

/// Whether the recorded image is there and is what its record says.
async fn look(subject: &Subject, order: &Order, services: &Services, redactor: &Redactor) -> Result<(), String> {
    match is_machine(&subject.build) {
        #[cfg(feature = "aws")]
        true => ami::look(subject, services, redactor).await,
        #[cfg(feature = "docker")]
        false => container::look(subject, order, services, redactor).await,
        // What cannot be published says so itself.
        #[cfg(not(all(feature = "aws", feature = "docker")))]
        _ => {
            let _ = (order, services, redactor);
            Ok(())
        }
    }
}

/// Key of the label or tag that has the digest of an image's inputs.
const INPUTS: [&str; 2] = ["forge.inputs", "forge:inputs"];

/// Compares what the record says an image was made of with what the image itself says; what is wrong, if something is.
fn compare<'a>(subject: &Subject, what: &str, on_image: impl Fn(&str) -> Option<&'a String>) -> Result<(), String> {
    let found = INPUTS.iter().find_map(|key| on_image(key));
    match (&subject.build.digest, found) {
        (Some(recorded), Some(found)) if recorded != found => Err(format!(
            "{what} is not the image of the record: it says that it was made of {found}, the record {recorded}; build \
             this commit again"
        )),
        (_, None) if subject.must_say_inputs() => Err(format!(
            "{what} does not say what it was made of ({}), so that of commit {} cannot stand for that of this one where \
             an attestation is required; build this commit",
            INPUTS.join(" or "),
            subject.other_commit.as_deref().unwrap_or_default()
        )),
        _ => Ok(()),
    }
}

/// What a name that is not taken is told with.
fn kept(order: &Order, name: Name, existing: &[Version]) -> Option<String> {
    let own = order.version.named(name)?;
    let higher = existing.iter().filter(|other| order.version.competes(name, other) && **other > order.version);
    let highest = higher.reduce(|a, b| if a > b { a } else { b })?;
    Some(format!("{own}: {highest} is higher than {}", order.version))
}
