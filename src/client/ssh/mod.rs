//! SSH: one authenticated connection to a machine, directly, through a proxy or through a bastion.

mod agent;
mod auth;
mod connect;
mod handler;
mod impatient;
mod key;
mod offer;
mod run;
mod session;
mod sftp;
#[cfg(test)]
pub(crate) mod testing;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use connect::{Progress, connect};
pub(crate) use handler::HostKeys;
pub(crate) use key::Key;
pub(crate) use run::{Ended, Input, Output, Piece, Running};
pub(crate) use session::Session;
pub(crate) use sftp::{Found, Sftp};

/// A machine to log in to. No `Debug`: it holds credentials.
#[derive(Clone)]
pub(crate) struct Hop {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub credentials: Credentials,
}

/// What is offered, in this order unless `password_first`: the agent's keys, keys, the password, the password as the
/// answer to questions. Each only while the machine wants its kind.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    pub agent: bool,
    pub keys: Vec<Key>,
    pub password: Option<String>,
    /// Questions are answered with the password. Beside a password it is tried in any case.
    pub interactive: bool,
    /// The password before the keys: a machine that allows one failure knows the difference.
    pub password_first: bool,
}

impl Credentials {
    /// The answer to questions.
    fn answers(&self) -> Option<&str> {
        self.password.as_deref().or(self.interactive.then_some(""))
    }
}

/// A SOCKS5 proxy.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub host: String,
    pub port: u16,
    pub username: String,
    pub password: String,
}

/// The way to the machine.
#[derive(Clone)]
pub(crate) enum Via {
    Direct,
    Proxy(Proxy),
    Bastion(Box<Hop>),
    Own(Arc<dyn Dial>),
}

/// A stream that carries a connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A way to a machine that is none of the network's. Asked for a stream for every connection.
#[async_trait]
pub(crate) trait Dial: Send + Sync {
    async fn dial(&self, port: u16) -> Result<Box<dyn Stream>, SshError>;
}

/// A port that is forwarded: who connects to `port` on the listening side reaches `host:target` from the other one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tunnel {
    pub port: u16,
    pub host: String,
    pub target: u16,
}

/// Properties of connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Names, most preferred first; empty for ours.
    pub ciphers: Vec<String>,
    pub key_exchanges: Vec<String>,
    /// Pause after which a silent machine is asked for a sign of life.
    pub keep_alive: Option<Duration>,
    /// A connection that brings nothing for so long is given up.
    pub silence: Option<Duration>,
    /// Commands may use the agent that runs here.
    pub forward_agent: bool,
    /// Listened for here, connected to from the machine. Whoever connects listens: see [`Session::reach`].
    pub local_tunnels: Vec<Tunnel>,
    /// Listened for on the machine, connected to from here.
    pub remote_tunnels: Vec<Tunnel>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SshError {
    /// Nobody answers there, or the way there is closed.
    #[error("{0}")]
    Unreachable(String),
    /// Somebody answers, and the two sides find no common ground.
    #[error("{0}")]
    Handshake(String),
    /// The machine knows the user or the key not.
    #[error("{0}")]
    Authentication(String),
    /// The machine shows another host key than before.
    #[error("{0}")]
    HostKey(String),
    /// The connection broke.
    #[error("{0}")]
    Broken(String),
    /// The machine is still there, as far as the network knows, and does nothing any more.
    #[error("{0}")]
    Silent(String),
    /// The machine refuses a request on a connection that works.
    #[error("{0}")]
    Refused(String),
    /// The other side has no such program or subsystem.
    #[error("{0}")]
    Missing(String),
    /// Reading or writing on our side.
    #[error("{path}: {source}")]
    Local { path: String, source: std::io::Error },
}

impl From<russh::Error> for SshError {
    fn from(error: russh::Error) -> Self {
        match error {
            russh::Error::ChannelOpenFailure(why) => Self::Refused(format!("the machine opens no channel: {why:?}")),
            russh::Error::NoCommonAlgo { kind, ours, theirs } => Self::Handshake(format!(
                "no common algorithm for {kind:?}: ours are {}, theirs {}",
                ours.join(", "),
                theirs.join(", ")
            )),
            russh::Error::NotAuthenticated | russh::Error::NoAuthMethod => Self::Authentication(error.to_string()),
            russh::Error::KeepaliveTimeout => Self::Silent("the machine gave no sign of life".to_owned()),
            russh::Error::InactivityTimeout => {
                Self::Silent("nothing came from the machine for ssh_read_write_timeout".to_owned())
            }
            russh::Error::IO(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                Self::Silent("the machine takes nothing any more".to_owned())
            }
            other => Self::Broken(other.to_string()),
        }
    }
}

