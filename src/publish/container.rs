//! Container images: the recorded manifest gets further names, in its own repository or in others.

use std::collections::{BTreeMap, BTreeSet};

use super::{Did, Order, Outcome, Subject, Version, compare, kept};
use crate::client::Services;
use crate::client::docker::Reference;
use crate::client::registry::{Manifest, Moved, Registries, RegistryError, Repository};
use crate::config::Name;
use crate::report::record::Image;
use crate::run::preview;
use crate::secret::Redactor;

/// An image in its registry.
struct Source {
    repository: Repository,
    manifest: Manifest,
}

pub(super) async fn publish(subject: &Subject, order: &Order, services: &Services, redactor: &Redactor) -> Outcome {
    let registries = match Registries::new(redactor) {
        Ok(registries) => registries,
        Err(error) => return Outcome::failed(error),
    };
    let promotion = Promotion { subject, order, registries: &registries, services, redactor };
    let places = super::places(subject);
    if places.is_empty() {
        return Outcome::failed(format!("{}: {NOWHERE}", subject.build.name));
    }
    let mut outcome = Outcome::default();
    let mut known = BTreeMap::new();
    for target in &places {
        outcome.add(match Repository::parse(target) {
            Ok(target) => match promotion.source(&target, &mut known).await {
                Ok(source) => promotion.to(source, &target).await,
                Err(error) => Outcome::failed(format!("{}: {error}", subject.build.name)),
            },
            Err(error) => Outcome::failed(error.to_string()),
        });
    }
    outcome
}

/// Whether what each place gets is there and is what the record says.
pub(super) async fn look(
    subject: &Subject,
    order: &Order,
    services: &Services,
    redactor: &Redactor,
) -> Result<(), String> {
    let registries = Registries::new(redactor)?;
    let promotion = Promotion { subject, order, registries: &registries, services, redactor };
    let mut known = BTreeMap::new();
    for place in super::places(subject) {
        let target = Repository::parse(&place).map_err(|error| error.to_string())?;
        promotion.source(&target, &mut known).await.map_err(|error| format!("{}: {error}", subject.build.name))?;
    }
    Ok(())
}

const NOWHERE: &str =
    "it was not pushed to a registry, so there is nothing to publish; add the post-processor docker-push";

struct Promotion<'a> {
    subject: &'a Subject,
    order: &'a Order,
    registries: &'a Registries,
    services: &'a Services,
    redactor: &'a Redactor,
}

