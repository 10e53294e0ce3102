//! A script in one exec: its text comes in by stdin, a shell stores it, runs the command and removes it.

use super::{DockerExec, shell};
use crate::communicator::{CommunicatorError, Content, Exit, Script};
use crate::run::BuildContext;

/// Status of the wrapper when the script could not be stored; told from the script's own by the mark on stderr.
const NOT_STORED: i64 = 254;

/// `$1` path, `$2` command, `$3` whether to keep the script, `$4` mark. `cat` reads to the end, so the script sees
/// an empty stdin. The file is there before it is filled, with no more than its owner's rights.
const STORE_AND_RUN: &str = r#"{ (umask 077 && cat >"$1") && chmod 0755 "$1"; } || { echo "the script could not be stored [$4]" >&2; exit 254; }
/bin/sh -c "$2"
s=$?
[ "$3" = keep ] || rm -f "$1"
exit $s"#;

/// The same for a script that was uploaded before.
const RUN: &str = r#"/bin/sh -c "$2"
s=$?
[ "$3" = keep ] || rm -f "$1"
exit $s"#;

/// A command line as the peer runs it, in a subshell. The line end keeps a comment from swallowing the bracket.
pub(super) fn subshell(command: &str) -> String {
    format!("({command}\n)")
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_does_not_swallow_the_bracket() {
        assert_eq!(subshell("true # yes"), "(true # yes\n)");
    }
}
