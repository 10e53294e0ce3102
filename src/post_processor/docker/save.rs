//! Post-processor `docker-save`: writes the image to a tar file that `docker load` takes.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::super::{InPreview, PostProcessError, PostProcessor, Processed};
use super::require_image;
use crate::client::Services;
use crate::docker::docker_path;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::preview::Preview;

struct Save {
    path: PathBuf,
    services: Arc<Services>,
}

pub(in crate::post_processor) fn decode(
    fields: &mut Fields<'_>,
    services: &Arc<Services>,
) -> Option<Box<dyn PostProcessor>> {
    let before = fields.error_count();
    let path = PathBuf::from(fields.required_text("path").unwrap_or_default());
    docker_path(fields);
    (fields.error_count() == before).then(|| Box::new(Save { path, services: Arc::clone(services) }) as _)
}

#[async_trait]
impl PostProcessor for Save {
    fn in_preview(&self, _: &Preview) -> InPreview {
        InPreview::Runs
    }

    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError> {
        require_image(input, "docker-save")?;
        let docker = self.services.docker().await?;
        cx.say(format!("Saving image: {}", input.id));
        docker.save(&input.id, &cx.run.cwd.join(&self.path), cx).await?;
        cx.detail(format!("Saved to: {}", self.path.display()));
        Ok(Processed::passing(input))
    }
}
