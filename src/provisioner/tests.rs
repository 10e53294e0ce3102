//! A communicator that notes what it is asked and answers as told, for the tests of provisioners.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;

use crate::communicator::{Answer, Communicator, CommunicatorError, Content, Exit, Question, Script};
use crate::run::BuildContext;

#[derive(Default)]
pub(super) struct Recorder {
    pub calls: Mutex<Vec<String>>,
    /// Answers to `run_script`, in order; then always success.
    pub answers: Mutex<VecDeque<Result<Exit, CommunicatorError>>>,
}

impl Recorder {
    pub(super) fn answering(answers: impl IntoIterator<Item = Result<Exit, CommunicatorError>>) -> Self {
        Self { answers: Mutex::new(answers.into_iter().collect()), ..Self::default() }
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    fn note(&self, call: String) -> Result<(), CommunicatorError> {
        self.calls.lock().unwrap().push(call);
        Ok(())
    }
}

#[async_trait]
impl Communicator for Recorder {
    async fn exec(&self, command: &str, _: &BuildContext) -> Result<Exit, CommunicatorError> {
        self.note(format!("exec {command}"))?;
        Ok(Exit::Status(0))
    }

    async fn ask(&self, question: &Question<'_>, _: &BuildContext) -> Result<Answer, CommunicatorError> {
        self.note(format!("ask {}", question.script))?;
        Ok(Answer::default())
    }

    async fn run_script(&self, script: &Script<'_>, _: &BuildContext) -> Result<Exit, CommunicatorError> {
        let text = String::from_utf8_lossy(&script.content).into_owned();
        self.note(format!("script {} keep={} {} {text:?}", script.path, script.keep, script.command))?;
        self.answers.lock().unwrap().pop_front().unwrap_or(Ok(Exit::Status(0)))
    }

    async fn upload_file(
        &self,
        content: Content<'_>,
        destination: &str,
        _: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        self.note(match content {
            Content::File(path) => format!("upload {} {destination}", path.display()),
            Content::Bytes { bytes, mode } => {
                format!("upload {:?} {mode:o} {destination}", String::from_utf8_lossy(&bytes))
            }
        })
    }

    async fn upload_directory(
        &self,
        source: &str,
        destination: &str,
        _: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        self.note(format!("upload-dir {source} {destination}"))
    }

    async fn download_file(&self, source: &str, destination: &Path, _: &BuildContext) -> Result<(), CommunicatorError> {
        assert!(destination.parent().unwrap().is_dir());
        self.note(format!("download {source} {}", destination.display()))
    }

    async fn download_directory(
        &self,
        source: &str,
        destination: &Path,
        _: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        assert!(destination.is_dir());
        self.note(format!("download-dir {source} {}", destination.display()))
    }
}
