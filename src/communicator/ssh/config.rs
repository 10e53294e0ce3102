//! How a machine is logged in to, as the options say.

use std::path::PathBuf;
use std::time::Duration;

use crate::client::ssh::{Hop, Key, Settings, Via};
use crate::secret::Redactor;

/// How files get to the machine and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// The fastest that the machine has.
    Fastest,
    Scp,
    Sftp,
}

/// No `Debug`: it holds credentials.
#[derive(Clone)]
pub(crate) struct SshConfig {
    /// The host is empty until the builder knows it.
    pub hop: Hop,
    pub via: Via,
    pub settings: Settings,
    pub private_key_file: Option<PathBuf>,
    /// Name of a key pair that is there, of which the template has the private half.
    pub ssh_keypair_name: String,
    pub temporary_key_pair_name: String,
    /// `rsa` or `ed25519`; empty for the builder's default.
    pub temporary_key_pair_type: String,
    pub clear_authorized_keys: bool,
    pub pty: bool,
    /// Nothing: for ever.
    pub timeout: Option<Duration>,
    /// Refused logins before giving up. Nothing: until the time is over.
    pub handshake_attempts: Option<u32>,
    pub pause_before_connecting: Duration,
    pub method: Method,
    /// Say nothing of attempts.
    pub quiet: bool,
}

impl SshConfig {
    /// The same for a machine that may not be there yet: without limits, and without words until it answers.
    pub(crate) fn patient(&self) -> Self {
        Self { timeout: None, handshake_attempts: None, quiet: true, ..self.clone() }
    }

    /// Whether a key pair is made for the build: one is named, or nothing in the template lets us in.
    pub(crate) fn needs_temporary_key(&self) -> bool {
        let lets_in = self.hop.credentials.password.is_some() || !self.ssh_keypair_name.is_empty();
        self.private_key_file.is_none()
            && !self.hop.credentials.agent
            && (!lets_in || !self.temporary_key_pair_name.is_empty())
    }

    /// Hides keys and passwords from everything printed.
    pub(crate) fn hide(&self, redactor: &Redactor) {
        let mut hops = vec![&self.hop];
        match &self.via {
            Via::Bastion(bastion) => hops.push(bastion),
            Via::Proxy(proxy) if !proxy.password.is_empty() => redactor.add(&proxy.password),
            Via::Proxy(_) | Via::Direct | Via::Own(_) => {}
        }
        for hop in hops {
            hop.credentials.keys.iter().for_each(|key| redactor.add(key.text()));
            if let Some(password) = &hop.credentials.password {
                redactor.add(password);
            }
        }
    }

    /// Facts of `build.*`. `temporary` is the private half of the key pair that was made for the build.
    pub(crate) fn facts(&self, temporary: Option<&str>) -> Vec<(&'static str, String)> {
        let key =
            temporary.and_then(|text| Key::parse(text).ok()).or_else(|| self.hop.credentials.keys.first().cloned());
        let file = self.private_key_file.as_ref().map(|path| path.display().to_string());
        vec![
            ("ConnType", "ssh".to_owned()),
            ("Port", self.hop.port.to_string()),
            ("User", self.hop.user.clone()),
            ("Password", self.hop.credentials.password.clone().unwrap_or_default()),
            ("SSHPublicKey", key.as_ref().map(Key::public_line).unwrap_or_default()),
            ("SSHPrivateKey", key.as_ref().map(|key| key.text().to_owned()).unwrap_or_default()),
            ("SSHPrivateKeyFile", file.unwrap_or_default()),
            ("SSHAgentAuth", self.hop.credentials.agent.to_string()),
        ]
    }
}
