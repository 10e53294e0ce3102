//! Commands on the machine that runs forge: output as events, a process group of their own, an end on cancel.
//!
//! Used by what runs the user's local scripts. The command inherits our environment without the runner's credentials.

use std::process::{ExitStatus, Stdio};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::BuildContext;
use super::cancel::Cancelled;
use super::event::Stream;
use super::lines::LineWriter;

/// Between fork and exec a new process holds copies of all our open files, and a system does not execute a file that
/// anybody has open for writing ("text file busy"). So nothing starts while a script is written.
static STARTS: RwLock<()> = RwLock::new(());

/// Writes a file that is to be executed; it is closed when `write` returns.
pub(crate) fn writing_executable<T>(write: impl FnOnce() -> T) -> T {
    let _alone = STARTS.write().unwrap_or_else(PoisonError::into_inner);
    write()
}

/// Starts a process.
pub(crate) fn starting<T>(start: impl FnOnce() -> T) -> T {
    let _together = STARTS.read().unwrap_or_else(PoisonError::into_inner);
    start()
}

/// Time between asking a cancelled command to end and killing it. The runner leaves ten seconds for everything.
const GRACE: Duration = Duration::from_secs(3);

/// How long output of background processes is waited for once the command itself has ended.
const LINGER: Duration = Duration::from_secs(2);

/// Variables that only the action's own process gets from the runner. With them a template, or anything that it runs,
/// could mint identity tokens for any audience and write to the caches of other jobs; a `run:` step cannot.
const WITHHELD: [&str; 8] = [
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_RUNTIME_URL",
    "ACTIONS_RESULTS_URL",
    "ACTIONS_CACHE_URL",
    "ACTIONS_CACHE_SERVICE_V2",
    "ACTIONS_CACHE_MODE",
];

/// Credentials of clouds, which are the run's own. A command gets them when the template gives them to it, as values of
/// its `environment_vars` or `env`.
const CLOUD: [&str; 11] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "ARM_CLIENT_SECRET",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "GOOGLE_APPLICATION_CREDENTIALS",
];

/// Inputs of the action, its `github-token` among them, come in variables with this prefix. A `GITHUB_TOKEN` in the
/// environment stays: only the workflow's author puts it there, with `env:`.
const INPUT_PREFIX: &str = "INPUT_";

#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalCommandError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error("could not start {program}: {source}")]
    Start { program: String, source: std::io::Error },
    #[error("could not wait for {program}: {source}")]
    Wait { program: String, source: std::io::Error },
}

/// Runs `program` with `arguments` and `variables` added to the environment. The status of a command that a signal
/// ended is 128 and the signal's number, as shells have it.
pub(crate) async fn run(
    program: &str,
    arguments: &[String],
    variables: &[(&str, &str)],
    cx: &BuildContext,
) -> Result<i64, LocalCommandError> {
    let mut command = prepared(program, arguments, cx);
    command.envs(variables.iter().copied());
    let mut running = Running::start(command, program, cx)?;
    let detached = CancellationToken::new();
    let child = &mut running.child;
    let readers = [
        child.stdout.take().map(|pipe| tokio::spawn(read(pipe, cx.lines(Stream::Stdout), detached.clone()))),
        child.stderr.take().map(|pipe| tokio::spawn(read(pipe, cx.lines(Stream::Stderr), detached.clone()))),
    ];
    let ended = running.ended(cx).await;
    let drained = async {
        for reader in readers.into_iter().flatten() {
            let _ = reader.await;
        }
    };
    // A process left in the background holds the pipes open; it must not hold up the build.
    if tokio::time::timeout(LINGER, drained).await.is_err() {
        detached.cancel();
    }
    ended
}

/// A command that can be started: nothing to read, its output for us, without the runner's credentials.
pub(crate) fn prepared(program: &str, arguments: &[String], cx: &BuildContext) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&cx.run.cwd).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_withheld) {
            command.env_remove(&name);
        }
    }
    // A group of its own: Ctrl-C in the terminal reaches us alone, and we end the command with all it started.
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// A command that runs, with all that it starts; killed when it is dropped before it has ended.
pub(crate) struct Running {
    pub(crate) child: Child,
    group: Group,
    program: String,
}

impl Running {
    pub(crate) fn start(mut command: Command, program: &str, cx: &BuildContext) -> Result<Self, LocalCommandError> {
        if cx.cancel.is_stopped() {
            return Err(Cancelled.into());
        }
        let child = starting(|| command.spawn())
            .map_err(|source| LocalCommandError::Start { program: program.to_owned(), source })?;
        let group = Group::of(&child);
        Ok(Self { child, group, program: program.to_owned() })
    }

    /// Waits for the status, and ends the command when the build is stopped.
    pub(crate) async fn ended(&mut self, cx: &BuildContext) -> Result<i64, LocalCommandError> {
        let ended = cx.cancel.unless_stopped(self.child.wait()).await;
        if ended.is_err() {
            self.group.end(&mut self.child, &cx.cancel.kill).await;
        }
        self.group.leave();
        let status = ended?.map_err(|source| LocalCommandError::Wait { program: self.program.clone(), source })?;
        Ok(code(status))
    }
}

fn is_withheld(name: &str) -> bool {
    WITHHELD.contains(&name) || CLOUD.contains(&name) || name.starts_with(INPUT_PREFIX)
}

/// Sends what `pipe` carries until its end. Once `detached`, it is read on and thrown away: a background process that
/// prints must not die of a closed pipe while we live.
async fn read(mut pipe: impl AsyncRead + Unpin, mut lines: LineWriter, detached: CancellationToken) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let count = tokio::select! {
            () = detached.cancelled() => break,
            count = pipe.read(&mut buffer) => count.unwrap_or(0),
        };
        if count == 0 {
            break;
        }
        lines.write(&buffer[..count]).await;
    }
    lines.finish();
    if detached.is_cancelled() {
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
}

#[cfg(unix)]
fn code(status: ExitStatus) -> i64 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().or_else(|| Some(128 + status.signal()?)).map_or(-1, i64::from)
}

#[cfg(not(unix))]
fn code(status: ExitStatus) -> i64 {
    status.code().map_or(-1, i64::from)
}

/// The process group of a running command; killed when the wait for it is dropped.
#[cfg(unix)]
struct Group(Option<rustix::process::Pid>);

#[cfg(unix)]
impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(rustix::process::Pid::from_raw))
    }

    /// Asks the group to end, waits for it a while, kills the rest.
    async fn end(&self, child: &mut Child, kill: &CancellationToken) {
        self.signal(rustix::process::Signal::TERM);
        let gone = async {
            let _ = child.wait().await;
            while self.0.is_some_and(|id| rustix::process::test_kill_process_group(id).is_ok()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = kill.cancelled() => {}
            _ = tokio::time::timeout(GRACE, gone) => {}
        }
        self.signal(rustix::process::Signal::KILL);
        let _ = child.wait().await;
    }

    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(id) = self.0 {
            let _ = rustix::process::kill_process_group(id, signal);
        }
    }

    /// The command has ended; what it left in the background may stay.
    fn leave(&mut self) {
        self.0 = None;
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        self.signal(rustix::process::Signal::KILL);
    }
}

/// Without process groups the command alone is ended.
#[cfg(not(unix))]
struct Group;

#[cfg(not(unix))]
impl Group {
    fn of(_: &Child) -> Self {
        Self
    }

    async fn end(&self, child: &mut Child, _: &CancellationToken) {
        let _ = child.kill().await;
    }

    fn leave(&mut self) {}
}
