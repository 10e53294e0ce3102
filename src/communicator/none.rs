//! The communicator of a build without a machine: every call is an error that says so.

use std::path::Path;

use async_trait::async_trait;

use super::{Answer, Communicator, CommunicatorError, Content, Exit, Question, Script};
use crate::run::BuildContext;

/// `communicator = "none"`. Provisioners that work beside the machine never call it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoCommunicator;

#[async_trait]
impl Communicator for NoCommunicator {
    async fn exec(&self, _: &str, _: &BuildContext) -> Result<Exit, CommunicatorError> {
        Err(CommunicatorError::NoMachine("run a command on"))
    }

    async fn ask(&self, _: &Question<'_>, _: &BuildContext) -> Result<Answer, CommunicatorError> {
        Err(CommunicatorError::NoMachine("ask"))
    }

    async fn run_script(&self, _: &Script<'_>, _: &BuildContext) -> Result<Exit, CommunicatorError> {
        Err(CommunicatorError::NoMachine("run a script on"))
    }

    async fn upload_file(&self, _: Content<'_>, _: &str, _: &BuildContext) -> Result<(), CommunicatorError> {
        Err(CommunicatorError::NoMachine("upload to"))
    }

    async fn upload_directory(&self, _: &str, _: &str, _: &BuildContext) -> Result<(), CommunicatorError> {
        Err(CommunicatorError::NoMachine("upload to"))
    }

    async fn download_file(&self, _: &str, _: &Path, _: &BuildContext) -> Result<(), CommunicatorError> {
        Err(CommunicatorError::NoMachine("download from"))
    }

    async fn download_directory(&self, _: &str, _: &Path, _: &BuildContext) -> Result<(), CommunicatorError> {
        Err(CommunicatorError::NoMachine("download from"))
    }
}
