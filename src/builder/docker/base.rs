//! What a container is made of, for the inputs of its image: told by the launch, or looked up without it, alike.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::config::{Base, Bootstrap, Config};
use crate::builder::BuilderError;
use crate::client::Services;
use crate::client::docker::{DockerError, Ignored, Image, Reference, is_image_id};
use crate::docker::login::sign_in;
use crate::run::BuildContext;
use crate::run::inputs::{EarlierImage, Ignore, Local};

/// What a `build` block sends to the engine.
pub(super) fn locals(bootstrap: &Bootstrap) -> Vec<Local> {
    let ignored = Ignored::read(&bootstrap.dir).ok();
    let ignore = ignored.map(|ignored| Arc::new(move |path: &Path| ignored.matches(path)) as Ignore);
    vec![Local::bytes(&bootstrap.path), Local { ignore, ..Local::copied(&bootstrap.dir) }]
}

/// What a container would be made of now: asks the registry where the launch would pull.
pub(super) async fn now(
    config: &Config,
    services: &Services,
    cx: &BuildContext,
) -> Result<Option<String>, BuilderError> {
    let image = match &config.base {
        Base::Build(bootstrap) => return pinned(bootstrap).map_err(BuilderError::Failed),
        Base::Image(image) => image,
    };
    if let Some(fixed) = fixed(image) {
        return Ok(Some(fixed));
    }
    let name = Reference::parse(image).map_err(|error| BuilderError::Failed(error.to_string()))?;
    if !config.pull {
        match services.docker().await?.inspect_image(image).await {
            Ok(found) => return Ok(Some(identity(&found, &name))),
            Err(DockerError::ImageMissing { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let login = sign_in(config.login.as_ref(), services, cx).await.map_err(BuilderError::Failed)?;
    let asked = services.images.digest(&name, login.as_ref(), cx.events.redactor());
    let digest = cx.cancel.unless_stopped(asked).await?.map_err(BuilderError::Failed)?;
    let missing = || BuilderError::Failed(format!("the source image {image} is not in its registry"));
    digest.map(Some).ok_or_else(missing)
}

/// What a container was made of, whose image the engine knows as `found`; `pulled` is the digest it was pulled by.
pub(super) fn of_container(config: &Config, found: &Image, pulled: Option<String>) -> Result<Option<String>, String> {
    match &config.base {
        Base::Build(bootstrap) => pinned(bootstrap),
        Base::Image(image) => {
            let named =
                || Reference::parse(image).map(|name| identity(found, &name)).map_err(|error| error.to_string());
            fixed(image).or(pulled).map_or_else(named, Ok).map(Some)
        }
    }
}

/// Whether an image of an earlier run is still there: pushed ones in their registries, others in the engine.
pub(super) async fn still_has(
    config: &Config,
    image: &EarlierImage,
    services: &Services,
    cx: &BuildContext,
) -> Result<bool, BuilderError> {
    if image.digests.is_empty() {
        return match services.docker().await?.inspect_image(&image.id).await {
            Ok(_) => Ok(true),
            Err(DockerError::ImageMissing { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        };
    }
    let login = sign_in(config.login.as_ref(), services, cx).await.map_err(BuilderError::Failed)?;
    for (name, digest) in &image.digests {
        let name = Reference::parse(name).map_err(|error| BuilderError::Failed(error.to_string()))?;
        let name = Reference { tag: None, digest: Some(digest.clone()), ..name };
        let asked = services.images.digest(&name, login.as_ref(), cx.events.redactor());
        if cx.cancel.unless_stopped(asked).await?.map_err(BuilderError::Failed)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A name that means one image for ever.
fn fixed(image: &str) -> Option<String> {
    if is_image_id(image) {
        return Some(image.to_owned());
    }
    Reference::parse(image).ok()?.digest
}

/// The digest by which the image's own registry knows it, else its id.
fn identity(found: &Image, name: &Reference) -> String {
    let own = found.digests.iter().filter_map(|known| known.split_once('@'));
    let digest = own.clone().find(|(of, _)| *of == name.repository).or(own.clone().next());
    digest.map_or_else(|| found.id.clone(), |(_, digest)| digest.to_owned())
}

/// Nothing where the Dockerfile and its folder are all that decides the base image; an error where it names images that
/// may be others tomorrow.
fn pinned(bootstrap: &Bootstrap) -> Result<Option<String>, String> {
    let shown = bootstrap.path.display();
    let text = std::fs::read_to_string(&bootstrap.path).map_err(|error| format!("{shown}: {error}"))?;
    match unpinned(&text, &bootstrap.arguments).first() {
        None => Ok(None),
        Some(image) => {
            Err(format!("the Dockerfile is made of {image}, which is not named by its digest (@sha256:...)"))
        }
    }
}

/// Images of a Dockerfile that are named without their digest.
fn unpinned(dockerfile: &str, arguments: &BTreeMap<String, String>) -> Vec<String> {
    let (mut known, mut stages, mut found) = (arguments.clone(), Vec::<String>::new(), Vec::new());
    let joined = dockerfile.replace("\\\n", " ");
    for line in joined.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let instruction = words.next().unwrap_or_default().to_ascii_uppercase();
        let mut names = Vec::new();
        match instruction.as_str() {
            "ARG" if stages.is_empty() => {
                for (name, value) in words.filter_map(|word| word.split_once('=')) {
                    known.entry(name.to_owned()).or_insert_with(|| value.trim_matches(['"', '\'']).to_owned());
                }
            }
            "FROM" => {
                let rest: Vec<&str> = words.skip_while(|word| word.starts_with("--")).collect();
                names.extend(rest.first().map(|image| substituted(image, &known)));
                let stage = rest.get(2).filter(|_| rest.get(1).is_some_and(|word| word.eq_ignore_ascii_case("as")));
                found.extend(names.drain(..).filter(|name| is_open(name, &stages)));
                stages.push(stage.map(|stage| stage.to_lowercase()).unwrap_or_default());
            }
            _ => names.extend(line.split([' ', ',']).filter_map(|word| {
                let from = word.strip_prefix("--from=").or_else(|| word.strip_prefix("from="))?;
                Some(substituted(from, &known))
            })),
        }
        found.extend(names.into_iter().filter(|name| is_open(name, &stages)));
    }
    found
}

fn is_open(name: &str, stages: &[String]) -> bool {
    let is_stage = stages.contains(&name.to_lowercase()) || name.parse::<usize>().is_ok_and(|at| at < stages.len());
    !(name == "scratch" || name.contains("@sha256:") || is_stage)
}

fn substituted(text: &str, known: &BTreeMap<String, String>) -> String {
    // Longer names first, as the short form has no end.
    let mut names: Vec<_> = known.iter().collect();
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names.into_iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_without_a_digest_are_found() {
        let unpinned = |text: &str| unpinned(text, &[("BASE".to_owned(), "alpine".to_owned())].into());
        let digest = format!("x@sha256:{}", "a".repeat(64));
        assert_eq!(unpinned("# FROM a\nFROM debian:12 AS b\nFROM B\nCOPY --from=b / /\n"), ["debian:12"]);
        assert_eq!(unpinned("ARG BASE=z\nARG V=1\nFROM ${BASE}:$V\nCOPY --from=0 / /"), ["alpine:1"]);
        assert_eq!(unpinned(&format!("FROM --platform=linux/arm64 {digest}\nFROM scratch\n")), [""; 0]);
        assert_eq!(unpinned(&format!("FROM {digest}\nCOPY --from=nginx:1 /a /b")), ["nginx:1"]);
        assert_eq!(unpinned(&format!("FROM {digest}\nRUN --mount=type=bind,from=busybox,target=/x ls")), ["busybox"]);
        assert_eq!(unpinned("FROM \\\n  debian\n"), ["debian"]);
    }
}
