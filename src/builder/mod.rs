//! Builders: the two ends of a build. `launch` makes a machine, `capture` makes an artifact of it; the engine owns
//! everything between and releases what either end acquired.

#[cfg(feature = "docker")]
mod docker;
mod file;
mod null;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::client::Services;
use crate::communicator::Communicator;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cancel::Cancelled;
use crate::run::journal::JournalError;

/// What `build.*` becomes in provisioners: the common keys (`ID`, `Host`, `User`, ...) and the builder's own.
pub(crate) type Facts = BTreeMap<String, String>;

#[derive(Debug, thiserror::Error)]
pub(crate) enum BuilderError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A failed call or a refused request; the text says what was tried on what.
    #[error("{0}")]
    Failed(String),
}

/// A builder with its decoded configuration.
#[async_trait]
pub(crate) trait Builder: Send + Sync {
    /// Keys of `build.*` that only this builder has.
    fn own_facts(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether provisioners can run commands and move files on this builder's machine.
    fn has_machine(&self) -> bool {
        true
    }

    /// Makes a machine ready to be connected to. Acquires before it creates; on error leaves the release to the
    /// engine.
    async fn launch(&self, cx: &BuildContext) -> Result<Box<dyn Machine>, BuilderError>;
}

/// A launched machine.
#[async_trait]
pub(crate) trait Machine: Send + Sync {
    /// Opens the connection that provisioners use.
    async fn connect(&self, cx: &BuildContext) -> Result<Arc<dyn Communicator>, BuilderError>;

    /// What is known of the machine once it is connected.
    fn facts(&self) -> Facts;

    /// Makes the artifact, or nothing when the build is meant to leave none. What stays is taken off the cleanup
    /// stack; the machine itself remains for the engine to release.
    async fn capture(&self, cx: &BuildContext) -> Result<Option<Artifact>, BuilderError>;
}

/// Options of the communicators `ssh` and `winrm`, which are known and not there yet.
const SSH_OPTIONS: &[&str] = &[
    "ssh_host",
    "ssh_port",
    "ssh_username",
    "ssh_password",
    "ssh_keypair_name",
    "temporary_key_pair_name",
    "temporary_key_pair_type",
    "temporary_key_pair_bits",
    "ssh_ciphers",
    "ssh_clear_authorized_keys",
    "ssh_key_exchange_algorithms",
    "ssh_private_key_file",
    "ssh_certificate_file",
    "ssh_pty",
    "ssh_timeout",
    "ssh_wait_timeout",
    "ssh_agent_auth",
    "ssh_disable_agent_forwarding",
    "ssh_handshake_attempts",
    "ssh_bastion_host",
    "ssh_bastion_port",
    "ssh_bastion_agent_auth",
    "ssh_bastion_username",
    "ssh_bastion_password",
    "ssh_bastion_interactive",
    "ssh_bastion_private_key_file",
    "ssh_bastion_certificate_file",
    "ssh_file_transfer_method",
    "ssh_proxy_host",
    "ssh_proxy_port",
    "ssh_proxy_username",
    "ssh_proxy_password",
    "ssh_keep_alive_interval",
    "ssh_read_write_timeout",
    "ssh_remote_tunnels",
    "ssh_local_tunnels",
    "ssh_public_key",
    "ssh_private_key",
    "winrm_username",
    "winrm_password",
    "winrm_host",
    "winrm_no_proxy",
    "winrm_port",
    "winrm_timeout",
    "winrm_use_ssl",
    "winrm_insecure",
    "winrm_use_ntlm",
];

/// Decodes a source block; nothing when errors were added to the fields' diagnostics.
pub(crate) type Decode = fn(&mut Fields<'_>, &Arc<Services>) -> Option<Box<dyn Builder>>;

/// Every builder by component type.
pub(crate) const TABLE: &[(&str, Decode)] = &[
    #[cfg(feature = "docker")]
    ("docker", docker::decode),
    ("file", file::decode),
    ("null", null::decode),
];
