//! Post-processor `docker-tag`: gives the image names.

use std::sync::Arc;

use async_trait::async_trait;

use super::super::{Effect, InPreview, PostProcessError, PostProcessor, Processed};
use super::{TAG_ID, image_artifact, in_preview, repositories, require_image};
use crate::client::Services;
use crate::client::docker::Reference;
use crate::diagnostic::Diagnostic;
use crate::docker::docker_path;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cancel::Cancelled;
use crate::run::cleanup::Resource;
use crate::run::preview::Preview;

struct Tag {
    /// `repository[:tag]`, in order; the last one becomes the artifact's id.
    names: Vec<String>,
    services: Arc<Services>,
}

pub(in crate::post_processor) fn decode(
    fields: &mut Fields<'_>,
    services: &Arc<Services>,
) -> Option<Box<dyn PostProcessor>> {
    let before = fields.error_count();
    let repository = fields.required_text("repository").unwrap_or_default();
    let mut tags = fields.texts("tags").unwrap_or_default();
    if let Some(old) = fields.texts("tag") {
        tags.extend(old);
        let warning = Diagnostic::warning("option \"tag\" is deprecated").at_some(fields.span_of("tag"));
        fields.push(warning.help("write tags = [...]"));
    }
    // An existing name always moves to the new image; the option dates from engines that asked.
    fields.flag("force");
    docker_path(fields);
    let names: Vec<String> = match tags.is_empty() {
        true => vec![repository],
        false => tags.iter().map(|tag| format!("{repository}:{tag}")).collect(),
    };
    let known = ["repository", "tags", "tag"].iter().all(|option| !fields.is_unknown(option));
    if known && fields.is_set("repository") {
        for name in &names {
            if let Err(error) = Reference::parse(name) {
                fields.error_at("repository", "this is not the name of an image", error.to_string());
            }
        }
    }
    (fields.error_count() == before).then(|| Box::new(Tag { names, services: Arc::clone(services) }) as _)
}

#[async_trait]
impl PostProcessor for Tag {
    fn effect(&self) -> Effect {
        Effect::Names(self.names.clone())
    }

    fn in_preview(&self, _: &Preview) -> InPreview {
        InPreview::Runs
    }

    fn repositories(&self) -> Vec<String> {
        repositories(&self.names)
    }

    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError> {
        require_image(input, "docker-tag")?;
        let docker = self.services.docker().await?;
        let names = in_preview(&self.names, cx)?;
        for name in &names {
            if cx.cancel.is_stopped() {
                return Err(Cancelled.into());
            }
            cx.say(format!("Tagging image: {}", input.id));
            cx.detail(format!("Repository: {name}"));
            docker.tag(&input.id, name).await?;
        }
        let id = names.last().map_or(input.id.as_str(), String::as_str);
        let mut artifact = image_artifact(TAG_ID, id, names.clone(), input);
        let resource = |name: &String| Resource::DockerImage { host: docker.host().to_owned(), image: name.clone() };
        artifact.resources = names.iter().map(resource).collect();
        // Without its id the image would be gone from the result: the name may move to another image any time.
        Ok(Processed { artifact: Some(artifact), keep_input: true, force_keep: true })
    }
}
