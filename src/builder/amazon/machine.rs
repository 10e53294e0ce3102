//! A running instance as a machine: how it is reached, and what is known of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::account::Account;
use super::config::RunOptions;
use super::launch::Launched;
use super::session::{Lent, SessionWay};
use crate::builder::ssh_options::{self, CommunicatorChoice};
use crate::builder::{BuilderError, Facts};
use crate::client::aws::ec2::types::Instance;
use crate::client::ssh::Via;
use crate::communicator::Communicator;
use crate::communicator::none::NoCommunicator;
use crate::communicator::ssh::{Ssh, SshConfig, Target};
use crate::run::BuildContext;

/// The `ssh_interface` that is no address.
const SESSION_MANAGER: &str = "session_manager";
/// Looks at an instance in a VPC before its private address will do: a public one may come a little late.
const LOOKS_FOR_PUBLIC: u32 = 3;
/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// A launched instance, with the connection to it once there is one.
pub(super) struct Running {
    pub account: Account,
    pub launched: Launched,
    host: Mutex<String>,
    communicator: OnceCell<Arc<dyn Communicator>>,
}

impl Running {
    pub(super) fn new(account: Account, launched: Launched) -> Self {
        Self { account, launched, host: Mutex::default(), communicator: OnceCell::new() }
    }

    pub(super) async fn connect(
        &self,
        run: &RunOptions,
        choice: &CommunicatorChoice,
        cx: &BuildContext,
    ) -> Result<Arc<dyn Communicator>, BuilderError> {
        let connected = connect(&self.account, run, choice, &self.launched, &self.host, cx).await?;
        // A second call, after a retry, replaces nothing: the communicator reconnects by itself.
        Ok(Arc::clone(self.communicator.get_or_init(|| async { connected }).await))
    }

    pub(super) fn facts(&self, choice: &CommunicatorChoice) -> Facts {
        let host = self.host.lock().map(|host| host.clone()).unwrap_or_default();
        facts(choice, &self.launched, &host)
    }

    /// Takes the temporary key out of the image. What fails is only told: the image works without.
    pub(super) async fn clear_keys(&self, choice: &CommunicatorChoice, cx: &BuildContext) {
        let CommunicatorChoice::Ssh(ssh) = choice else { return };
        if let (true, Some(key), Some(communicator)) =
            (ssh.clear_authorized_keys, &self.launched.key, self.communicator.get())
        {
            crate::communicator::ssh::clear_authorized_keys(communicator.as_ref(), &key.name, cx).await;
        }
    }

    /// Id of the volume behind a device of the instance.
    pub(super) async fn volume_at(&self, device: &str, cx: &BuildContext) -> Result<String, BuilderError> {
        let named =
            |volumes: &[(String, String)]| volumes.iter().find(|(name, _)| name == device).map(|(_, id)| id.clone());
        let instance = &self.launched.instance;
        if let Some(id) = named(&instance.volumes) {
            return Ok(id);
        }
        // The instance may have run before its volumes were told.
        let look = cx.cancel.unless_stopped(self.account.ec2.instance(&instance.id)).await??;
        let missing = || BuilderError::Failed(format!("the instance {} has no volume at {device}", instance.id));
        look.and_then(|instance| named(&instance.volumes)).ok_or_else(missing)
    }

    /// Brings the instance to rest, and sets what its image takes over.
    pub(super) async fn stop(
        &self,
        run: &RunOptions,
        ena: Option<bool>,
        sriov: bool,
        cx: &BuildContext,
    ) -> Result<(), BuilderError> {
        if run.spot.is_wanted() {
            return Ok(());
        }
        super::stop::stop(&self.account, &self.launched.instance.id, run.disable_stop_instance, cx).await?;
        super::stop::modify(&self.account, &self.launched.instance.id, ena, sriov, cx).await
    }
}

/// Opens the communicator that the template chose.
async fn connect(
    account: &Account,
    run: &RunOptions,
    communicator: &CommunicatorChoice,
    launched: &Launched,
    host: &Mutex<String>,
    cx: &BuildContext,
) -> Result<Arc<dyn Communicator>, BuilderError> {
    let CommunicatorChoice::Ssh(ssh) = communicator else { return Ok(Arc::new(NoCommunicator)) };
    let through = session_way(account, run, ssh, launched, cx).await?;
    let ssh = through.as_ref().unwrap_or(ssh);
    let address = Address { account, run, ssh, state: Mutex::new((launched.instance.clone(), 0)), host };
    let key = launched.key.as_ref().map(|pair| pair.private_key.as_str());
    Ok(Ssh::connect(ssh, &address, key, cx).await?)
}

/// The options with the way through Session Manager, when the template asks for it.
async fn session_way(
    account: &Account,
    run: &RunOptions,
    ssh: &SshConfig,
    launched: &Launched,
    cx: &BuildContext,
) -> Result<Option<SshConfig>, BuilderError> {
    if run.network.ssh_interface != SESSION_MANAGER {
        return Ok(None);
    }
    let instance = &launched.instance;
    // An instance that was launched without a key pair knows nobody's key.
    let own = ssh.hop.credentials.keys.first().filter(|_| launched.key.is_none() && ssh.ssh_keypair_name.is_empty());
    let lent =
        own.map(|key| Lent { zone: instance.availability_zone.clone(), user: ssh.hop.user.clone(), key: key.clone() });
    let way = SessionWay::new(account, &instance.id, lent, run.pause_before_ssm, cx).await?;
    let mut through = ssh.clone();
    through.via = Via::Own(Arc::new(way));
    Ok(Some(through))
}

/// Facts of the instance, the source image and the connection.
fn facts(communicator: &CommunicatorChoice, launched: &Launched, host: &str) -> Facts {
    let mut facts = Facts::new();
    facts.insert("ID".to_owned(), launched.instance.id.clone());
    match communicator {
        CommunicatorChoice::Ssh(ssh) => {
            let key = launched.key.as_ref().map(|pair| pair.private_key.as_str());
            facts.insert("Host".to_owned(), host.to_owned());
            facts.extend(ssh.facts(key).into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        CommunicatorChoice::None => facts.extend(ssh_options::no_connection()),
    }
    facts.extend(launched.facts.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())));
    facts
}

/// Where the instance answers, looked up again until it is known.
struct Address<'a> {
    account: &'a Account,
    run: &'a RunOptions,
    ssh: &'a SshConfig,
    /// The last look at the instance, and the number of looks.
    state: Mutex<(Instance, u32)>,
    /// Told for the facts.
    host: &'a Mutex<String>,
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

impl Address<'_> {
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
