//! Post-processor `docker-push`: sends the image to its registries, under each of its names once.

use std::sync::Arc;

use async_trait::async_trait;

use super::super::{PostProcessError, PostProcessor, Processed};
use super::{image_artifact, require_image};
use crate::client::Services;
use crate::client::docker::{Reference, is_image_id};
use crate::docker::login::{self, LoginOptions};
use crate::docker::{IMPORT_ID, docker_path};
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;

struct Push {
    login: Option<LoginOptions>,
    platform: String,
    services: Arc<Services>,
}

pub(in crate::post_processor) fn decode(
    fields: &mut Fields<'_>,
    services: &Arc<Services>,
) -> Option<Box<dyn PostProcessor>> {
    let before = fields.error_count();
    let login = login::decode(fields);
    let platform = fields.text("platform").unwrap_or_default();
    docker_path(fields);
    let push = Push { login, platform, services: Arc::clone(services) };
    (fields.error_count() == before).then(|| Box::new(push) as _)
}

#[async_trait]
impl PostProcessor for Push {
    fn added_facts(&self) -> &'static [&'static str] {
        &["Digest"]
    }

    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError> {
        require_image(input, "docker-push")?;
        if is_image_id(&input.id) {
            let text =
                format!("the image {} has no name to be pushed under; put docker-tag before docker-push", input.id);
            return Err(PostProcessError::Failed(text));
        }
        let login = login::sign_in(self.login.as_ref(), &self.services, cx).await.map_err(PostProcessError::Failed)?;
        let docker = self.services.docker().await?;
        let (mut names, mut registry): (Vec<String>, Option<String>) = (Vec::new(), None);
        for name in std::iter::once(&input.id).chain(&input.tags) {
            let name = Reference::parse(name).map_err(|error| PostProcessError::Failed(error.to_string()))?;
            registry.get_or_insert_with(|| name.registry.clone());
            if !names.contains(&name.tagged()) {
                names.push(name.tagged());
            }
        }
        let mut artifact = image_artifact(IMPORT_ID, &input.id, input.tags.clone(), input);
        artifact.location = registry;
        for name in names {
            cx.say(format!("Pushing: {name}"));
            let digest = docker.push(&name, &self.platform, login.as_ref(), cx).await?;
            if let Some(digest) = digest {
                cx.detail(format!("Digest: {digest}"));
                artifact.facts.entry("Digest".to_owned()).or_insert_with(|| digest.clone());
                artifact.digests.insert(name, digest);
            }
        }
        Ok(Processed { artifact: Some(artifact), keep_input: true, force_keep: false })
    }
}
