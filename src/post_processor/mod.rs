//! Post-processors: what is done with an artifact after the machine is gone, in sequences.

#[cfg(feature = "aws")]
mod amazon_import;
mod artifice;
mod checksum;
mod compress;
#[cfg(feature = "docker")]
mod docker;
mod manifest;
mod shell_local;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use crate::client::Services;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cancel::Cancelled;
use crate::run::inputs::EarlierImage;
use crate::run::journal::JournalError;
use crate::run::output_file::OutputError;
use crate::run::preview::Preview;

#[derive(Debug, thiserror::Error)]
pub(crate) enum PostProcessError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{0}")]
    Failed(String),
}

impl From<OutputError> for PostProcessError {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::Cancelled(cancelled) => cancelled.into(),
            OutputError::Journal(journal) => journal.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// What a post-processor makes of its input.
#[derive(Debug)]
pub(crate) struct Processed {
    /// The input of the next step in the sequence; nothing ends the sequence.
    pub artifact: Option<Artifact>,
    /// Whether the input stays when the template does not say (`keep_input_artifact`).
    pub keep_input: bool,
    /// The input must stay whatever the template says.
    pub force_keep: bool,
}

impl Processed {
    /// The input goes on as it is, and has to stay for that.
    pub(crate) fn passing(input: &Artifact) -> Self {
        Self { artifact: Some(input.clone()), keep_input: true, force_keep: true }
    }
}

/// What becomes of a post-processor in a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InPreview {
    /// It leaves nothing outside of the runner, or only what has the preview's own name.
    Runs,
    /// It acts on the world: its input goes on as it is.
    HeldBack,
    /// It takes up what those before it have made: with one of them it is held back, and all behind it.
    NeedsThoseBefore,
}

/// What a post-processor does to an image, as far as another run could find it done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Gives it names, `repository[:tag]`.
    Names(Vec<String>),
    /// Sends it to the registries of its names.
    Pushes,
    /// Makes another image.
    Remakes,
    /// Leaves something beside the image.
    Other,
}

/// An image in registries.
#[derive(Debug)]
pub(crate) enum Pushed {
    Image(Box<Artifact>),
    /// Why there is none.
    Nowhere(String),
}

/// A post-processor with its decoded configuration.
#[async_trait]
pub(crate) trait PostProcessor: Send + Sync {
    /// Keys of `build.*` that the steps behind this one have in addition.
    fn added_facts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whoever does not say that it is harmless is held back.
    fn in_preview(&self, _: &Preview) -> InPreview {
        InPreview::HeldBack
    }

    /// Repositories of registries in which it names the image, where they are known before it is made.
    fn repositories(&self) -> Vec<String> {
        Vec::new()
    }

    fn effect(&self) -> Effect {
        Effect::Other
    }

    /// The image with these inputs that all of the names stand for in their registries. Only looks.
    async fn find_pushed(
        &self,
        _names: &[String],
        _digest: &str,
        _: &BuildContext,
    ) -> Result<Pushed, PostProcessError> {
        Ok(Pushed::Nowhere("it is pushed nowhere".to_owned()))
    }

    /// Gives an image that an earlier preview has pushed the names that it gets in this one; nothing where it has none.
    async fn name_anew(&self, _: &EarlierImage, _: &BuildContext) -> Result<Option<EarlierImage>, PostProcessError> {
        Ok(None)
    }

    /// `input.facts` is what `build.*` is here.
    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError>;
}

/// Decodes a post-processor block; nothing when errors were added to the fields' diagnostics. Called twice, like a
/// provisioner's.
pub(crate) type Decode = fn(&mut Fields<'_>, &Arc<Services>) -> Option<Box<dyn PostProcessor>>;

/// Every post-processor by component type.
pub(crate) const TABLE: &[(&str, Decode)] = &[
    #[cfg(feature = "aws")]
    ("amazon-import", amazon_import::decode),
    ("artifice", artifice::decode),
    ("checksum", checksum::decode),
    ("compress", compress::decode),
    #[cfg(feature = "docker")]
    ("docker-import", docker::import::decode),
    #[cfg(feature = "docker")]
    ("docker-push", docker::push::decode),
    #[cfg(feature = "docker")]
    ("docker-save", docker::save::decode),
    #[cfg(feature = "docker")]
    ("docker-tag", docker::tag::decode),
    ("manifest", manifest::decode),
    ("shell-local", shell_local::decode),
];

/// The last part of a path, as lists and archives show it.
fn base_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
