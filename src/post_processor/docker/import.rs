//! Post-processor `docker-import`: makes an image of the tar of a root file system.

use std::sync::Arc;

use async_trait::async_trait;

use super::super::{Effect, InPreview, PostProcessError, PostProcessor, Processed, artifice};
use super::{TAG_ID, image_artifact, in_preview, repositories};
use crate::client::Services;
use crate::client::docker::{ImportOptions, Reference};
use crate::docker::{BUILDER_ID, IMPORT_ID, decode_changes, docker_path};
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cleanup::Resource;
use crate::run::preview::{PULL_REQUEST_LABEL, Preview};

struct Import {
    /// `repository[:tag]`
    name: String,
    changes: Vec<String>,
    platform: String,
    services: Arc<Services>,
}

pub(in crate::post_processor) fn decode(
    fields: &mut Fields<'_>,
    services: &Arc<Services>,
) -> Option<Box<dyn PostProcessor>> {
    let before = fields.error_count();
    let repository = fields.required_text("repository").unwrap_or_default();
    let name = match fields.text("tag").filter(|tag| !tag.is_empty()) {
        Some(tag) => format!("{repository}:{tag}"),
        None => repository,
    };
    let known = !fields.is_unknown("repository") && !fields.is_unknown("tag");
    if known
        && fields.is_set("repository")
        && let Err(error) = Reference::parse(&name)
    {
        fields.error_at("repository", "this is not the name of an image", error.to_string());
    }
    let changes = decode_changes(fields);
    let platform = fields.text("platform").unwrap_or_default();
    docker_path(fields);
    let import = Import { name, changes, platform, services: Arc::clone(services) };
    (fields.error_count() == before).then(|| Box::new(import) as _)
}

#[async_trait]
impl PostProcessor for Import {
    fn effect(&self) -> Effect {
        Effect::Remakes
    }

    fn in_preview(&self, _: &Preview) -> InPreview {
        InPreview::Runs
    }

    fn repositories(&self) -> Vec<String> {
        repositories(std::slice::from_ref(&self.name))
    }

    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError> {
        let fail = |text: String| Err(PostProcessError::Failed(text));
        match input.builder_id.as_str() {
            BUILDER_ID | artifice::ID => {}
            IMPORT_ID | TAG_ID => {
                return fail(
                    "the input is an image already; name it with docker-tag, or export it from the source with \
                             \"export_path\" in place of \"commit\""
                        .to_owned(),
                );
            }
            other => {
                return fail(format!("docker-import takes exported files of docker or artifice, not of {other:?}"));
            }
        }
        let Some(file) = input.files.first() else {
            return fail("the input has no file to import; set \"export_path\" in the source".to_owned());
        };
        let names = in_preview(std::slice::from_ref(&self.name), cx)?;
        let name = names.first().unwrap_or(&self.name);
        let docker = self.services.docker().await?;
        cx.say(format!("Importing image: {}", input.id));
        cx.detail(format!("Repository: {name}"));
        let mut changes = self.changes.clone();
        changes.extend(cx.run.preview.as_ref().map(|preview| format!("LABEL {PULL_REQUEST_LABEL}={}", preview.of())));
        let options = ImportOptions { name, changes: &changes, platform: &self.platform };
        let id = docker.import(&cx.run.cwd.join(file), &options, cx).await?;
        cx.detail(format!("Imported ID: {id}"));
        let mut artifact = image_artifact(IMPORT_ID, name, Vec::new(), input);
        let image = name.clone();
        artifact.resources = vec![Resource::DockerImage { host: docker.host().to_owned(), image }];
        Ok(Processed { artifact: Some(artifact), keep_input: false, force_keep: false })
    }
}
