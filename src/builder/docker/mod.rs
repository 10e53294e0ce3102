//! The docker builder: a container is launched, provisioned, and committed, exported or thrown away.
//!
//! `launch` pulls and starts, `capture` commits or exports; everything between is the engine's.

mod base;
mod bootstrap;
mod config;
mod run_command;
mod run_values;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::{Builder, BuilderError, Facts, Found, Machine, Makes};
use crate::client::Services;
use crate::client::docker::{Docker, DockerError, Login};
use crate::communicator::Communicator;
use crate::communicator::docker_exec::{DockerExec, DockerExecOptions};
use crate::communicator::none::NoCommunicator;
use crate::docker::login::sign_in;
use crate::docker::{BUILDER_ID, IMPORT_ID, INPUTS_LABEL, changes};
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cleanup::Resource;
use crate::run::inputs::{EarlierImage, Local};
use crate::run::preview::{PULL_REQUEST_LABEL, Preview};
use config::{Base, Config, Outcome};
use run_command::Pull;

impl From<DockerError> for BuilderError {
    fn from(error: DockerError) -> Self {
        match error {
            DockerError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            DockerError::Journal(error) => Self::Journal(error),
            other => Self::Failed(other.to_string()),
        }
    }
}

struct DockerBuilder {
    config: Config,
    services: Arc<Services>,
}

struct DockerMachine {
    config: Config,
    docker: Docker,
    container: String,
    /// `user`, `user:group` or numbers, as the container is configured; empty for root.
    user: String,
    /// As the first network knows it; empty without a network.
    address: String,
    /// Our side of the shared folder.
    shared: Option<PathBuf>,
    source: Source,
    /// What the container was made of, as [`Builder::source_image`] says it.
    made_of: Result<Option<String>, String>,
}

/// The image that the container was made of.
#[derive(Debug, Clone, Default)]
struct Source {
    id: String,
    digest: Option<String>,
    cmd: Vec<String>,
    entrypoint: Vec<String>,
    labels: std::collections::HashMap<String, String>,
}

pub(super) fn decode(fields: &mut Fields<'_>, services: &Arc<Services>) -> Option<Box<dyn Builder>> {
    let config = config::decode(fields)?;
    Some(Box::new(DockerBuilder { config, services: Arc::clone(services) }))
}

#[async_trait]
impl Builder for DockerBuilder {
    fn own_facts(&self) -> &'static [&'static str] {
        &["ImageSha256", "SourceImageSha256", "SourceImageDigest"]
    }

    fn communicator(&self) -> &'static str {
        if self.config.connects { "docker" } else { "none" }
    }

    fn makes(&self) -> Makes {
        match self.config.outcome {
            Outcome::Discard => Makes::Nothing,
            Outcome::Commit | Outcome::Export(_) => Makes::ImageOfItself,
        }
    }

    fn locals(&self) -> Vec<Local> {
        match &self.config.base {
            Base::Image(_) => Vec::new(),
            Base::Build(bootstrap) => base::locals(bootstrap),
        }
    }

    async fn source_image(&self, cx: &BuildContext) -> Result<Option<String>, BuilderError> {
        base::now(&self.config, &self.services, cx).await
    }

    async fn find_image(&self, _: &str, _: &BuildContext) -> Result<Found, BuilderError> {
        Ok(match self.config.outcome {
            Outcome::Commit => Found::ByName,
            _ => Found::Nowhere("it leaves no image".to_owned()),
        })
    }

    async fn still_has(&self, image: &EarlierImage, cx: &BuildContext) -> Result<bool, BuilderError> {
        base::still_has(&self.config, image, &self.services, cx).await
    }

    async fn launch(&self, cx: &BuildContext) -> Result<Box<dyn Machine>, BuilderError> {
        let docker = self.services.docker().await?.clone();
        let config = &self.config;
        let login = sign_in(config.login.as_ref(), &self.services, cx).await.map_err(BuilderError::Failed)?;
        let login = login.as_ref();
        let shared = shared_folder(&docker, cx).await?;
        let mut pulled = None;
        let image = match &config.base {
            Base::Image(image) => {
                if config.pull {
                    cx.say(format!("Pulling Docker image: {image}"));
                    pulled = docker.pull(image, &config.platform, login, cx).await?;
                }
                image.clone()
            }
            Base::Build(bootstrap) => {
                cx.say("Building base image...");
                bootstrap::build(&docker, bootstrap, config, login, cx).await?
            }
        };
        let (container, late) = self.start(&docker, &image, shared.as_deref(), login, cx).await?;
        let found = docker.image_of(&container).await?;
        let digest = found.digests.first().cloned();
        if digest.is_none() && matches!(config.base, Base::Image(_)) {
            cx.detail(format!("No repository digest is known for {image}: it was never pulled or pushed"));
        }
        let made_of = base::of_container(config, &found, late.or(pulled));
        let source =
            Source { id: found.id, digest, cmd: found.cmd, entrypoint: found.entrypoint, labels: found.labels };
        let state = docker.inspect_container(&container).await?;
        Ok(Box::new(DockerMachine {
            config: config.clone(),
            docker,
            container,
            user: state.user,
            address: state.address,
            shared,
            source,
            made_of,
        }))
    }
}