impl Promotion<'_> {
    /// The recorded image that a repository gets, if it is still there and is what the record says: its own, else the only
    /// one of the build. Those that were found are `known` by repository and digest.
    async fn source<'k>(
        &self,
        target: &Repository,
        known: &'k mut BTreeMap<String, Source>,
    ) -> Result<&'k Source, String> {
        let names: Vec<&String> = self.subject.build.images.iter().flat_map(|image| image.digests.keys()).collect();
        let of_preview = |name: &&String| name.rsplit_once(':').is_some_and(|(_, tag)| preview::of_tag(tag).is_some());
        if !names.is_empty() && names.iter().all(of_preview) {
            return Err(format!("{} is a preview, which is removed when its pull request is closed", names[0]));
        }
        let mut pushed = Vec::new();
        for (name, digest) in self.subject.build.images.iter().flat_map(|image| &image.digests) {
            let reference = Reference::parse(name).map_err(|error| error.to_string())?;
            pushed.push((Repository::of(&reference), digest));
        }
        if pushed.is_empty() {
            return Err(NOWHERE.to_owned());
        }
        if pushed.iter().any(|(repository, _)| repository == target) {
            pushed.retain(|(repository, _)| repository == target);
        }
        let digests: BTreeSet<&String> = pushed.iter().map(|(_, digest)| *digest).collect();
        if digests.len() > 1 {
            let digests: Vec<&str> = digests.into_iter().map(String::as_str).collect();
            return Err(format!(
                "it has pushed several images, and nobody can say which one {target} is to get: {}",
                digests.join(", ")
            ));
        }
        let mut gone = Vec::new();
        for (repository, digest) in pushed {
            let place = format!("{repository}@{digest}");
            if known.contains_key(&place) {
                return Ok(&known[&place]);
            }
            self.sign_in(&repository).await?;
            let found = self.registries.manifest(&repository, digest).await;
            match found.map_err(|error| error.to_string())? {
                None => gone.push(place),
                Some(manifest) => {
                    let labels = self.registries.labels(&repository, &manifest).await;
                    let labels = labels.map_err(|error| error.to_string())?;
                    compare(self.subject, &place, |key| labels.get(key))?;
                    return Ok(known.entry(place).or_insert(Source { repository, manifest }));
                }
            }
        }
        Err(format!("the recorded image is gone: {} is not in its registry; build this commit again", gone.join(", ")))
    }

    /// Registries of AWS take what the run has of AWS, where the docker command has no login for them.
    async fn sign_in(&self, repository: &Repository) -> Result<(), String> {
        #[cfg(feature = "aws")]
        {
            let known = self.registries.has_login(&repository.registry).await.map_err(|error| error.to_string())?;
            if !known {
                let login = crate::docker::login::of_aws(&repository.registry, self.services, self.redactor).await?;
                login.into_iter().for_each(|login| self.registries.add_login(login));
            }
        }
        #[cfg(not(feature = "aws"))]
        let _ = (repository, self.services, self.redactor);
        Ok(())
    }

    async fn to(&self, source: &Source, target: &Repository) -> Outcome {
        let mut outcome = Outcome::default();
        if let Err(error) = self.sign_in(target).await {
            return Outcome::failed(format!("{target}: {error}"));
        }
        let mut names = match self.bring(source, target, &mut outcome).await {
            Ok(existing) => {
                for name in self.subject.settings.names() {
                    outcome
                        .did
                        .extend(kept(self.order, name, &existing).map(|text| Did::Left(format!("{target}:{text}"))));
                }
                self.order.version.takes(&self.subject.settings.names(), &existing)
            }
            Err(error) => {
                outcome.did.push(Did::Failed(format!("{target}: {error}")));
                return outcome;
            }
        };
        // Whoever publishes at the same time sees by this name that there is a version more.
        names.sort_by_key(|(name, _)| *name);
        let mut given = Vec::new();
        for (name, text) in &names {
            match self.name(source, target, *name, text).await {
                Ok((did, given_now)) => {
                    given.extend(given_now.then(|| (*name, text.clone())));
                    let refused = *name == Name::Version && !given_now;
                    outcome.did.push(did);
                    if refused {
                        return outcome;
                    }
                }
                Err(error) => {
                    outcome.did.push(Did::Failed(format!("{target}:{text}: {error}")));
                    // No name moves to a version that others cannot see.
                    if *name == Name::Version {
                        return outcome;
                    }
                }
            }
        }
        if !self.order.dry {
            match self.settle(source, target, &given).await {
                Ok(settled) => {
                    for (name, did) in settled {
                        given.retain(|(known, _)| *known != name);
                        outcome.did.push(did);
                    }
                }
                Err(error) => outcome.did.push(Did::Failed(format!("{target}: {error}"))),
            }
        }
        let digest = &source.manifest.digest;
        let tags: Vec<String> = given.iter().map(|(_, text)| format!("{target}:{text}")).collect();
        if !tags.is_empty() {
            outcome.images.push(Image {
                build: self.subject.build.name.clone(),
                builder: self.subject.build.builder.clone(),
                id: digest.clone(),
                location: Some(target.registry.clone()),
                digests: tags.iter().map(|tag| (tag.clone(), digest.clone())).collect(),
                tags,
                digest: Some(digest.clone()),
            });
        }
        outcome
    }

    /// The image itself, and which versions there are besides.
    async fn bring(
        &self,
        source: &Source,
        target: &Repository,
        outcome: &mut Outcome,
    ) -> Result<Vec<Version>, RegistryError> {
        let mut existing = super::versions(self.registries.tags(target).await?.iter().map(String::as_str));
        existing.extend(self.order.others.iter().cloned());
        if source.repository == *target {
            return Ok(existing);
        }
        let (from, digest) = (&source.repository, &source.manifest.digest);
        if self.registries.digest(target, digest).await?.is_some() {
            outcome.did.push(Did::Already(format!("{target}@{digest}")));
        } else if self.order.dry {
            outcome.did.push(Did::Done(format!("{target}@{digest}, a copy of {from}")));
        } else {
            let Moved { mounted, carried, bytes } =
                self.registries.copy(&source.repository, &source.manifest, target).await?;
            let how = match (carried, mounted) {
                (0, _) => "without moving a layer".to_owned(),
                (carried, _) => format!("{carried} layers, {:.1} MB", bytes as f64 / 1e6),
            };
            outcome.did.push(Did::Done(format!("{target}@{digest}, a copy of {from} ({how})")));
        }
        Ok(existing)
    }

    /// Gives the image one name. Whether it has it then.
    async fn name(
        &self,
        source: &Source,
        target: &Repository,
        name: Name,
        text: &str,
    ) -> Result<(Did, bool), RegistryError> {
        let digest = &source.manifest.digest;
        let shown = format!("{target}:{text}");
        match self.registries.digest(target, text).await? {
            Some(found) if found == *digest => return Ok((Did::Already(shown), true)),
            Some(other) if name == Name::Version && !self.order.force => {
                let text = format!(
                    "{shown} is another image, {other}: a version is published once. Use a new version, or --force"
                );
                return Ok((Did::Failed(text), false));
            }
            _ => {}
        }
        if !self.order.dry {
            self.registries.put_manifest(target, text, &source.manifest).await?;
        }
        Ok((Did::Done(format!("{shown} ({digest})")), true))
    }

    /// Looks again whether there is a higher version, and gives it what is its own: of two runs at once one wrote a moving
    /// name last, and a run that ended before it looked again has left a name that is not its own. Yields the names with
    /// what became of them; `taken` are those that the image was given.
    async fn settle(
        &self,
        source: &Source,
        target: &Repository,
        taken: &[(Name, String)],
    ) -> Result<Vec<(Name, Did)>, RegistryError> {
        let (version, digest) = (&self.order.version, &source.manifest.digest);
        let mut moving = version.names(&self.subject.settings.names());
        moving.retain(|(name, _)| *name != Name::Version);
        if moving.is_empty() {
            return Ok(Vec::new());
        }
        let tags: BTreeSet<String> = self.registries.tags(target).await?;
        let existing: Vec<(&String, Version)> =
            tags.iter().filter_map(|tag| Some((tag, Version::parse(tag).ok()?))).collect();
        let mut settled = Vec::new();
        for (name, text) in moving {
            let higher = existing.iter().filter(|(_, other)| version.competes(name, other) && other > version);
            let Some((tag, winner)) = higher.reduce(|a, b| if a.1 > b.1 { a } else { b }) else { continue };
            let taken = taken.iter().any(|(known, _)| *known == name);
            if !taken && self.registries.digest(target, &text).await?.as_ref() != Some(digest) {
                continue;
            }
            let Some(manifest) = self.registries.manifest(target, tag).await? else { continue };
            // One image may be two versions.
            if manifest.digest == *digest {
                continue;
            }
            self.registries.put_manifest(target, &text, &manifest).await?;
            settled.push((
                name,
                match taken {
                    true => Did::Left(format!("{target}:{text}: it is of {winner}, published meanwhile")),
                    false => Did::Done(format!("{target}:{text} ({}), given back to {winner}", manifest.digest)),
                },
            ));
        }
        Ok(settled)
    }
}
