//! Commands and files in a running container, through the engine's exec and archive calls.
//!
//! The engine's floor for one exec is some 50 ms, so a script is put, run and removed by a single one.

mod ask;
mod download;
mod script;
#[cfg(test)]
mod tests;
mod upload;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{Mutex, OnceCell};

use super::wrapper::subshell;
use super::{Answer, Communicator, CommunicatorError, Content, Exit, Question, Script};
use crate::client::docker::{Docker, DockerError, Exec};
use crate::run::BuildContext;
use crate::run::event::Stream;

/// Killing an abandoned command is a courtesy; nobody waits longer for it. In most cases it takes 0.1 s.
const KILL_LIMIT: Duration = Duration::from_secs(3);

impl From<DockerError> for CommunicatorError {
    fn from(error: DockerError) -> Self {
        match error {
            DockerError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Remote(other.to_string()),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct DockerExecOptions {
    pub container: String,
    /// As the container is configured; empty for root.
    pub container_user: String,
    /// Whom commands run as; empty for the container's user.
    pub exec_user: String,
    pub pty: bool,
    /// Uploaded files belong to the container's user; otherwise they keep the numbers they have here.
    pub fix_owner: bool,
}

/// The connection to one container.
pub(crate) struct DockerExec {
    docker: Docker,
    options: DockerExecOptions,
    /// One command at a time.
    turn: Mutex<()>,
    /// User and group of the container's user, looked up by the first upload.
    owner: OnceCell<(u64, u64)>,
    marks: AtomicU64,
}

/// What a command printed on stderr last, enough to recognise the shell's own complaint.
struct Tail(Vec<u8>);

impl Tail {
    const LENGTH: usize = 512;

    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&bytes[bytes.len().saturating_sub(Self::LENGTH)..]);
        self.0.drain(..self.0.len().saturating_sub(Self::LENGTH));
    }

    fn contains(&self, mark: &str) -> bool {
        String::from_utf8_lossy(&self.0).contains(mark)
    }
}

impl DockerExec {
    pub(crate) fn new(docker: Docker, options: DockerExecOptions) -> Self {
        Self { docker, options, turn: Mutex::new(()), owner: OnceCell::new(), marks: AtomicU64::new(0) }
    }

    /// A text that no command prints by chance and by which its process is found again.
    fn mark(&self) -> String {
        format!("forge-{:016x}-{}", rand::random::<u64>(), self.marks.fetch_add(1, Ordering::Relaxed))
    }

    fn exec_of(&self, command: Vec<String>, stdin: Option<Bytes>) -> Exec {
        Exec { command, user: self.options.exec_user.clone(), tty: self.options.pty, stdin, env: Vec::new() }
    }

    /// Runs a command, its output as events. `mark` is an argument of its process.
    async fn run(&self, exec: Exec, mark: &str, cx: &BuildContext) -> Result<(Exit, Tail), CommunicatorError> {
        let _turn = cx.cancel.unless_stopped(self.turn.lock()).await?;
        let work = self.run_to_end(exec, cx);
        match cx.cancel.unless_stopped(work).await {
            Ok(done) => done,
            Err(cancelled) => {
                let _ = tokio::time::timeout(KILL_LIMIT, cx.cancel.unless_killed(self.kill(mark))).await;
                Err(cancelled.into())
            }
        }
    }

    async fn run_to_end(&self, exec: Exec, cx: &BuildContext) -> Result<(Exit, Tail), CommunicatorError> {
        let container = &self.options.container;
        let mut running = match self.docker.exec(container, exec).await {
            Ok(running) => running,
            Err(error) => {
                return Err(match self.end_of_container().await {
                    Ok(Some(end)) => CommunicatorError::Permanent(format!(
                        "the container is not running any more {end}: it lasts as long as its own command, which a \
                         shell with \"-i -t\" keeps up"
                    )),
                    Ok(None) | Err(_) => error.into(),
                });
            }
        };
        let (mut out, mut err) = (cx.lines(Stream::Stdout), cx.lines(Stream::Stderr));
        let mut tail = Tail(Vec::new());
        while let Some(piece) = running.output.next().await {
            let piece = piece?;
            match piece.stream {
                Stream::Stdout => out.write(&piece.bytes).await,
                Stream::Stderr => {
                    tail.push(&piece.bytes);
                    err.write(&piece.bytes).await;
                }
            }
        }
        out.finish();
        err.finish();
        match self.docker.exec_status(&running.id).await {
            // Ended by a signal, perhaps along with the whole container, which never comes back.
            Ok(Some(status)) if status < 128 => Ok((Exit::Status(status), tail)),
            status => {
                if let Some(end) = self.end_of_container().await? {
                    let text = format!("the container stopped while the command ran {end}");
                    return Err(CommunicatorError::Permanent(text));
                }
                match status? {
                    Some(status) => Ok((Exit::Status(status), tail)),
                    None => Err(CommunicatorError::Remote("the command's output ended but not the command".to_owned())),
                }
            }
        }
    }

