//! Provisioner `shell`: runs scripts on the machine. Each is uploaded, run and removed by one call of the
//! communicator.

mod config;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
pub(super) use config::decode;
use config::{PASSING_DISCONNECT, Shell};

use super::{ProvisionError, Provisioner};
use crate::communicator::{Communicator, CommunicatorError, Content, Exit, Script};
use crate::eval::interpolate::over;
use crate::run::BuildContext;
use crate::run::inputs::Local;
use crate::script::{Source, joined};

/// Time between two attempts to start a script.
const RETRY: Duration = Duration::from_secs(2);

#[async_trait]
impl Provisioner for Shell {
    fn locals(&self) -> Vec<Local> {
        self.script.locals()
    }

    async fn provision(&self, on: &dyn Communicator, cx: &BuildContext) -> Result<(), ProvisionError> {
        let path = self.remote_path();
        let (variables, file) = self.variables(on, cx).await?;
        let data = over(&self.facts, [("Path", path.as_str()), ("Vars", &variables), ("EnvVarFile", &file)]);
        let command = self.interpolation.render(&self.execute_command, &data);
        let command = command.map_err(|error| ProvisionError::Failed(format!("execute_command: {error}")))?;
        match &self.script.source {
            Source::Inline(lines) => {
                cx.say("Provisioning with shell script: inline");
                let text = joined(lines, self.shebang(lines));
                self.one(text.into(), &path, &command, on, cx).await?;
            }
            Source::Files(files) => {
                for file in files {
                    cx.say(format!("Provisioning with shell script: {file}"));
                    let full = cx.run.cwd.join(file);
                    let content = tokio::fs::read(&full).await.map_err(|error| {
                        ProvisionError::Failed(format!("could not read script {}: {error}", full.display()))
                    })?;
                    self.one(content, &path, &command, on, cx).await?;
                }
            }
        }
        if !file.is_empty() && !self.skip_clean {
            self.remove(&file, on, cx).await?;
        }
        if !self.pause_after.is_zero() {
            cx.say(format!("Pausing {:?} after this provisioner...", self.pause_after));
            cx.cancel.unless_stopped(tokio::time::sleep(self.pause_after)).await?;
        }
        Ok(())
    }
}

impl Shell {
    /// The variables as text for the command line, or the path of a file on the machine that sets them.
    async fn variables(&self, on: &dyn Communicator, cx: &BuildContext) -> Result<(String, String), ProvisionError> {
        let text = self.script.environment.written(&self.format, cx);
        if !self.use_env_var_file {
            return Ok((text, String::new()));
        }
        let file = format!("{}/varfile_{}.sh", self.remote_folder, rand::random_range(0..9999));
        let content = Content::Bytes { bytes: text.into(), mode: 0o600 };
        self.started(cx, || on.upload_file(content.clone(), &file, cx)).await?;
        Ok((String::new(), file))
    }

    /// Runs one script and judges how it ended.
    async fn one(
        &self,
        mut content: Vec<u8>,
        path: &str,
        command: &str,
        on: &dyn Communicator,
        cx: &BuildContext,
    ) -> Result<(), ProvisionError> {
        if !self.binary {
            to_unix_lines(&mut content);
        }
        let script = Script { content: Bytes::from(content), path, command, keep: self.skip_clean };
        match self.started(cx, || on.run_script(&script, cx)).await? {
            Exit::Status(status) if self.script.allows(status) => Ok(()),
            Exit::Status(status) => Err(ProvisionError::Failed(self.script.refusal(status))),
            Exit::Disconnected if self.expect_disconnect || self.script.allows(PASSING_DISCONNECT) => {
                // The call that broke could not clean up behind itself.
                if self.skip_clean { Ok(()) } else { self.remove(path, on, cx).await }
            }
            Exit::Disconnected => Err(ProvisionError::Failed(
                "Script disconnected unexpectedly. If you expected your script to disconnect, i.e. from a restart, you \
                 can try adding `expect_disconnect = true` to the shell provisioner."
                    .to_owned(),
            )),
        }
    }

    async fn remove(&self, path: &str, on: &dyn Communicator, cx: &BuildContext) -> Result<(), ProvisionError> {
        let command = format!("rm -f {path}");
        let removed = self.started(cx, || async {
            match on.exec(&command, cx).await? {
                Exit::Disconnected => Err(CommunicatorError::Remote(format!("disconnected while removing {path}"))),
                Exit::Status(status) => Ok(status),
            }
        });
        match removed.await? {
            0 => Ok(()),
            status => Err(ProvisionError::Failed(format!("could not remove {path}: rm exited with status {status}"))),
        }
    }

    /// Makes `call` until it gets through to the machine, for at most `start_retry_timeout`. Only failures to upload
    /// or start are worth it: what a script itself returns is final.
    async fn started<T, F>(&self, cx: &BuildContext, call: impl Fn() -> F) -> Result<T, CommunicatorError>
    where
        F: Future<Output = Result<T, CommunicatorError>>,
    {
        let begun = tokio::time::Instant::now();
        let mut told = false;
        loop {
            match call().await {
                Err(error) if error.may_pass() && begun.elapsed() + RETRY < self.start_retry_timeout => {
                    if !told {
                        cx.warn(format!("{error}; trying again for {:?}", self.start_retry_timeout));
                        told = true;
                    }
                }
                done => return done,
            }
            cx.cancel.unless_stopped(tokio::time::sleep(RETRY)).await?;
        }
    }

    /// The line that a script of inline lines gets in front: none when it brings its own and the template asks for
    /// no other.
    fn shebang(&self, lines: &[String]) -> Option<&str> {
        let own = lines.first().is_some_and(|line| line.starts_with("#!"));
        match &self.script.inline_shebang {
            None if own => None,
            None => Some("/bin/sh -e"),
            Some(asked) => Some(asked),
        }
    }

    fn remote_path(&self) -> String {
        match &self.remote_path {
            Some(path) => path.clone(),
            None => format!("{}/script_{}.sh", self.remote_folder, rand::random_range(0..9999)),
        }
    }
}

/// Turns every CR LF into LF, in place.
fn to_unix_lines(content: &mut Vec<u8>) {
    let mut kept = 0;
    for at in 0..content.len() {
        if content[at] == b'\r' && content.get(at + 1) == Some(&b'\n') {
            continue;
        }
        content[kept] = content[at];
        kept += 1;
    }
    content.truncate(kept);
}
