//! Clients of outside services: narrow, with own types in and out; the SDKs' types stop here.
//!
//! [`Services`] holds one of each, connected on first use, and knows which client releases which [`Resource`].

use async_trait::async_trait;

use crate::run::cleanup::{Release, ReleaseError, Released, Resource};

/// The outside services of a run, shared by all components.
#[derive(Debug, Default)]
pub(crate) struct Services {}

#[async_trait]
impl Release for Services {
    async fn release(&self, resource: &Resource) -> Result<Released, ReleaseError> {
        let failed = |reason: String| ReleaseError { resource: resource.clone(), reason };
        let removed = match resource {
            Resource::File { path } => tokio::fs::remove_file(path).await,
            Resource::Directory { path } => tokio::fs::remove_dir_all(path).await,
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
