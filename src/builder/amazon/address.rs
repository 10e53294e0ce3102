//! Where a running instance answers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::account::Account;
use super::config::RunOptions;
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::Instance;
use crate::communicator::ssh::{SshConfig, Target};

/// The `ssh_interface` that is no address.
pub(super) const SESSION_MANAGER: &str = "session_manager";
/// Looks at an instance in a VPC before its private address will do: a public one may come a little late.
const LOOKS_FOR_PUBLIC: u32 = 3;
/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// Pause between two looks whether the machine is still there.
const WATCH_PAUSE: Duration = Duration::from_secs(15);

/// Where the instance answers, looked up again until it is known.
pub(super) struct Address<'a> {
    account: &'a Account,
    run: &'a RunOptions,
    ssh: &'a SshConfig,
    /// The last look at the instance, and the number of looks.
    state: Mutex<(Instance, u32)>,
    /// Told for the facts.
    host: &'a Mutex<String>,
    /// Whether to look at the instance here; before, somebody else does and tells.
    asks: AtomicBool,
}

#[async_trait]
impl Target for Address<'_> {
    async fn address(&self) -> Result<Option<(String, u16)>, String> {
        if !self.ssh.hop.host.is_empty() {
            return Ok(Some(self.found(self.ssh.hop.host.clone())));
        }
        let (instance, looks) = self.state.lock().map(|state| state.clone()).unwrap_or_default();
        if self.run.network.ssh_interface == SESSION_MANAGER {
            return Ok(Some(self.found(instance.id)));
        }
        if let Some(host) = host(&instance, &self.run.network.ssh_interface, looks) {
            return Ok(Some(self.found(host)));
        }
        if !self.asks.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if looks > 0 {
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        let look = self.account.ec2.instance(&instance.id).await;
        let instance = look.map_err(|error| error.to_string())?.ok_or_else(|| gone(&instance.id))?;
        if !matches!(instance.state.as_str(), "pending" | "running") {
            return Err(format!("the instance {} is {}: {}", instance.id, instance.state, instance.state_reason));
        }
        let host = host(&instance, &self.run.network.ssh_interface, looks + 1);
        if let Ok(mut state) = self.state.lock() {
            *state = (instance, looks + 1);
        }
        Ok(host.map(|host| self.found(host)))
    }
}

impl<'a> Address<'a> {
    pub(super) fn new(
        account: &'a Account,
        run: &'a RunOptions,
        ssh: &'a SshConfig,
        instance: &Instance,
        host: &'a Mutex<String>,
    ) -> Self {
        let state = Mutex::new((instance.clone(), 0));
        Self { account, run, ssh, state, host, asks: AtomicBool::new(instance.state == "running") }
    }

    /// What somebody else saw of the instance.
    pub(super) fn saw(&self, instance: &Instance) {
        if let Ok(mut state) = self.state.lock() {
            state.0 = instance.clone();
        }
    }

    /// From now on looks here.
    pub(super) fn ask(&self) {
        self.asks.store(true, Ordering::Relaxed);
    }

    /// Looks from time to time whether there is still a machine that could answer. Ends when there is none.
    pub(super) async fn watch(&self) -> BuilderError {
        let id = self.state.lock().map(|state| state.0.id.clone()).unwrap_or_default();
        loop {
            tokio::time::sleep(WATCH_PAUSE).await;
            let why = match self.account.ec2.instance(&id).await {
                Ok(Some(instance)) if matches!(instance.state.as_str(), "pending" | "running") => continue,
                Ok(Some(instance)) => format!("the instance {id} is {}: {}", instance.state, instance.state_reason),
                Ok(None) => gone(&id),
                // Whether it can be asked or not, the machine may answer.
                Err(_) => continue,
            };
            return BuilderError::Failed(self.account.ec2.with_console(&id, why).await);
        }
    }

    fn found(&self, host: String) -> (String, u16) {
        if let Ok(mut known) = self.host.lock() {
            known.clone_from(&host);
        }
        (host, self.ssh.hop.port)
    }
}

fn gone(id: &str) -> String {
    format!("the instance {id} is gone")
}

/// The address by `ssh_interface`; without one, in a VPC the public address, and the private one when none came.
fn host(instance: &Instance, interface: &str, looks: u32) -> Option<String> {
    let host = match interface {
        "public_ip" => &instance.public_ip,
        "private_ip" => &instance.private_ip,
        "public_dns" => &instance.public_dns,
        "private_dns" => &instance.private_dns,
        "ipv6" => &instance.ipv6,
        _ if instance.vpc_id.is_empty() => &instance.public_dns,
        _ if instance.public_ip.is_empty() && looks + 1 >= LOOKS_FOR_PUBLIC => &instance.private_ip,
        _ => &instance.public_ip,
    };
    (!host.is_empty()).then(|| host.clone())
}
