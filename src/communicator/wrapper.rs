//! The shell text that stores a script, runs it and removes it in one go.

use crate::client::ssh::quoted;

/// Status of the wrapper when the script could not be stored; told from the script's own by the mark on stderr.
pub(super) const NOT_STORED: i64 = 254;

/// `$1` path, `$2` command, `$3` whether to keep the script, `$4` mark. `cat` reads to the end, so the script sees
/// an empty stdin. The file is there before it is filled, with no more than its owner's rights. One of somebody else,
/// whose mode is not ours to set, may be executable as it is. On one line, since the C shell, which may be the one that
/// is given it, takes no line end inside of quotes.
pub(super) const STORE_AND_RUN: &str = concat!(
    r#"(umask 077 && cat >"$1") || { echo "the script could not be stored [$4]" >&2; exit 254; }; chmod 0755 "$1"; "#,
    r#"/bin/sh -c "$2"; s=$?; [ "$3" = keep ] || rm -f "$1"; exit $s"#
);

/// The same for a script that was uploaded before.
pub(super) const RUN: &str = r#"/bin/sh -c "$2"; s=$?; [ "$3" = keep ] || rm -f "$1"; exit $s"#;

/// A command line as the peer runs it, in a subshell. The line end keeps a comment from swallowing the bracket.
pub(super) fn subshell(command: &str) -> String {
    format!("({command}\n)")
}

/// Shell text that sets `$d` to the folder for the contents: the destination itself when it is not there yet or when
/// `inner` is empty, else the folder `inner` in it; then `$i` says so. The destination comes as a word for a shell.
pub(super) fn choose_target(destination: &str, inner: &str) -> String {
    match inner {
        "" => format!("d={destination}; i="),
        inner => format!("d={destination}; i=; if [ -d \"$d\" ]; then i=/{}; d=$d$i; fi", quoted(inner)),
    }
}

/// The same, and makes that folder.
pub(super) fn make_target(destination: &str, inner: &str) -> String {
    format!("{}; mkdir -p \"$d\"", choose_target(destination, inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_are_one_line() {
        assert!(!format!("{STORE_AND_RUN}{RUN}").contains('\n'));
    }

    #[test]
    fn a_comment_does_not_swallow_the_bracket() {
        assert_eq!(subshell("true # yes"), "(true # yes\n)");
    }
}