/// Names of the ciphers that can be asked for.
pub(crate) fn ciphers() -> Vec<&'static str> {
    names(russh::cipher::ALL_CIPHERS.iter().map(|name| (**name).as_ref()))
}

/// Names of the key exchanges that can be asked for.
pub(crate) fn key_exchanges() -> Vec<&'static str> {
    names(russh::kex::ALL_KEX_ALGORITHMS.iter().map(|name| (**name).as_ref()))
}

/// Those that protect nothing are left out.
fn names(all: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    all.filter(|name| !["none", "clear"].contains(name)).collect()
}

/// A text as one word of a shell's command line. The C shell takes `!` for one of its commands inside of quotes too.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=,@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''").replace('!', r"'\!'")),
    }
}

/// A path of the machine as one word of a shell's command line. A home in front, `~` or `~user`, stays outside the
/// quotes, for the shell knows where it is; a dash in front is none of an option.
pub(crate) fn quoted_path(path: &str) -> String {
    match split_home(path) {
        Some((home, "")) => home.to_owned(),
        Some((home, rest)) => format!("{home}/{}", if rest == "/" { String::new() } else { quoted(&rest[1..]) }),
        None if path.starts_with('-') => quoted(&format!("./{path}")),
        None => quoted(path),
    }
}

/// The same for a path with patterns, which the shell replaces by what they match.
pub(crate) fn quoted_pattern(path: &str) -> String {
    if !path.contains(['*', '?', '[']) {
        return quoted_path(path);
    }
    let (home, rest) = split_home(path).unwrap_or(("", path));
    let mut word = home.to_owned();
    if home.is_empty() && rest.starts_with('-') {
        word.push_str("./");
    }
    let mut before = ' ';
    for c in rest.chars() {
        match c {
            '\n' => word.push_str("'\n'"),
            '!' | '^' if before == '[' => word.push(c),
            c if c.is_alphanumeric() || !c.is_ascii() || "/._-+:=,@%*?[]".contains(c) => word.push(c),
            c => word.extend(['\\', c]),
        }
        before = c;
    }
    word
}

/// The same path for SFTP, where relative ones start from the user's home. Nothing for another user's, which only a
/// shell finds.
pub(crate) fn sftp_path(path: &str) -> Option<&str> {
    match split_home(path) {
        Some(("~", rest)) => Some(match rest.trim_start_matches('/') {
            "" => ".",
            inside => inside,
        }),
        Some(_) => None,
        None => Some(path),
    }
}

/// Splits `~` or `~user` from the rest, which is empty or begins with a slash. What no shell takes for a home is none.
fn split_home(path: &str) -> Option<(&str, &str)> {
    let user = path.strip_prefix('~')?;
    let end = user.find('/').unwrap_or(user.len());
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    user[..end].chars().all(plain).then(|| path.split_at(end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_in_every_shell() {
        for (text, word) in [("", "''"), ("a-b", "a-b"), ("it's", r"'it'\''s'"), ("a!b c", r"'a'\!'b c'")] {
            assert_eq!(quoted(text), word);
        }
    }

    #[test]
    fn patterns_are_left_to_the_shell() {
        for (path, word) in [
            ("/tmp/r/s*", "/tmp/r/s*"),
            ("~/a b?", "~/a\\ b?"),
            ("/tmp/[!a-c]$(id)'\n*", "/tmp/[!a-c]\\$\\(id\\)\\''\n'*"),
            ("-r*", "./-r*"),
            ("/a b", "'/a b'"),
        ] {
            assert_eq!(quoted_pattern(path), word);
        }
    }

    #[test]
    fn homes_are_left_to_the_shell() {
        for (path, word, sftp) in [
            ("/a b", "'/a b'", Some("/a b")),
            ("~", "~", Some(".")),
            ("~/", "~/", Some(".")),
            ("~/a b", "~/'a b'", Some("a b")),
            ("~/.ssh/config", "~/.ssh/config", Some(".ssh/config")),
            ("~www-data/x", "~www-data/x", None),
            ("~$(id)/x", "'~$(id)/x'", Some("~$(id)/x")),
            ("a~/b", "'a~/b'", Some("a~/b")),
            ("-r/b", "./-r/b", Some("-r/b")),
        ] {
            assert_eq!(quoted_path(path), word);
            assert_eq!(sftp_path(path), sftp, "{path}");
        }
    }
}
