//! Containers: create, start, look at, remove; move files; commit and export.

use std::io;
use std::path::Path;

use bollard::errors::Error as ApiError;
use bollard::query_parameters::{
    CommitContainerOptionsBuilder, ContainerArchiveInfoOptionsBuilder, CreateContainerOptionsBuilder,
    DownloadFromContainerOptionsBuilder, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder,
    UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use super::{ContainerSpec, Docker, DockerError, Image};
use crate::run::BuildContext;

/// Bits of Go's file mode, in which the engine answers.
const GO_DIR: u32 = 1 << 31;
const GO_LINK: u32 = 1 << 27;

/// What is known of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Container {
    pub id: String,
    pub running: bool,
    pub exit_code: i64,
    pub out_of_memory: bool,
    /// As configured: `user`, `user:group`, numbers, or empty for root.
    pub user: String,
    /// Address in its first network; empty without one.
    pub address: String,
}

/// A path in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathStat {
    pub size: u64,
    pub is_dir: bool,
    /// Where a link leads in the end.
    pub link_target: Option<String>,
}

impl Docker {
    /// Creates a container and yields its id. Must not be given up half-way.
    pub(crate) async fn create_container(&self, name: &str, spec: ContainerSpec) -> Result<String, DockerError> {
        let mut options = CreateContainerOptionsBuilder::new().name(name);
        if !spec.platform.is_empty() {
            options = options.platform(&spec.platform);
        }
        let image = spec.image.clone();
        let created = self.api.create_container(Some(options.build()), spec.into_body()).await;
        created.map(|created| created.id).map_err(|error| {
            match DockerError::call(format!("create a container of {image}"), &error) {
                DockerError::NotFound { reason, .. }
                    if reason.contains("No such image") || reason.contains("image") =>
                {
                    DockerError::ImageMissing { image: image.clone(), reason }
                }
                other => other,
            }
        })
    }

    pub(crate) async fn rename_container(&self, container: &str, name: &str) -> Result<(), DockerError> {
        let options = RenameContainerOptionsBuilder::new().name(name).build();
        let renamed = self.api.rename_container(container, options).await;
        renamed.map_err(|error| DockerError::call(format!("name the container {name}"), &error))
    }

    pub(crate) async fn start_container(&self, container: &str) -> Result<(), DockerError> {
        let started =
            self.api.start_container(container, None::<bollard::query_parameters::StartContainerOptions>).await;
        started.map_err(|error| DockerError::call(format!("start container {container}"), &error))
    }

    pub(crate) async fn inspect_container(&self, container: &str) -> Result<Container, DockerError> {
        let found = self.inspect(container).await?;
        let state = found.state.unwrap_or_default();
        let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let mut networks: Vec<_> = networks.into_iter().collect();
        networks.sort_by(|a, b| a.0.cmp(&b.0));
        let address = networks.into_iter().filter_map(|(_, network)| network.ip_address).find(|ip| !ip.is_empty());
        Ok(Container {
            id: found.id.unwrap_or_default(),
            running: state.running.unwrap_or_default(),
            exit_code: state.exit_code.unwrap_or_default(),
            out_of_memory: state.oom_killed.unwrap_or_default(),
            user: found.config.and_then(|config| config.user).unwrap_or_default(),
            address: address.unwrap_or_default(),
        })
    }

    async fn inspect(&self, container: &str) -> Result<bollard::models::ContainerInspectResponse, DockerError> {
        let found =
            self.api.inspect_container(container, None::<bollard::query_parameters::InspectContainerOptions>).await;
        found.map_err(|error| DockerError::call(format!("inspect container {container}"), &error))
    }

    /// Kills and removes a container with its anonymous volumes.
    pub(crate) async fn remove_container(&self, container: &str) -> Result<(), DockerError> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match self.api.remove_container(container, Some(options)).await {
            // Somebody else's removal is under way: as good as ours.
            Err(ApiError::DockerResponseServerError { status_code: 409, message })
                if message.contains("in progress") =>
            {
                Ok(())
            }
            removed => removed.map_err(|error| DockerError::call(format!("remove container {container}"), &error)),
        }
    }

    /// Unpacks a tar stream into the folder `path`, which must exist. Existing folders are not replaced by files.
    pub(crate) async fn put_archive(
        &self,
        container: &str,
        path: &str,
        tar: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), DockerError> {
        let options = UploadToContainerOptionsBuilder::new().path(path).no_overwrite_dir_non_dir("true").build();
        let put = self.api.upload_to_container(container, Some(options), bollard::body_try_stream(tar)).await;
        put.map_err(|error| DockerError::call(format!("upload to {path}"), &error))
    }

    /// A file or folder as a tar stream; its entries begin with the last part of `path`.
    pub(crate) fn get_archive(
        &self,
        container: &str,
        path: &str,
    ) -> impl Stream<Item = Result<Bytes, DockerError>> + Send + use<> {
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let action = format!("download {path}");
        let stream = self.api.download_from_container(container, Some(options));
        stream.map(move |chunk| chunk.map_err(|error| DockerError::call(action.clone(), &error)))
    }

    /// What is at `path`, if anything.
    pub(crate) async fn stat(&self, container: &str, path: &str) -> Result<Option<PathStat>, DockerError> {
        let options = ContainerArchiveInfoOptionsBuilder::new().path(path).build();
        match self.api.get_container_archive_info(container, Some(options)).await {
            Ok(found) => Ok(Some(PathStat {
                size: u64::try_from(found.size).unwrap_or_default(),
                is_dir: found.file_mode & GO_DIR != 0,
                link_target: (found.file_mode & GO_LINK != 0).then_some(found.link_target),
            })),
            Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(DockerError::call(format!("look at {path}"), &error)),
        }
    }

    /// Makes an image of a container and yields its id. Must not be given up half-way.
    pub(crate) async fn commit(
        &self,
        container: &str,
        author: &str,
        message: &str,
        changes: &[String],
    ) -> Result<String, DockerError> {
        let options = CommitContainerOptionsBuilder::new()
            .container(container)
            .author(author)
            .comment(message)
            .changes(&changes.join("\n"))
            .pause(true)
            .build();
        // Changes apply to the configuration that is sent: with the container's own, `ENV PATH=$PATH:/x` sees PATH.
        let config = self.inspect(container).await?.config.unwrap_or_default();
        let committed = self.api.commit_container(options, config).await;
        committed
            .map(|image| image.id)
            .map_err(|error| DockerError::call(format!("commit container {container}"), &error))
    }

    /// Writes a container's file system to a tar file, which appears when it is complete.
    pub(crate) async fn export(&self, container: &str, path: &Path, cx: &BuildContext) -> Result<(), DockerError> {
        let stream = self.api.export_container(container);
        super::transfer::to_file(stream, path, &format!("export container {container}"), cx).await
    }

    /// The image of a container, as it was when the container was made.
    pub(crate) async fn image_of(&self, container: &str) -> Result<Image, DockerError> {
        let id = self.inspect(container).await?.image.unwrap_or_default();
        self.inspect_image(&id).await
    }
}
