//! Images: look at, pull, tag, push, save, import, remove. Faults of pull and push come inside their streams.

use std::path::Path;

use bollard::auth::DockerCredentials;
use bollard::errors::Error as ApiError;
use bollard::models::{CreateImageInfo, ProgressDetail, PushImageInfo};
use bollard::query_parameters::{
    CreateImageOptionsBuilder, PushImageOptionsBuilder, RemoveImageOptionsBuilder, TagImageOptionsBuilder,
};
use futures_util::{Stream, StreamExt};

use super::error::reason;
use super::transfer::file_stream;
use super::{Credentials, Docker, DockerError, Login, Reference};
use crate::client::progress::Transfer;
use crate::run::BuildContext;
use crate::run::inventory::ImageConfig;

/// What is known of an image in the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Image {
    /// `sha256:...`
    pub id: String,
    /// `repository@sha256:...`, empty for an image that was never in a registry.
    pub digests: Vec<String>,
    pub tags: Vec<String>,
    pub cmd: Vec<String>,
    pub entrypoint: Vec<String>,
    /// In bytes.
    pub size: Option<u64>,
    pub config: ImageConfig,
    /// All of them, ours too.
    pub labels: std::collections::HashMap<String, String>,
}

/// How [`Docker::import`] makes an image of a root file system.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImportOptions<'a> {
    /// `repository[:tag]`; empty leaves the image without a name.
    pub name: &'a str,
    pub changes: &'a [String],
    pub platform: &'a str,
}

impl Docker {
    pub(crate) async fn inspect_image(&self, image: &str) -> Result<Image, DockerError> {
        self.checked_name(image)?;
        let found = self.api.inspect_image(image).await.map_err(|error| match DockerError::call("", &error) {
            DockerError::NotFound { reason, .. } => DockerError::ImageMissing { image: image.to_owned(), reason },
            _ => DockerError::call(format!("inspect the image {image}"), &error),
        })?;
        let config = found.config.unwrap_or_default();
        let labels = config.labels.clone().unwrap_or_default();
        let config = image_config(config);
        Ok(Image {
            id: found.id.unwrap_or_default(),
            digests: found.repo_digests.unwrap_or_default(),
            tags: found.repo_tags.unwrap_or_default(),
            cmd: config.command.clone(),
            entrypoint: config.entrypoint.clone(),
            size: found.size.and_then(|size| u64::try_from(size).ok()),
            config,
            labels,
        })
    }

    /// Pulls an image, telling its progress; yields the digest (`sha256:...`) that the registry has it under, if the
    /// engine says so. May be given up at any time: the engine stops when the call ends.
    pub(crate) async fn pull(
        &self,
        image: &str,
        platform: &str,
        login: Option<&Login>,
        cx: &BuildContext,
    ) -> Result<Option<String>, DockerError> {
        let name = Reference::parse(image)?;
        let credentials = self.credentials(&name.registry, login, cx).await?;
        let options = CreateImageOptionsBuilder::new()
            .from_image(&name.repository)
            .tag(name.version())
            .platform(platform)
            .build();
        let stream = self.api.create_image(Some(options), None, credentials.map(wire));
        let mut transfer = Transfer::new(cx, format!("Pulling {image}"), None);
        let mut digest = None;
        let each = |info: CreateImageInfo| {
            let status = info.status.unwrap_or_default();
            let id = info.id.unwrap_or_default();
            match (status.as_str(), amounts(info.progress_detail)) {
                ("Downloading", Some((done, total))) => transfer.layer(&id, done, total),
                ("Download complete" | "Pull complete", _) => transfer.layer_done(&id),
                _ if status.starts_with("Digest: ") || status.starts_with("Status: ") => {
                    digest = status.strip_prefix("Digest: ").map(str::to_owned).or(digest.take());
                    cx.detail(status);
                }
                _ => {}
            }
        };
        drain(stream, cx, each).await?.map_err(|error| pull_error(image, &error))?;
        Ok(digest)
    }