impl DockerBuilder {
    /// Creates and starts the container; yields its id, and the digest of an image that had to be pulled for it.
    async fn start(
        &self,
        docker: &Docker,
        image: &str,
        shared: Option<&Path>,
        login: Option<&Login>,
        cx: &BuildContext,
    ) -> Result<(String, Option<String>), BuilderError> {
        let mut pulled = None;
        cx.say("Starting docker container...");
        let mut args = vec!["-v".to_owned()];
        args.push(match shared {
            Some(shared) => format!("{}:{}", shared.display(), self.config.container_dir),
            // A folder of ours does not exist where a remote engine runs: an anonymous volume stands in.
            None => self.config.container_dir.clone(),
        });
        args.extend(self.config.run_args(image).map_err(BuilderError::Failed)?);
        let run = run_command::parse(&args).map_err(|error| BuilderError::Failed(format!("run_command: {error}")))?;
        cx.detail(format!("Run command: docker run {}", args.join(" ")));
        if run.pull == Pull::Always {
            pulled = docker.pull(&run.spec.image, &run.spec.platform, login, cx).await?;
        }

        let name = docker.new_name(&cx.run.id);
        let host = docker.host().to_owned();
        cx.acquire(Resource::DockerContainer { host: host.clone(), name: name.clone() })?;
        // Neither call is raced against a cancel: a container must not come to be with nobody knowing.
        let id = match docker.create_container(&name, run.spec.clone()).await {
            // As the command line does, also where "pull" is false: the alternative is to fail.
            Err(DockerError::ImageMissing { .. }) if run.pull == Pull::Missing => {
                pulled = docker.pull(&run.spec.image, &run.spec.platform, login, cx).await?;
                docker.create_container(&name, run.spec.clone()).await?
            }
            created => created?,
        };
        if let Some(wanted) = &run.name {
            // Under the user's name it is released by its id, never by that name: it may be somebody else's.
            cx.acquire(Resource::DockerContainer { host, name: id.clone() })?;
            docker.rename_container(&id, wanted).await?;
        }
        docker.start_container(&id).await.map_err(|error| start_error(error, &run.spec.image))?;
        cx.detail(format!("Container ID: {id}"));
        Ok((id, pulled))
    }
}

/// The runtime's words for an image without a shell are hard to read.
fn start_error(error: DockerError, image: &str) -> BuilderError {
    let text = error.to_string();
    if text.contains("/bin/sh") && text.contains("no such file") {
        return BuilderError::Failed(format!(
            "the image {image} has no /bin/sh, which the docker builder starts and runs every command with; use an \
             image with a shell ({text})"
        ));
    }
    error.into()
}

/// Makes the folder that is mounted at `container_dir`, for an engine that can see it.
async fn shared_folder(docker: &Docker, cx: &BuildContext) -> Result<Option<PathBuf>, BuilderError> {
    if !docker.is_local() {
        return Ok(None);
    }
    cx.say("Creating a temporary directory for sharing data...");
    let path = shared_parent(cx).join(docker.new_name(&cx.run.id));
    cx.acquire(Resource::Directory { path: path.clone() })?;
    let made = tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).await;
    made.map_err(|error| BuilderError::Failed(format!("could not make the folder {}: {error}", path.display())))?;
    Ok(Some(path))
}

/// `PACKER_TMP_DIR`, else under the home folder: engines in a virtual machine or a snap see that, and not `/tmp`.
fn shared_parent(cx: &BuildContext) -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    match (folder("PACKER_TMP_DIR"), folder("XDG_CACHE_HOME"), folder("HOME")) {
        (Some(given), ..) => cx.run.cwd.join(given),
        (None, Some(cache), _) => cx.run.cwd.join(cache).join("forge"),
        (None, None, Some(home)) => home.join(".cache/forge"),
        (None, None, None) => std::env::temp_dir(),
    }
}

#[async_trait]
impl Machine for DockerMachine {
    async fn connect(&self, cx: &BuildContext) -> Result<Arc<dyn Communicator>, BuilderError> {
        if !self.config.connects {
            return Ok(Arc::new(NoCommunicator));
        }
        let pause = self.config.pause_before_connecting;
        if !pause.is_zero() {
            cx.say(format!("Pausing {pause:?} before connecting..."));
            cx.cancel.unless_stopped(tokio::time::sleep(pause)).await?;
        }
        cx.say(format!("Using docker communicator to connect: {}", self.address));
        Ok(Arc::new(DockerExec::new(
            self.docker.clone(),
            DockerExecOptions {
                container: self.container.clone(),
                container_user: self.user.clone(),
                exec_user: self.config.exec_user.clone(),
                pty: self.config.pty,
                fix_owner: self.config.fix_upload_owner,
            },
        )))
    }

