//! The connection to an instance, which says what became of the instance when it breaks: one that ended by itself, as a
//! spot instance may at any time, does not say so over SSH.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::client::aws::ec2::Ec2;
use crate::communicator::{Answer, Communicator, CommunicatorError, Content, Exit, Question, Script};
use crate::run::BuildContext;

/// While a machine is away, every attempt to reach it fails: it is asked about no more often than this.
const PAUSE: Duration = Duration::from_secs(15);

pub(super) struct Watched {
    inner: Arc<dyn Communicator>,
    ec2: Ec2,
    /// Id.
    instance: String,
    asked: Mutex<Option<Instant>>,
}

impl Watched {
    pub(super) fn of(inner: Arc<dyn Communicator>, ec2: &Ec2, instance: &str) -> Arc<dyn Communicator> {
        Arc::new(Self { inner, ec2: ec2.clone(), instance: instance.to_owned(), asked: Mutex::default() })
    }

    /// Why the instance never answers again; nothing while it may. One that was stopped may have been meant to be.
    async fn end(&self) -> Option<String> {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < PAUSE) {
            return None;
        }
        *asked = Some(Instant::now());
        let id = &self.instance;
        let why = match self.ec2.instance(id).await {
            Ok(Some(found)) if matches!(found.state.as_str(), "shutting-down" | "terminated") => {
                format!(
                    "the instance {id} ended in the middle of the build: it is {} ({})",
                    found.state, found.state_reason
                )
            }
            Ok(None) => format!("the instance {id} is gone"),
            Ok(Some(_)) | Err(_) => return None,
        };
        Some(self.ec2.with_console(id, why).await)
    }

    async fn explained<T>(&self, done: Result<T, CommunicatorError>) -> Result<T, CommunicatorError> {
        match done {
            Err(CommunicatorError::Remote(text)) => Err(match self.end().await {
                Some(why) => CommunicatorError::Permanent(format!("{text}: {why}")),
                None => CommunicatorError::Remote(text),
            }),
            done => done,
        }
    }

    async fn exit(&self, done: Result<Exit, CommunicatorError>) -> Result<Exit, CommunicatorError> {
        match done {
            Ok(Exit::Disconnected) => match self.end().await {
                Some(why) => Err(CommunicatorError::Permanent(format!("the connection broke: {why}"))),
                None => Ok(Exit::Disconnected),
            },
            done => self.explained(done).await,
        }
    }
}

#[async_trait]
impl Communicator for Watched {
    async fn exec(&self, command: &str, cx: &BuildContext) -> Result<Exit, CommunicatorError> {
        self.exit(self.inner.exec(command, cx).await).await
    }

    async fn ask(&self, question: &Question<'_>, cx: &BuildContext) -> Result<Answer, CommunicatorError> {
        self.explained(self.inner.ask(question, cx).await).await
    }

    async fn run_script(&self, script: &Script<'_>, cx: &BuildContext) -> Result<Exit, CommunicatorError> {
        self.exit(self.inner.run_script(script, cx).await).await
    }

    async fn upload_file(
        &self,
        content: Content<'_>,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        self.explained(self.inner.upload_file(content, destination, cx).await).await
    }

    async fn upload_directory(
        &self,
        source: &str,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        self.explained(self.inner.upload_directory(source, destination, cx).await).await
    }

    fn follows_links(&self) -> bool {
        self.inner.follows_links()
    }

    async fn download_file(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        self.explained(self.inner.download_file(source, destination, cx).await).await
    }

    async fn download_directory(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        self.explained(self.inner.download_directory(source, destination, cx).await).await
    }
}
