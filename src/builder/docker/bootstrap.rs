//! The `build` block: makes the base image of a Dockerfile.
//!
//! The `docker` program does it where there is one, as BuildKit, which current Dockerfiles count on, lives in the
//! program: through the API alone it is a second protocol with a session back to the client. Without the program the
//! engine's classic builder gets the folder as a tar; it takes Dockerfiles without mounts, heredocs and `--link`.

use super::BuilderError;
use super::config::{Bootstrap, Config, Outcome};
use crate::client::docker::{Docker, ImageBuild, Login};
use crate::run::BuildContext;
use crate::run::cleanup::Resource;

/// Builds and yields the image's id. The image stays, as what is committed stands on it; only a build that is
/// thrown away takes it along, unless it has a name and so is somebody's.
pub(super) async fn build(
    docker: &Docker,
    bootstrap: &Bootstrap,
    config: &Config,
    login: Option<&Login>,
    cx: &BuildContext,
) -> Result<String, BuilderError> {
    let build = ImageBuild {
        dockerfile: &bootstrap.path,
        dir: &bootstrap.dir,
        arguments: &bootstrap.arguments,
        platform: &config.platform,
        pull: bootstrap.pull,
        compress: bootstrap.compress,
        login,
    };
    let id = docker.build(&build, cx).await?;
    if config.outcome == Outcome::Discard && docker.inspect_image(&id).await?.tags.is_empty() {
        cx.acquire(Resource::DockerImage { host: docker.host().to_owned(), image: id.clone() })?;
    }
    cx.detail(format!("Base image ID: {id}"));
    Ok(id)
}
