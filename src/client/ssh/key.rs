//! Private keys and certificates.

use std::path::Path;
use std::sync::Arc;

use russh::keys::{Certificate, PrivateKey, decode_secret_key, load_openssh_certificate};

/// A private key, and the certificate that vouches for it. No `Debug`: it is a secret.
#[derive(Clone)]
pub(crate) struct Key {
    pub(super) private: Arc<PrivateKey>,
    pub(super) certificate: Option<Certificate>,
    /// As it was given: PEM or OpenSSH.
    text: Arc<str>,
}

impl Key {
    /// Reads a key of the forms OpenSSH, PKCS#1, PKCS#8 and SEC1. The error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let private = decode_secret_key(text, None).map_err(|error| match error {
            russh::keys::Error::KeyIsEncrypted => {
                "the key is protected by a passphrase; put it into an SSH agent and set ssh_agent_auth = true, or \
                 take the passphrase off a copy with ssh-keygen -p"
                    .to_owned()
            }
            other => format!("no private key that could be read: {other}"),
        })?;
        if private.is_encrypted() {
            return Err("the key is protected by a passphrase; use an SSH agent, or a copy without it".to_owned());
        }
        Ok(Self { private: Arc::new(private), certificate: None, text: text.into() })
    }

    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text)
    }

    /// Adds the certificate of the file, which must be one of this very key.
    pub(crate) fn with_certificate(mut self, path: &Path) -> Result<Self, String> {
        let certificate =
            load_openssh_certificate(path).map_err(|error| format!("{}: no certificate: {error}", path.display()))?;
        if certificate.public_key() != self.private.public_key().key_data() {
            return Err(format!("{}: a certificate of another key", path.display()));
        }
        self.certificate = Some(certificate);
        Ok(self)
    }

    /// The public half as a line of `authorized_keys`; empty when it cannot be written.
    pub(crate) fn public_line(&self) -> String {
        self.private.public_key().to_openssh().unwrap_or_default()
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}
