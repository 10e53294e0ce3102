//! What can go wrong with the Docker Engine, sorted by what a user can do about it.

use std::path::{Path, PathBuf};

use bollard::errors::Error as ApiError;

use super::auth::AuthError;
use super::reference::ReferenceError;
use crate::run::cancel::Cancelled;
use crate::run::journal::JournalError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum DockerError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("cannot reach the Docker Engine at {address}: {reason}; start it, or name another one with DOCKER_HOST")]
    Unreachable { address: String, reason: String },
    #[error("{0}")]
    Address(String),
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    #[error(transparent)]
    Credentials(#[from] AuthError),
    /// The engine has no such image, container or path.
    #[error("could not {action}: not found: {reason}")]
    NotFound { action: String, reason: String },
    #[error("image {image} does not exist: {reason}")]
    ImageMissing { image: String, reason: String },
    #[error(
        "pulling {image} was denied: {reason}; check the name, and log in with \"login\" options or \"docker login\""
    )]
    PullDenied { image: String, reason: String },
    #[error("the registry refused the push of {image}: {reason}")]
    PushRefused { image: String, reason: String },
    /// A name is taken or a thing is in use.
    #[error("could not {action}: {reason}")]
    Conflict { action: String, reason: String },
    /// The engine answered with an error or the connection broke.
    #[error("could not {action}: {reason}")]
    Call { action: String, reason: String },
    #[error("could not {action} {}: {source}", path.display())]
    Local { action: &'static str, path: PathBuf, source: std::io::Error },
}

impl DockerError {
    /// Sorts an error of the client library; `action` reads on after "could not".
    pub(super) fn call(action: impl Into<String>, error: &ApiError) -> Self {
        let action = action.into();
        let reason = reason(error);
        match error {
            ApiError::DockerResponseServerError { status_code: 404, .. } => Self::NotFound { action, reason },
            ApiError::DockerResponseServerError { status_code: 409, .. } => Self::Conflict { action, reason },
            _ => Self::Call { action, reason },
        }
    }

    pub(super) fn local(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Local { action, path: path.to_owned(), source }
    }

    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::ImageMissing { .. })
    }
}

/// The engine's own words where it gave some, else the chain of causes.
pub(super) fn reason(error: &ApiError) -> String {
    match error {
        ApiError::DockerResponseServerError { status_code, message } if message.trim().is_empty() => {
            format!("the engine answered with HTTP status {status_code}")
        }
        ApiError::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        ApiError::DockerStreamError { error } => error.trim().to_owned(),
        other => {
            let mut text = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(inner) = cause {
                let more = inner.to_string();
                if !text.contains(&more) {
                    text = format!("{text}: {more}");
                }
                cause = inner.source();
            }
            text
        }
    }
}
