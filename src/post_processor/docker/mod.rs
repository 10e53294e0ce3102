//! Post-processors of images: names, pushes, archives, imports.

pub(super) mod import;
pub(super) mod push;
pub(super) mod save;
pub(super) mod tag;

use super::PostProcessError;
use crate::client::docker::{DockerError, Reference};
use crate::docker::IMPORT_ID;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;

const TAG_ID: &str = "packer.post-processor.docker-tag";

impl From<DockerError> for PostProcessError {
    fn from(error: DockerError) -> Self {
        match error {
            DockerError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            DockerError::Journal(error) => Self::Journal(error),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// An error unless the artifact is an image in the engine.
fn require_image(input: &Artifact, component: &str) -> Result<(), PostProcessError> {
    if [IMPORT_ID, TAG_ID].contains(&input.builder_id.as_str()) {
        return Ok(());
    }
    let hint = match input.builder_id.as_str() {
        crate::docker::BUILDER_ID => "; set \"commit\" in the source, or put docker-import before",
        _ => "; it must come from a docker source with \"commit\", from docker-import or from docker-tag",
    };
    Err(PostProcessError::Failed(format!("{component} needs an image, and {:?} made none{hint}", input.builder_id)))
}

/// Those of the names that are some: what is not known yet is none.
fn repositories(names: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in names.iter().filter_map(|name| Reference::parse(name).ok()) {
        if !found.contains(&name.repository) {
            found.push(name.repository);
        }
    }
    found
}

/// The names that an image gets: in a preview one of the preview's in each of the repositories.
fn in_preview(names: &[String], cx: &BuildContext) -> Result<Vec<String>, PostProcessError> {
    let Some(preview) = &cx.run.preview else { return Ok(names.to_vec()) };
    let mut own: Vec<String> = Vec::new();
    for name in names {
        let repository =
            Reference::parse(name).map_err(|error| PostProcessError::Failed(error.to_string()))?.repository;
        let name = format!("{repository}:{}", preview.tag_in(&repository, &cx.source_name));
        if !own.contains(&name) {
            own.push(name);
        }
    }
    let left: Vec<String> = names.iter().filter(|name| !own.contains(name)).cloned().collect();
    cx.hold_back(left);
    Ok(own)
}

/// An image in the engine under a name, with all its names for the steps to come.
fn image_artifact(builder_id: &str, name: &str, tags: Vec<String>, input: &Artifact) -> Artifact {
    let mut description = format!("Imported Docker image: {name}");
    if !tags.is_empty() {
        description = format!("{description} with tags {}", tags.join(" "));
    }
    let mut artifact = Artifact::new(builder_id, name, description);
    artifact.is_image = true;
    artifact.location.clone_from(&input.location);
    artifact.tags = tags;
    artifact.facts.clone_from(&input.facts);
    artifact.digests.clone_from(&input.digests);
    artifact
}