    fn facts(&self) -> Facts {
        let digest = self.source.digest.clone().unwrap_or("ERR_SOURCE_IMAGE_DIGEST_NOT_FOUND".to_owned());
        let facts = [
            ("ID", self.container.as_str()),
            ("Host", &self.address),
            ("Port", "0"),
            ("User", &self.user),
            ("Password", ""),
            ("ConnType", if self.config.connects { "docker" } else { "none" }),
            ("SourceImageSha256", &self.source.id),
            ("SourceImageDigest", &digest),
            ("ImageSha256", "ERR_IMAGE_SHA256_NOT_FOUND"),
        ];
        facts.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn source_image(&self) -> Result<Option<String>, String> {
        self.made_of.clone()
    }

    async fn capture(&self, cx: &BuildContext) -> Result<Option<Artifact>, BuilderError> {
        self.empty_shared_folder(cx).await;
        let mut artifact = match &self.config.outcome {
            Outcome::Commit => return self.commit(cx).await.map(Some),
            Outcome::Discard => Artifact::new(BUILDER_ID, "Container", "Exported Docker file: "),
            Outcome::Export(path) => {
                cx.say("Exporting the container");
                let target = cx.run.cwd.join(path);
                self.docker.export(&self.container, &target, cx).await?;
                let shown = format!("Exported Docker file: {}", path.display());
                let mut artifact = Artifact::new(BUILDER_ID, "Container", shown);
                artifact.files = vec![path.clone()];
                artifact.resources = vec![Resource::File { path: target }];
                artifact
            }
        };
        artifact.facts = self.facts();
        Ok(Some(artifact))
    }
}

impl DockerMachine {
    async fn commit(&self, cx: &BuildContext) -> Result<Artifact, BuilderError> {
        cx.say("Committing the container");
        let config = &self.config;
        let mut changes = changes::with_defaults(&config.changes, &self.source.cmd, &self.source.entrypoint);
        changes.extend(self.labels(cx));
        // An image has no id before the commit, and a temporary name could not be taken off it again: removing the
        // last name removes the image. So the intent is journalled with the answer; a kill in between leaves an
        // unnamed image, which `docker image prune` removes.
        let id = self.docker.commit(&self.container, &config.author, &config.message, &changes).await?;
        let resource = Resource::DockerImage { host: self.docker.host().to_owned(), image: id.clone() };
        cx.acquire(resource.clone())?;
        if cx.cancel.is_stopped() {
            return Err(crate::run::cancel::Cancelled.into());
        }
        cx.detail(format!("Image ID: {id}"));
        cx.keep(&resource)?;
        let mut artifact = Artifact::new(IMPORT_ID, id.as_str(), format!("Imported Docker image: {id}"));
        artifact.is_image = true;
        artifact.resources = vec![resource];
        artifact.facts = self.facts();
        artifact.facts.insert("ImageSha256".to_owned(), id.clone());
        // Only told; the image is there.
        if let Ok(made) = self.docker.inspect_image(&id).await {
            (artifact.size, artifact.config) = (made.size, Some(Box::new(made.config)));
        }
        Ok(artifact)
    }

    /// What the image says of itself: what it was made of, and whose preview it is. What the source image brings along
    /// would be wrong.
    fn labels(&self, cx: &BuildContext) -> Vec<String> {
        let preview = cx.run.preview.as_ref().map(Preview::of);
        let labels = [(INPUTS_LABEL, cx.digest.clone()), (PULL_REQUEST_LABEL, preview)];
        let label = |(name, value): (&str, Option<String>)| match value {
            Some(value) => Some(format!("LABEL {name}={value}")),
            None => self.source.labels.contains_key(name).then(|| format!("LABEL {name}=")),
        };
        labels.into_iter().filter_map(label).collect()
    }

    /// What the container's root wrote into the shared folder may not be ours to remove from outside.
    async fn empty_shared_folder(&self, cx: &BuildContext) {
        let Some(shared) = &self.shared else { return };
        let used = std::fs::read_dir(shared).is_ok_and(|mut entries| entries.next().is_some());
        if !used || !self.config.connects {
            return;
        }
        let command =
            format!("cd '{}' && rm -rf ./* ./.[!.]* ./..?*", self.config.container_dir.replace('\'', r"'\''"));
        if let Err(error) = DockerExec::run_as_root(&self.docker, &self.container, &command).await {
            cx.warn(format!("could not empty {}: {error}", self.config.container_dir));
        }
    }
}