    /// Gives an image a further name, `repository[:tag]`.
    pub(crate) async fn tag(&self, image: &str, name: &str) -> Result<(), DockerError> {
        self.checked_name(image)?;
        let target = Reference::parse(name)?;
        let tag = target.tag.as_deref().unwrap_or("latest");
        let options = TagImageOptionsBuilder::new().repo(&target.repository).tag(tag).build();
        let tagged = self.api.tag_image(image, Some(options)).await;
        tagged.map_err(|error| DockerError::call(format!("tag {image} as {name}"), &error))
    }

    /// Pushes `repository[:tag]`, telling its progress; yields the digest (`sha256:...`) under which the registry
    /// knows it.
    pub(crate) async fn push(
        &self,
        name: &str,
        platform: &str,
        login: Option<&Login>,
        cx: &BuildContext,
    ) -> Result<Option<String>, DockerError> {
        let target = Reference::parse(name)?;
        let credentials = self.credentials(&target.registry, login, cx).await?;
        let mut options = PushImageOptionsBuilder::new().tag(target.tag.as_deref().unwrap_or("latest"));
        if !platform.is_empty() {
            options = options.platform(&platform_json(platform));
        }
        let stream = self.api.push_image(&target.repository, Some(options.build()), credentials.map(wire));
        let mut transfer = Transfer::new(cx, format!("Pushing {name}"), None);
        let mut digest = None;
        let each = |info: PushImageInfo| {
            let status = info.status.unwrap_or_default();
            if let Some((done, total)) = amounts(info.progress_detail) {
                // The library drops the layer's id; its size tells layers apart well enough for a sum.
                transfer.layer(&total.to_string(), done, total);
            } else if let Some((_, rest)) = status.split_once(": digest: ") {
                digest = rest.split_whitespace().next().map(str::to_owned);
            }
        };
        drain(stream, cx, each).await?.map_err(|error| push_error(name, &error))?;
        if digest.is_none() {
            digest = self.repository_digest(name).await?;
        }
        Ok(digest)
    }

    /// The digest that the registry of `name` knows the image by, once it was pushed or pulled.
    pub(crate) async fn repository_digest(&self, name: &str) -> Result<Option<String>, DockerError> {
        let repository = Reference::parse(name)?.repository;
        let image = self.inspect_image(name).await?;
        let own = |known: &&String| known.split_once('@').is_some_and(|(of, _)| of == repository);
        let found = image.digests.iter().find(own).or(image.digests.first());
        Ok(found.and_then(|known| Some(known.split_once('@')?.1.to_owned())))
    }

    /// Saves an image as a tar file that `docker load` takes. The file appears when it is complete.
    pub(crate) async fn save(&self, image: &str, path: &Path, cx: &BuildContext) -> Result<(), DockerError> {
        self.checked_name(image)?;
        let stream = self.api.export_image(image);
        super::transfer::to_file(stream, path, &format!("save the image {image}"), cx).await
    }

    /// Makes an image of the tar of a root file system; yields the image's id.
    pub(crate) async fn import(
        &self,
        path: &Path,
        options: &ImportOptions<'_>,
        cx: &BuildContext,
    ) -> Result<String, DockerError> {
        let mut query = CreateImageOptionsBuilder::new().from_src("-").platform(options.platform);
        query = query.changes(options.changes.to_vec());
        if !options.name.is_empty() {
            let name = Reference::parse(options.name)?;
            query = query.repo(&name.repository).tag(name.tag.as_deref().unwrap_or("latest"));
        }
        let transfer = Transfer::new(cx, format!("Importing {}", path.display()), None);
        let body = bollard::body_try_stream(file_stream(path, transfer).await?);
        let mut id = String::new();
        let each = |info: CreateImageInfo| {
            id = info.status.filter(|status| status.starts_with("sha256:")).unwrap_or_else(|| std::mem::take(&mut id));
        };
        let stream = self.api.create_image(Some(query.build()), Some(body), None);
        let action = || format!("import {}", path.display());
        drain(stream, cx, each).await?.map_err(|error| DockerError::call(action(), &error))?;
        if id.is_empty() {
            return Err(DockerError::Call { action: action(), reason: "the engine gave no image id".to_owned() });
        }
        Ok(id)
    }

