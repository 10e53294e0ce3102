//! Post-processors: what is done with an artifact after the machine is gone, in sequences.

use std::sync::Arc;

use async_trait::async_trait;

use crate::client::Services;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cancel::Cancelled;
use crate::run::journal::JournalError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum PostProcessError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{0}")]
    Failed(String),
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

/// A post-processor with its decoded configuration.
#[async_trait]
pub(crate) trait PostProcessor: Send + Sync {
    /// `input.facts` is what `build.*` is here.
    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError>;
}

/// Decodes a post-processor block; nothing when errors were added to the fields' diagnostics. Called twice, like a
/// provisioner's.
pub(crate) type Decode = fn(&mut Fields<'_>, &Arc<Services>) -> Option<Box<dyn PostProcessor>>;

/// Every post-processor by component type.
pub(crate) const TABLE: &[(&str, Decode)] = &[];
