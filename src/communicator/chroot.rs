//! Commands and files in a folder of this machine that is the root of another one.
//!
//! Everything goes through `chroot` itself, files too: a link in the folder then means what it means there, and leads
//! nowhere else.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::io::SyncIoBridge;

use super::landing::Landing;
use super::tree::{Tar, append_tree, inner_name, mode_of, under_its_name, unpack};
use super::wrapper::{RUN, make_target, subshell};
use super::{Answer, Communicator, CommunicatorError, Content, Cut, Exit, Question, Script};
use crate::client::archive::archive;
use crate::client::ssh::quoted;
use crate::run::BuildContext;
use crate::run::local_command::{self, LocalCommandError, Running};

/// Puts a command line into the one that the template wants it in, such as `sudo ...`.
pub(crate) type Wrap = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// Bytes of what a command says on stderr that are kept for the error.
const SAID: u64 = 4096;

impl From<LocalCommandError> for CommunicatorError {
    fn from(error: LocalCommandError) -> Self {
        match error {
            LocalCommandError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Permanent(other.to_string()),
        }
    }
}

/// A folder with everything that a machine's root has.
pub(crate) struct Chroot {
    root: PathBuf,
    wrap: Wrap,
}

/// What we write to a command ourselves.
enum Feed<'a> {
    Bytes(&'a [u8]),
    /// A folder, as a tar archive.
    Tree(&'a Path),
}

impl Chroot {
    pub(crate) fn new(root: PathBuf, wrap: Wrap) -> Self {
        Self { root, wrap }
    }

    /// The command line of ours that runs those words inside.
    fn line(&self, words: &[&str]) -> Result<String, CommunicatorError> {
        let mut line = format!("chroot {}", quoted(&self.root.to_string_lossy()));
        for word in words {
            line.push(' ');
            line.push_str(&quoted(word));
        }
        (self.wrap)(&line).map_err(CommunicatorError::Permanent)
    }

    async fn run(&self, words: &[&str], cx: &BuildContext) -> Result<Exit, CommunicatorError> {
        let arguments = ["-c".to_owned(), self.line(words)?];
        Ok(Exit::Status(local_command::run("/bin/sh", &arguments, &[], cx).await?))
    }

    /// Runs a shell text inside. `feed` is written to its stdin where that is a pipe; the tar archive of a folder's
    /// contents that it prints is unpacked in `target`. What it says on stderr is the error's text.
    async fn pipe(
        &self,
        text: &str,
        (stdin, feed): (Stdio, Option<Feed<'_>>),
        (stdout, target): (Stdio, Option<&Path>),
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let arguments = ["-c".to_owned(), self.line(&["/bin/sh", "-c", text])?];
        let mut command = local_command::prepared("/bin/sh", &arguments, cx);
        command.stdin(stdin).stdout(stdout);
        let mut running = Running::start(command, "/bin/sh", cx)?;
        let (input, output) = (running.child.stdin.take(), running.child.stdout.take());
        let stderr = running.child.stderr.take();
        let mut said = Vec::new();
        let listen = async {
            if let Some(mut stderr) = stderr {
                let _ = (&mut stderr).take(SAID).read_to_end(&mut said).await;
                let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
            }
        };
        let (ended, fed, taken, ()) =
            tokio::join!(running.ended(cx), write(input, feed, cx), read(output, target), listen);
        let status = ended?;
        // What went wrong on our side is why the other side ended.
        fed?;
        if status != 0 {
            let said = String::from_utf8_lossy(&said);
            return Err(CommunicatorError::Permanent(format!("{} (status {status})", said.trim())));
        }
        taken
    }
}

async fn write(
    input: Option<tokio::process::ChildStdin>,
    feed: Option<Feed<'_>>,
    cx: &BuildContext,
) -> Result<(), CommunicatorError> {
    let (Some(mut input), Some(feed)) = (input, feed) else { return Ok(()) };
    match feed {
        // A command that ends without reading says why by its status.
        Feed::Bytes(bytes) => drop(input.write_all(bytes).await),
        Feed::Tree(root) => {
            let (walked, events) = (root.to_owned(), cx.events.clone());
            let fill = move |tar: &mut Tar| append_tree(tar, &walked, Path::new(""), None, &events);
            let (body, task) = archive(fill).split();
            let mut body = std::pin::pin!(body);
            while let Some(chunk) = body.next().await {
                let Ok(chunk) = chunk else { break };
                if input.write_all(&chunk).await.is_err() {
                    return Ok(());
                }
            }
            if let Some(error) = task.error().await {
                return Err(CommunicatorError::local(root, error));
            }
        }
    }
    Ok(())
}

async fn read(output: Option<tokio::process::ChildStdout>, target: Option<&Path>) -> Result<(), CommunicatorError> {
    let (Some(output), Some(target)) = (output, target) else { return Ok(()) };
    let (reader, own) = (SyncIoBridge::new(output), target.to_owned());
    let unpacked = tokio::task::spawn_blocking(move || {
        let reader: Box<dyn io::Read + Send> = Box::new(reader);
        unpack(&mut tar::Archive::new(reader), &own)
    });
    let unpacked = unpacked.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    unpacked.map_err(|error| CommunicatorError::local(target, error))
}

/// Says what was tried in front of what the machine said.
fn at(what: &str, done: Result<(), CommunicatorError>) -> Result<(), CommunicatorError> {
    done.map_err(|error| match error {
        CommunicatorError::Permanent(said) => CommunicatorError::Permanent(format!("could not {what}: {said}")),
        other => other,
    })
}

#[async_trait]
impl Communicator for Chroot {
    async fn exec(&self, command: &str, cx: &BuildContext) -> Result<Exit, CommunicatorError> {
        self.run(&["/bin/sh", "-c", command], cx).await
    }

    async fn ask(&self, question: &Question<'_>, cx: &BuildContext) -> Result<Answer, CommunicatorError> {
        let words = [&["/bin/sh", "-c", question.script, "/bin/sh"], question.words].concat();
        let arguments = ["-c".to_owned(), self.line(&words)?];
        let mut command = local_command::prepared("/bin/sh", &arguments, cx);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Ended with all it started when it is let go of.
        let mut running = Running::start(command, "/bin/sh", cx)?;
        let mut answer = Answer::default();
        let Some(mut output) = running.child.stdout.take() else { return Ok(answer) };
        let work = async {
            let mut buffer = vec![0; 64 << 10];
            loop {
                let count = output.read(&mut buffer).await.unwrap_or_default();
                if count == 0 || !answer.take(&buffer[..count], question.longest) {
                    break;
                }
            }
        };
        let done = cx.cancel.unless_stopped(tokio::time::timeout(question.patience, work)).await?;
        match (done, answer.cut) {
            (Err(_), _) => answer.cut = Some(Cut::TooLate),
            (Ok(()), None) => drop(running.ended(cx).await?),
            (Ok(()), Some(_)) => {}
        }
        Ok(answer)
    }

    async fn run_script(&self, script: &Script<'_>, cx: &BuildContext) -> Result<Exit, CommunicatorError> {
        let content = Content::Bytes { bytes: script.content.clone(), mode: 0o755 };
        self.upload_file(content, script.path, cx).await?;
        let (command, keep) = (subshell(script.command), if script.keep { "keep" } else { "" });
        self.run(&["/bin/sh", "-c", RUN, "/bin/sh", script.path, &command, keep], cx).await
    }

    async fn upload_file(
        &self,
        content: Content<'_>,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let (feed, mode) = match &content {
            Content::Bytes { bytes, mode } => ((Stdio::piped(), Some(Feed::Bytes(bytes))), *mode),
            Content::File(path) => {
                let file = std::fs::File::open(path).map_err(|error| CommunicatorError::local(path, error))?;
                let found = file.metadata().map_err(|error| CommunicatorError::local(path, error))?;
                ((Stdio::from(file), None), mode_of(&found))
            }
        };
        let text = format!("{{ umask 077; cat >{0}; }} && chmod {mode:o} {0}", quoted(destination));
        at(&format!("write {destination}"), self.pipe(&text, feed, (Stdio::null(), None), cx).await)
    }

    async fn upload_directory(
        &self,
        source: &str,
        destination: &str,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let root = Path::new(source);
        let inner = inner_name(source).map_err(|error| CommunicatorError::local(root, error))?;
        let text = format!("{} && exec tar -xof - -C \"$d\"", make_target(&quoted(destination), &inner));
        let done = self.pipe(&text, (Stdio::piped(), Some(Feed::Tree(root))), (Stdio::null(), None), cx).await;
        at(&format!("upload the folder {source} to {destination}"), done)
    }

    async fn download_file(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let (file, landing) = Landing::at(destination, cx)?;
        let done = self.pipe(&format!("cat {}", quoted(source)), (Stdio::null(), None), (file.into(), None), cx).await;
        at(&format!("read {source}"), done)?;
        landing.keep()
    }

    async fn download_directory(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let text = format!("tar -cf - -C {} .", quoted(source));
        let target = under_its_name(destination, source);
        let done = self.pipe(&text, (Stdio::null(), None), (Stdio::piped(), Some(&target)), cx).await;
        at(&format!("read the folder {source}"), done)
    }
}