    /// Removes a name or, given an id, the image with all its names.
    pub(crate) async fn remove_image(&self, image: &str) -> Result<(), DockerError> {
        self.checked_name(image)?;
        // By id, an image with several names is removed only by force.
        let options = RemoveImageOptionsBuilder::new().force(super::is_image_id(image)).build();
        let removed = self.api.remove_image(image, Some(options), None).await;
        removed.map(drop).map_err(|error| DockerError::call(format!("remove the image {image}"), &error))
    }

    /// Names end up in the path of a request: what is neither an id nor a name never gets there.
    fn checked_name(&self, image: &str) -> Result<(), DockerError> {
        if !super::is_image_id(image) {
            Reference::parse(image)?;
        }
        Ok(())
    }
}

/// Labels of ours tell runs apart, not images.
fn image_config(config: bollard::models::ImageConfig) -> ImageConfig {
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    let names = |list: Vec<String>| list.into_iter().map(|pair| pair.split('=').next().unwrap_or_default().to_owned());
    let labels = config.labels.unwrap_or_default().into_iter();
    ImageConfig {
        entrypoint: config.entrypoint.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        variables: sorted(names(config.env.unwrap_or_default()).collect()),
        user: config.user.unwrap_or_default(),
        folder: config.working_dir.unwrap_or_default(),
        ports: sorted(config.exposed_ports.unwrap_or_default()),
        volumes: sorted(config.volumes.unwrap_or_default()),
        labels: labels.filter(|(name, _)| !name.starts_with("forge.") && !name.starts_with("forge:")).collect(),
    }
}

/// Takes every item of a stream until its end, its first error, or the build's stop.
pub(super) async fn drain<T>(
    mut stream: impl Stream<Item = Result<T, ApiError>> + Unpin,
    cx: &BuildContext,
    mut each: impl FnMut(T),
) -> Result<Result<(), ApiError>, DockerError> {
    while let Some(item) = cx.cancel.unless_stopped(stream.next()).await? {
        match item {
            Ok(item) => each(item),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(()))
}

fn amounts(detail: Option<ProgressDetail>) -> Option<(u64, u64)> {
    let detail = detail?;
    let total = u64::try_from(detail.total?).ok().filter(|total| *total > 0)?;
    Some((u64::try_from(detail.current?).ok()?, total))
}

pub(super) fn wire(credentials: Credentials) -> DockerCredentials {
    let some = |text: String| (!text.is_empty()).then_some(text);
    DockerCredentials {
        username: some(credentials.username),
        password: some(credentials.password),
        serveraddress: some(credentials.server),
        identitytoken: some(credentials.identity_token),
        registrytoken: some(credentials.registry_token),
        ..DockerCredentials::default()
    }
}

/// `linux/arm64/v8` in the form in which a push wants it.
fn platform_json(platform: &str) -> String {
    let mut parts = platform.split('/');
    let mut object = serde_json::Map::new();
    for key in ["os", "architecture", "variant"] {
        if let Some(part) = parts.next() {
            object.insert(key.to_owned(), part.into());
        }
    }
    serde_json::Value::Object(object).to_string()
}

fn is_denied(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    ["denied", "unauthorized", "no basic auth credentials", "authentication required", "forbidden"]
        .iter()
        .any(|word| reason.contains(word))
}

fn pull_error(image: &str, error: &ApiError) -> DockerError {
    let reason = reason(error);
    let image = image.to_owned();
    if is_denied(&reason) {
        DockerError::PullDenied { image, reason }
    } else if reason.contains("manifest unknown") || reason.contains("not found") {
        DockerError::ImageMissing { image, reason }
    } else {
        DockerError::Call { action: format!("pull {image}"), reason }
    }
}

fn push_error(image: &str, error: &ApiError) -> DockerError {
    let reason = reason(error);
    let image = image.to_owned();
    if is_denied(&reason) {
        DockerError::PushRefused { image, reason }
    } else if reason.contains("does not exist locally") {
        DockerError::ImageMissing { image, reason }
    } else {
        DockerError::Call { action: format!("push {image}"), reason }
    }
}
