//! A script in one exec: its text comes in by stdin, a shell stores it, runs the command and removes it.

use super::{DockerExec, shell};
use crate::communicator::wrapper::{NOT_STORED, RUN, STORE_AND_RUN, subshell};
use crate::communicator::{CommunicatorError, Content, Exit, Script};
use crate::run::BuildContext;

impl DockerExec {
    pub(super) async fn put_and_run(&self, script: &Script<'_>, cx: &BuildContext) -> Result<Exit, CommunicatorError> {
        let mark = self.mark();
        let keep = if script.keep { "keep" } else { "" };
        let command = subshell(script.command);
        // A terminal would echo the text and change its line ends.
        let by_stdin = !self.options.pty;
        if !by_stdin {
            let content = Content::Bytes { bytes: script.content.clone(), mode: 0o755 };
            self.put_file(content, script.path, cx).await?;
        }
        let wrapper = if by_stdin { STORE_AND_RUN } else { RUN };
        let stdin = by_stdin.then(|| script.content.clone());
        let exec = self.exec_of(shell(wrapper, &[script.path, &command, keep, &mark]), stdin);
        let (exit, tail) = self.run(exec, &mark, cx).await?;
        if exit == Exit::Status(NOT_STORED) && tail.contains(&mark) {
            return Err(CommunicatorError::Remote(format!("could not store the script at {}", script.path)));
        }
        Ok(exit)
    }
}
