//! Commands in a running container: start, output as it comes, exit status.

use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;

use super::{Docker, DockerError};
use crate::run::event::Stream as Source;

/// Largest piece of output taken at once, in bytes.
const PIECE: usize = 64 << 10;

/// A command to run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exec {
    pub command: Vec<String>,
    /// `user`, `uid` or `uid:gid`; empty for the container's own.
    pub user: String,
    pub tty: bool,
    pub env: Vec<String>,
    /// What the command reads; without it, nothing is attached.
    pub stdin: Option<Bytes>,
}

/// A piece of output.
#[derive(Debug)]
pub(crate) struct Output {
    pub stream: Source,
    pub bytes: Bytes,
}

/// A started command.
pub(crate) struct Running {
    pub id: String,
    pub output: Pin<Box<dyn Stream<Item = Result<Output, DockerError>> + Send>>,
    /// Feeds stdin; ends by itself, or when the command does not read on.
    _feeder: Option<Feeder>,
}

/// The task that feeds stdin, ended with the command.
struct Feeder(tokio::task::JoinHandle<()>);

impl Drop for Feeder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Docker {
    /// Starts a command. Its output ends when it (and whatever holds its output open) has ended.
    pub(crate) async fn exec(&self, container: &str, exec: Exec) -> Result<Running, DockerError> {
        let action = || format!("run a command in container {container}");
        let tty = exec.tty;
        let config = ExecConfig {
            attach_stdin: Some(exec.stdin.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(tty),
            cmd: Some(exec.command),
            env: (!exec.env.is_empty()).then_some(exec.env),
            user: (!exec.user.is_empty()).then_some(exec.user),
            ..ExecConfig::default()
        };
        let created = self.api.create_exec(container, config).await;
        let id = created.map_err(|error| DockerError::call(action(), &error))?.id;
        let options = StartExecOptions { detach: false, tty, output_capacity: Some(PIECE) };
        let started = self.api.start_exec(&id, Some(options)).await;
        let (output, mut input) = match started.map_err(|error| DockerError::call(action(), &error))? {
            StartExecResults::Attached { output, input } => (output, input),
            StartExecResults::Detached => {
                return Err(DockerError::Call {
                    action: action(),
                    reason: "the engine did not attach to it".to_owned(),
                });
            }
        };
        // Fed beside the reading: a command that prints much before it reads would block both.
        let feeder = exec.stdin.map(|bytes| {
            Feeder(tokio::spawn(async move {
                let _ = input.write_all(&bytes).await;
                let _ = input.shutdown().await;
            }))
        });
        let action = action();
        let output = output.map(move |piece| match piece {
            Ok(LogOutput::StdErr { message }) => Ok(Output { stream: Source::Stderr, bytes: message }),
            // Without a terminal, bytes outside any stream are the runtime's: the command never started.
            Ok(LogOutput::Console { message }) if !tty => {
                let reason = String::from_utf8_lossy(&message).trim().to_owned();
                Err(DockerError::Call { action: action.clone(), reason })
            }
            Ok(other) => Ok(Output { stream: Source::Stdout, bytes: other.into_bytes() }),
            Err(error) => Err(DockerError::call(action.clone(), &error)),
        });
        Ok(Running { id, output: Box::pin(output), _feeder: feeder })
    }

    /// Exit status of a command whose output has ended; nothing when the engine does not know one.
    pub(crate) async fn exec_status(&self, exec: &str) -> Result<Option<i64>, DockerError> {
        let found = self.api.inspect_exec(exec).await;
        let found = found.map_err(|error| DockerError::call("ask for a command's exit status", &error))?;
        Ok(found.exit_code.filter(|_| found.running != Some(true)))
    }
}
