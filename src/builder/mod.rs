//! Builders: the two ends of a build. `launch` makes a machine, `capture` makes an artifact of it; the engine owns
//! everything between and releases what either end acquired.

#[cfg(feature = "aws")]
mod amazon;
#[cfg(feature = "docker")]
mod docker;
mod file;
mod null;
mod ssh_options;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::client::Services;
use crate::communicator::{Communicator, CommunicatorError};
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cancel::Cancelled;
use crate::run::inputs::{EarlierImage, Local};
use crate::run::journal::JournalError;

/// What `build.*` becomes in provisioners: the common keys (`ID`, `Host`, `User`, ...) and the builder's own.
pub(crate) type Facts = BTreeMap<String, String>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum BuilderError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A failed call or a refused request; the text says what was tried on what.
    #[error("{0}")]
    Failed(String),
}

impl From<CommunicatorError> for BuilderError {
    fn from(error: CommunicatorError) -> Self {
        match error {
            CommunicatorError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// What becomes of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Makes {
    /// No image.
    Nothing,
    /// An image of what is in it.
    ImageOfItself,
    /// An image of a disk beside it.
    ImageOfOther,
}

/// A builder with its decoded configuration.
#[async_trait]
pub(crate) trait Builder: Send + Sync {
    /// Keys of `build.*` that only this builder has.
    fn own_facts(&self) -> &'static [&'static str] {
        &[]
    }

    /// The communicator by which provisioners reach this builder's machine, `none` when they cannot.
    fn communicator(&self) -> &'static str {
        "ssh"
    }

    /// Whether provisioners can run commands and move files on this builder's machine.
    fn has_machine(&self) -> bool {
        self.communicator() != "none"
    }

    /// What [`Machine::capture`] will make.
    fn makes(&self) -> Makes {
        Makes::Nothing
    }

    /// Files and folders beside the template that the image is made of.
    fn locals(&self) -> Vec<Local> {
        Vec::new()
    }

    /// The image that `launch` would make its machine of now; nothing where it makes it of none. Only looks.
    async fn source_image(&self, _: &BuildContext) -> Result<Option<String>, BuilderError> {
        Ok(None)
    }

    /// The image that a build with these inputs has left where this one would leave its own. Only looks.
    async fn find_image(&self, _digest: &str, _: &BuildContext) -> Result<Found, BuilderError> {
        Ok(Found::Nowhere("its builder leaves no image that could be found again".to_owned()))
    }

    /// Whether an image that a record names is still where it was. Only looks.
    async fn still_has(&self, _image: &EarlierImage, _: &BuildContext) -> Result<bool, BuilderError> {
        Ok(false)
    }

    /// Makes a machine ready to be connected to. Acquires before it creates; on error leaves the release to the
    /// engine.
    async fn launch(&self, cx: &BuildContext) -> Result<Box<dyn Machine>, BuilderError>;
}

/// What came of looking for an image.
#[derive(Debug)]
pub(crate) enum Found {
    Image(Box<Artifact>),
    /// Only that of an earlier preview of the same pull request, and why it is no other.
    OfPreview(Box<Artifact>, String),
    /// Why there is none.
    Nowhere(String),
    /// The artifact gets its names by post-processors: those know where to look.
    ByName,
}

/// A launched machine.
#[async_trait]
pub(crate) trait Machine: Send + Sync {
    /// Opens the connection that provisioners use.
    async fn connect(&self, cx: &BuildContext) -> Result<Arc<dyn Communicator>, BuilderError>;

    /// What is known of the machine once it is connected.
    fn facts(&self) -> Facts;

    /// The image that the machine was made of, as [`Builder::source_image`] says it.
    fn source_image(&self) -> Result<Option<String>, String> {
        Ok(self.facts().get("SourceAMI").filter(|id| !id.is_empty()).cloned())
    }

    /// Why no provisioner can work on the machine any more, once the capture has brought it to rest.
    fn rests(&self) -> Option<&'static str> {
        None
    }

    /// Makes the artifact, or nothing when the build is meant to leave none. What stays is taken off the cleanup
    /// stack; the machine itself remains for the engine to release. One that failed is called again when somebody asks
    /// for it, and goes on with what is done.
    async fn capture(&self, cx: &BuildContext) -> Result<Option<Artifact>, BuilderError>;
}

/// Decodes a source block; nothing when errors were added to the fields' diagnostics.
pub(crate) type Decode = fn(&mut Fields<'_>, &Arc<Services>) -> Option<Box<dyn Builder>>;

/// Every builder by component type.
pub(crate) const TABLE: &[(&str, Decode)] = &[
    #[cfg(feature = "aws")]
    ("amazon-chroot", amazon::chroot::decode),
    #[cfg(feature = "aws")]
    ("amazon-ebs", amazon::ebs::decode),
    #[cfg(feature = "aws")]
    ("amazon-ebssurrogate", amazon::surrogate::decode),
    #[cfg(feature = "aws")]
    ("amazon-ebsvolume", amazon::volumes::decode),
    #[cfg(feature = "aws")]
    ("amazon-instance", amazon::instance::decode),
    #[cfg(feature = "docker")]
    ("docker", docker::decode),
    ("file", file::decode),
    ("null", null::decode),
];
