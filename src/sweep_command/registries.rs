//! Previews in registries of container images: of the tags of their form, those whose image says itself whose preview it
//! is.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::{Places, Which};
use crate::client::registry::{Registries, RegistryError, Repository, Untagged};
use crate::engine::sweep::Swept;
use crate::run::preview::{PULL_REQUEST_LABEL, of_tag};
use crate::secret::Redactor;

/// Names that are told of those that are left alone.
const NAMED: usize = 3;

/// Removes them, and tells each.
pub(super) async fn sweep(which: &Which, places: &Places, redactor: &Redactor) -> Vec<Swept> {
    if places.registries.is_empty() {
        return Vec::new();
    }
    let registries = match Registries::new(redactor) {
        Ok(registries) => registries,
        Err(error) => return vec![Swept::Failed(error)],
    };
    let mut swept = Vec::new();
    for name in &places.registries {
        let found = match Repository::parse(name) {
            Ok(repository) => in_one(which, places, (&registries, &repository), redactor).await,
            Err(error) => Err(error.to_string()),
        };
        swept.extend(found.unwrap_or_else(|error| vec![Swept::Failed(format!("previews in {name}: {error}"))]));
    }
    swept
}

async fn in_one(
    which: &Which,
    places: &Places,
    (registries, repository): (&Registries, &Repository),
    redactor: &Redactor,
) -> Result<Vec<Swept>, String> {
    let Found { going, silent } = find(which, registries, repository).await.map_err(|error| error.to_string())?;
    let mut swept: Vec<Swept> = left(repository, &silent).into_iter().collect();
    if going.is_empty() {
        return Ok(swept);
    }
    match places.github.as_ref().filter(|github| github.has(&repository.registry)) {
        Some(github) => {
            let names = (repository.to_string(), repository.name.as_str());
            swept.extend(github.remove((&names.0, names.1), &going, redactor).await?);
        }
        None => swept.extend(remove(registries, repository, &going).await),
    }
    Ok(swept)
}

/// Tags of the form that previews have.
struct Found {
    going: BTreeSet<String>,
    /// Their images say nothing: people name theirs alike.
    silent: Vec<String>,
}

async fn find(which: &Which, registries: &Registries, repository: &Repository) -> Result<Found, RegistryError> {
    let mut found = Found { going: BTreeSet::new(), silent: Vec::new() };
    for tag in registries.tags(repository).await? {
        let Some(number) = of_tag(&tag).filter(|number| which.may_be_of(*number)) else { continue };
        let Some(manifest) = registries.manifest(repository, &tag).await? else { continue };
        let said = registries.said(repository, &manifest).await?;
        let Some(of) = said.labels.get(PULL_REQUEST_LABEL).filter(|of| !of.is_empty()) else {
            found.silent.push(tag);
            continue;
        };
        let made = said.created.and_then(|at| chrono::DateTime::parse_from_rfc3339(&at).ok());
        let made: Option<SystemTime> = made.map(|at| at.with_timezone(&chrono::Utc).into());
        if which.takes(of, number, made) {
            found.going.insert(tag);
        }
    }
    Ok(found)
}

fn left(repository: &Repository, silent: &[String]) -> Option<Swept> {
    let named = silent.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = match silent.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!silent.is_empty())
        .then(|| Swept::Left(format!("{named}{more} in {repository}: the image does not say whose preview it is")))
}

async fn remove(registries: &Registries, repository: &Repository, going: &BTreeSet<String>) -> Vec<Swept> {
    let (mut swept, mut gone) = (Vec::new(), false);
    for tag in going {
        let shown = format!("image {repository}:{tag}");
        swept.push(match registries.delete(repository, tag, going).await {
            Ok(Untagged::Removed) => {
                gone = true;
                Swept::Removed(shown)
            }
            // With another preview's tag of the same image.
            Ok(Untagged::Absent) if gone => Swept::Removed(shown),
            Ok(Untagged::Absent) => Swept::Absent(shown),
            Ok(Untagged::Shared(other)) => Swept::Failed(format!(
                "could not remove {shown}: {other} is the same image, and this registry removes whole images only"
            )),
            Err(error) => Swept::Failed(format!("could not remove {shown}: {error}{}", advice(&repository.registry))),
        });
    }
    swept
}

/// What to do where a registry deletes in a way of its own, and nobody may ask it.
fn advice(registry: &str) -> &'static str {
    match registry {
        "ghcr.io" => {
            "; GitHub's registry deletes by GitHub's own interface only: set GITHUB_TOKEN, see \"GitHub's registry\" in \
             docs/preview.md"
        }
        _ => "",
    }
}