    /// How the container ended, in brackets, if it did; it does not come back.
    async fn end_of_container(&self) -> Result<Option<String>, DockerError> {
        let container = &self.options.container;
        let mut state = self.docker.inspect_container(container).await?;
        if state.running {
            // Its processes may have heard of the end before the engine did.
            tokio::time::sleep(Duration::from_millis(200)).await;
            state = self.docker.inspect_container(container).await?;
        }
        let why = if state.out_of_memory { ", out of memory" } else { "" };
        Ok((!state.running).then(|| format!("(exit code {}{why})", state.exit_code)))
    }

    /// Ends the process with `mark` among its arguments, and its children: an exec is the leader of its group.
    async fn kill(&self, mark: &str) {
        // The mark comes by environment, so that this shell does not find itself.
        let script = r#"for d in /proc/[0-9]*; do
            case "$(tr '\0' ' ' 2>/dev/null <"$d/cmdline")" in *"$FORGE_MARK"*) kill -9 -- "-${d#/proc/}" ;; esac
        done"#;
        let exec = Exec {
            command: shell(script, &[]),
            user: "0".to_owned(),
            env: vec![format!("FORGE_MARK={mark}")],
            ..Exec::default()
        };
        if let Ok(mut running) = self.docker.exec(&self.options.container, exec).await {
            while running.output.next().await.is_some() {}
        }
    }

    /// Runs a command as root without showing its output.
    pub(crate) async fn run_as_root(docker: &Docker, container: &str, command: &str) -> Result<(), DockerError> {
        let exec = Exec { command: shell(command, &[]), user: "0".to_owned(), ..Exec::default() };
        let mut running = docker.exec(container, exec).await?;
        while running.output.next().await.transpose()?.is_some() {}
        Ok(())
    }

    /// User and group that uploaded files get, when they are not to keep their own.
    async fn owner(&self) -> Result<Option<(u64, u64)>, CommunicatorError> {
        match self.options.fix_owner {
            true => self.owner.get_or_try_init(|| self.look_up_owner()).await.map(|owner| Some(*owner)),
            false => Ok(None),
        }
    }

    /// Numbers need no look-up; names are the container's to know, so it is asked, once.
    async fn look_up_owner(&self) -> Result<(u64, u64), CommunicatorError> {
        let user = self.options.container_user.as_str();
        if matches!(user, "" | "root" | "0" | "0:0" | "root:root") {
            return Ok((0, 0));
        }
        if let Some((Ok(uid), Ok(gid))) = user.split_once(':').map(|(uid, gid)| (uid.parse(), gid.parse())) {
            return Ok((uid, gid));
        }
        let exec = Exec { command: shell("id -u && id -g", &[]), user: user.to_owned(), ..Exec::default() };
        let mut running = self.docker.exec(&self.options.container, exec).await?;
        let mut text = Vec::new();
        while let Some(piece) = running.output.next().await {
            text.extend_from_slice(&piece?.bytes);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut numbers = text.lines().map(|line| line.trim().parse::<u64>());
        match (numbers.next(), numbers.next()) {
            (Some(Ok(uid)), Some(Ok(gid))) => Ok((uid, gid)),
            _ => Err(CommunicatorError::Remote(format!(
                "could not find out the numbers of the container's user {user:?}: {}",
                text.trim()
            ))),
        }
    }
}

/// `/bin/sh -c SCRIPT /bin/sh ARGS...`
fn shell(script: &str, args: &[&str]) -> Vec<String> {
    let mut command = vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()];
    if !args.is_empty() {
        command.push("/bin/sh".to_owned());
        command.extend(args.iter().map(|arg| (*arg).to_owned()));
    }
    command
}

#[async_trait]
impl Communicator for DockerExec {
    async fn exec(&self, command: &str, cx: &BuildContext) -> Result<Exit, CommunicatorError> {
        let mark = self.mark();
        let exec = self.exec_of(shell(&subshell(command), &[&mark]), None);
        Ok(self.run(exec, &mark, cx).await?.0)
    }

    async fn ask(&self, question: &Question<'_>, cx: &BuildContext) -> Result<Answer, CommunicatorError> {
        self.put_question(question, cx).await
    }

    async fn run_script(&self, script: &Script<'_>, cx: &BuildContext) -> Result<Exit, CommunicatorError> {
        self.put_and_run(script, cx).await
    }

    async fn upload_file(
        &self,
        content: Content<'_>,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        self.put_file(content, destination, cx).await
    }

    async fn upload_directory(
        &self,
        source: &str,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        self.put_directory(source, destination, cx).await
    }

    async fn download_file(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        self.fetch_file(source, destination, cx).await
    }

    async fn download_directory(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        self.fetch_directory(source, destination, cx).await
    }
}
