//! Post-processor `docker-push`: sends the image to its registries, under each of its names once.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;

use super::super::{Effect, InPreview, PostProcessError, PostProcessor, Processed, Pushed};
use super::{image_artifact, require_image};
use crate::client::Services;
use crate::client::docker::{Reference, is_image_id};
use crate::docker::login::{self, LoginOptions};
use crate::docker::{IMPORT_ID, INPUTS_LABEL, docker_path};
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::inputs::EarlierImage;
use crate::run::preview::{PULL_REQUEST_LABEL, Preview};

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
    fn effect(&self) -> Effect {
        Effect::Pushes
    }

    fn added_facts(&self) -> &'static [&'static str] {
        &["Digest"]
    }

    fn in_preview(&self, preview: &Preview) -> InPreview {
        if preview.push { InPreview::Runs } else { InPreview::HeldBack }
    }

    async fn find_pushed(&self, names: &[String], digest: &str, cx: &BuildContext) -> Result<Pushed, PostProcessError> {
        let login = login::sign_in(self.login.as_ref(), &self.services, cx).await.map_err(PostProcessError::Failed)?;
        let parsed = names.iter().map(|name| Reference::parse(name)).collect::<Result<Vec<_>, _>>();
        let parsed = parsed.map_err(|error| PostProcessError::Failed(error.to_string()))?;
        let looks = parsed.iter().map(|name| self.services.images.image(name, login.as_ref(), cx.events.redactor()));
        let looked = cx.cancel.unless_stopped(join_all(looks)).await?;
        let mut artifact = Artifact::new(IMPORT_ID, names.last().cloned().unwrap_or_default(), "");
        for (name, found) in parsed.iter().zip(looked) {
            let name = name.tagged();
            let Some(found) = found.map_err(PostProcessError::Failed)? else {
                return Ok(Pushed::Nowhere(format!("{name} is not in its registry")));
            };
            match found.labels.get(INPUTS_LABEL).map(String::as_str) {
                Some(made_of) if made_of == digest => drop(artifact.digests.insert(name, found.digest)),
                None | Some("") => return Ok(Pushed::Nowhere(format!("{name} does not say what it was made of"))),
                Some(_) => return Ok(Pushed::Nowhere(format!("{name} was made of other inputs"))),
            }
        }
        artifact.is_image = true;
        artifact.location = parsed.first().map(|name| name.registry.clone());
        artifact.tags = names.to_vec();
        artifact.description = format!("Unchanged Docker image: {}", names.join(" "));
        artifact.facts.extend(artifact.digests.values().next().map(|digest| ("Digest".to_owned(), digest.clone())));
        Ok(Pushed::Image(Box::new(artifact)))
    }

    async fn name_anew(
        &self,
        image: &EarlierImage,
        cx: &BuildContext,
    ) -> Result<Option<EarlierImage>, PostProcessError> {
        let Some(preview) = cx.run.preview.as_ref().filter(|preview| preview.push) else { return Ok(None) };
        let login = login::sign_in(self.login.as_ref(), &self.services, cx).await.map_err(PostProcessError::Failed)?;
        let mut anew = EarlierImage { location: image.location.clone(), ..EarlierImage::default() };
        for (name, digest) in &image.digests {
            let name = Reference::parse(name).map_err(|error| PostProcessError::Failed(error.to_string()))?;
            let whole = Reference { tag: None, digest: Some(digest.clone()), ..name.clone() };
            let (images, redactor) = (&self.services.images, cx.events.redactor());
            let found = images.image(&whole, login.as_ref(), redactor).await.map_err(PostProcessError::Failed)?;
            // One that does not say whose preview it is could never be removed.
            if found.is_none_or(|found| found.labels.get(PULL_REQUEST_LABEL) != Some(&preview.of())) {
                return Ok(None);
            }
            let tag = preview.tag_in(&name.repository, &cx.source_name);
            let named = images.tag(&name, (digest, &tag), login.as_ref(), redactor);
            if !named.await.map_err(PostProcessError::Failed)? {
                return Ok(None);
            }
            let name = Reference { tag: Some(tag), digest: None, ..name }.tagged();
            anew.id.clone_from(&name);
            anew.tags.push(name.clone());
            anew.digests.insert(name, digest.clone());
        }
        Ok(Some(anew).filter(|anew| !anew.digests.is_empty()))
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
            // Whatever made the image, nothing else goes out.
            if let Some(preview) = &cx.run.preview
                && name.tag.as_deref() != Some(&preview.tag_in(&name.repository, &cx.source_name))
            {
                let text = format!("{} is no name of a preview and is not pushed in one", name.tagged());
                return Err(PostProcessError::Failed(text));
            }
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
