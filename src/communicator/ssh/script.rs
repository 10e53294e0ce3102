//! A script in one command: its text comes in by stdin, a shell stores it, runs the command and removes it.

use super::Ssh;
use crate::client::ssh::{quoted, quoted_path};
use crate::communicator::wrapper::{NOT_STORED, RUN, STORE_AND_RUN};
use crate::communicator::{CommunicatorError, Content, Exit, Script};
use crate::run::BuildContext;

impl Ssh {
    pub(super) async fn put_and_run(&self, script: &Script<'_>, cx: &BuildContext) -> Result<Exit, CommunicatorError> {
        // A text that no script prints by chance.
        let mark = format!("forge-{:016x}", rand::random::<u64>());
        let keep = if script.keep { "keep" } else { "" };
        let (wrapper, input) = match self.config().pty {
            // A terminal would echo the text and change its line ends.
            true => {
                let content = Content::Bytes { bytes: script.content.clone(), mode: 0o755 };
                self.put_file(content, script.path, cx).await?;
                (RUN, bytes::Bytes::new())
            }
            false => (STORE_AND_RUN, script.content.clone()),
        };
        let path = quoted_path(script.path);
        let command =
            ["/bin/sh -c", &quoted(wrapper), "/bin/sh", &path, &quoted(script.command), &quoted(keep), &quoted(&mark)];
        let (exit, tail) = self.run(&command.join(" "), input, self.config().pty, cx).await?;
        let said = tail.text();
        if exit == Exit::Status(NOT_STORED) && said.contains(&mark) {
            let why = said.lines().filter(|line| !line.contains(&mark)).collect::<Vec<_>>().join("; ");
            return Err(CommunicatorError::Remote(format!("could not store the script at {}: {why}", script.path)));
        }
        Ok(exit)
    }
}
