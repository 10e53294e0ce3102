//! Provisioners: what is done on (or beside) the machine between launch and capture, in the template's order.

mod breakpoint;
mod file;
mod shell;
mod shell_local;
mod sleep;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use crate::client::Services;
use crate::communicator::{Communicator, CommunicatorError};
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::cancel::Cancelled;
use crate::run::inputs::Local;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ProvisionError {
    #[error(transparent)]
    Cancelled(Cancelled),
    #[error(transparent)]
    Communicator(CommunicatorError),
    #[error("{0}")]
    Failed(String),
}

impl From<Cancelled> for ProvisionError {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}

impl From<CommunicatorError> for ProvisionError {
    fn from(error: CommunicatorError) -> Self {
        match error {
            CommunicatorError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Communicator(other),
        }
    }
}

/// A provisioner with its decoded configuration.
#[async_trait]
pub(crate) trait Provisioner: Send + Sync {
    /// Whether it runs commands or moves files on the machine; such a provisioner is refused at plan time for a
    /// build without one.
    fn needs_machine(&self) -> bool {
        true
    }

    /// Files and folders beside the template that it reads.
    fn locals(&self) -> Vec<Local> {
        Vec::new()
    }

    async fn provision(&self, on: &dyn Communicator, cx: &BuildContext) -> Result<(), ProvisionError>;
}

/// Decodes a provisioner block; nothing when errors were added to the fields' diagnostics. Called twice: at plan
/// time, where `build.*` is unknown (see [`Fields::is_unknown`]), and right before it runs.
pub(crate) type Decode = fn(&mut Fields<'_>, &Arc<Services>) -> Option<Box<dyn Provisioner>>;

/// Every provisioner by component type.
pub(crate) const TABLE: &[(&str, Decode)] = &[
    ("breakpoint", breakpoint::decode),
    ("file", file::decode),
    ("shell", shell::decode),
    ("shell-local", shell_local::decode),
    ("sleep", sleep::decode),
];
