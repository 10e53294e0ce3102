//! Clients of outside services: narrow, with own types in and out; the SDKs' types stop here.
//!
//! [`Services`] holds one of each, connected on first use, and knows which client releases which [`Resource`].

pub(crate) mod archive;
#[cfg(feature = "aws")]
pub(crate) mod aws;
pub(crate) mod consul;
#[cfg(feature = "docker")]
pub(crate) mod docker;
pub(crate) mod github;
#[cfg(feature = "docker")]
pub(crate) mod looked_up;
pub(crate) mod mount;
pub(crate) mod progress;
#[cfg(feature = "docker")]
pub(crate) mod registry;
#[cfg(feature = "aws")]
pub(crate) mod secrets_manager;
pub(crate) mod ssh;
pub(crate) mod vault;
pub(crate) mod web;

use async_trait::async_trait;

use crate::run::cleanup::{Release, ReleaseError, Released, Resource};

/// The outside services of a run, shared by all components.
#[derive(Debug, Default)]
pub(crate) struct Services {
    #[cfg(feature = "aws")]
    pub(crate) aws: aws::Accounts,
    #[cfg(feature = "docker")]
    docker: tokio::sync::OnceCell<docker::Docker>,
    /// What registries have answered.
    #[cfg(feature = "docker")]
    pub(crate) images: looked_up::LookedUp,
}

impl Services {
    /// From here on codes that are good for one use may be used. Who only looks leaves them for whoever builds.
    pub(crate) fn use_codes(&self) {
        #[cfg(feature = "aws")]
        self.aws.use_codes();
    }
}

#[cfg(feature = "docker")]
impl Services {
    /// The Docker Engine that the environment names, connected by the first who asks.
    pub(crate) async fn docker(&self) -> Result<&docker::Docker, docker::DockerError> {
        self.docker.get_or_try_init(docker::Docker::connect).await
    }

    /// Releases on the engine where the resource was made, which need not be the current one.
    async fn release_docker(&self, host: &str, resource: &Resource) -> Result<Released, ReleaseError> {
        let failed = |error: docker::DockerError| ReleaseError::new(resource, error.to_string());
        match self.docker.get().filter(|docker| docker.host() == host) {
            Some(docker) => docker.release(resource).await,
            None => docker::Docker::connect_to(host).await.map_err(failed)?.release(resource).await,
        }
    }
}

#[async_trait]
impl Release for Services {
    async fn release(&self, resource: &Resource) -> Result<Released, ReleaseError> {
        let failed = |reason: String| ReleaseError::new(resource, reason);
        let removed = match resource {
            Resource::File { path } => tokio::fs::remove_file(path).await,
            Resource::Directory { path } => tokio::fs::remove_dir_all(path).await,
            Resource::Mount { path, unmount, remove_directory } => {
                return mount::release(path, unmount, *remove_directory).await.map_err(failed);
            }
            #[cfg(feature = "docker")]
            Resource::DockerContainer { host, .. } | Resource::DockerImage { host, .. } => {
                return self.release_docker(host, resource).await;
            }
            #[cfg(feature = "aws")]
            Resource::Aws { reach, thing } => {
                let released = async { self.aws.by_reach(reach).await?.release(&reach.region, thing).await };
                return released.await.map_err(|error| {
                    let reason = match error.lacks() {
                        None => error.to_string(),
                        Some(permission) => format!("{error}; the credentials lack the permission {permission}"),
                    };
                    let lasts = matches!(error, aws::AwsError::Unsure(_));
                    ReleaseError { lasts, ..ReleaseError::new(resource, reason) }
                });
            }
            #[cfg(not(feature = "aws"))]
            Resource::Aws { .. } => {
                return Err(failed("this program was built without the feature \"aws\"".to_owned()));
            }
            #[cfg(not(feature = "docker"))]
            Resource::DockerContainer { .. } | Resource::DockerImage { .. } => {
                return Err(failed("this program was built without the feature \"docker\"".to_owned()));
            }
        };
        match removed {
            Ok(()) => Ok(Released::Removed),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Released::Absent),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}
