//! A running instance as a machine: how it is reached, and what is known of it.

use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::account::Account;
use super::address::{Address, SESSION_MANAGER};
use super::config::RunOptions;
use super::launch::Launched;
use super::progress::Progress;
use super::session::{Lent, SessionWay};
use super::watched::Watched;
use crate::builder::ssh_options::{self, CommunicatorChoice};
use crate::builder::{BuilderError, Facts};
use crate::client::ssh::Via;
use crate::communicator::Communicator;
use crate::communicator::none::NoCommunicator;
use crate::communicator::ssh::{Ssh, SshConfig};
use crate::run::BuildContext;
use crate::run::aws::{AwsThing, RESOURCE_TAG, RUN_TAG};
use crate::run::cleanup::Resource;

/// A launched instance, with the connection to it once there is one.
pub(super) struct Running {
    pub account: Account,
    pub launched: Launched,
    host: Mutex<String>,
    communicator: OnceCell<Arc<dyn Communicator>>,
    /// Device names and ids of the volumes, as they were attached when they were first asked for.
    volumes: OnceCell<Vec<(String, String)>>,
    pub progress: Progress,
    /// What we have done with the instance since it was provisioned, after which nobody can work on it.
    rests: Mutex<Option<&'static str>>,
}

impl Running {
    pub(super) fn new(account: Account, launched: Launched) -> Self {
        Self {
            account,
            launched,
            host: Mutex::default(),
            communicator: OnceCell::new(),
            volumes: OnceCell::new(),
            progress: Progress::default(),
            rests: Mutex::default(),
        }
    }

    pub(super) async fn connect(
        &self,
        run: &RunOptions,
        choice: &CommunicatorChoice,
        cx: &BuildContext,
    ) -> Result<Arc<dyn Communicator>, BuilderError> {
        let connected = connect(&self.account, run, choice, &self.launched, &self.host, cx).await?;
        let connected = match choice {
            CommunicatorChoice::Ssh(_) => Watched::of(connected, &self.account.ec2, &self.launched.instance.id),
            CommunicatorChoice::None { .. } => connected,
        };
        // A second call, after a retry, replaces nothing: the communicator reconnects by itself.
        Ok(Arc::clone(self.communicator.get_or_init(|| async { connected }).await))
    }

    /// The connection, once there is one.
    pub(super) fn communicator(&self) -> Result<Arc<dyn Communicator>, BuilderError> {
        self.communicator.get().cloned().ok_or_else(|| BuilderError::Failed("there is no connection yet".to_owned()))
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
            let clear = async {
                crate::communicator::ssh::clear_authorized_keys(communicator.as_ref(), &key.name, cx).await;
                Ok(())
            };
            let _ = self.progress.once("clear keys", clear).await;
        }
    }

    /// Why no provisioner can work on the instance any more.
    pub(super) fn rests(&self) -> Option<&'static str> {
        self.rests.lock().ok().and_then(|rests| *rests)
    }

    fn rest(&self, why: &'static str) {
        if let Ok(mut rests) = self.rests.lock() {
            *rests = Some(why);
        }
    }

    /// Id of the volume that was launched behind a device of the instance.
    pub(super) async fn volume_at(&self, device: &str, cx: &BuildContext) -> Result<String, BuilderError> {
        let named =
            |volumes: &[(String, String)]| volumes.iter().find(|(name, _)| name == device).map(|(_, id)| id.clone());
        let instance = &self.launched.instance;
        if let Some(id) = named(&instance.volumes) {
            return Ok(id);
        }
        // The instance may have run before its volumes were told. A capture that is tried again may have moved them.
        if let Some(id) = self.volumes.get().and_then(|volumes| named(volumes)) {
            return Ok(id);
        }
        let found = cx.cancel.unless_stopped(self.account.ec2.instance(&instance.id)).await??;
        let volumes = found.map(|instance| instance.volumes).unwrap_or_default();
        let missing = || BuilderError::Failed(format!("the instance {} has no volume at {device}", instance.id));
        let id = named(&volumes).ok_or_else(missing)?;
        let _ = self.volumes.set(volumes);
        Ok(id)
    }

    /// The volumes that the template wants to outlive the build; to be asked for while they are attached.
    pub(super) async fn kept_volumes(&self, cx: &BuildContext) -> Result<Vec<AwsThing>, BuilderError> {
        let mut volumes = Vec::new();
        for device in &self.launched.kept_devices {
            volumes.push(AwsThing::VolumeId { id: self.volume_at(device, cx).await? });
        }
        Ok(volumes)
    }

    /// Takes our tags off volumes and snapshots that are to stay: everything that still carries them goes with the
    /// instance. The journal knows them by their ids in between. Yields how they would be removed.
    pub(super) async fn let_go(
        &self,
        staying: Vec<AwsThing>,
        cx: &BuildContext,
    ) -> Result<Vec<Resource>, BuilderError> {
        if staying.is_empty() {
            return Ok(Vec::new());
        }
        let reach = self.account.aws.reach(self.account.region());
        let ids = staying.iter().filter_map(|thing| match thing {
            AwsThing::VolumeId { id } | AwsThing::SnapshotId { id } => Some(id.clone()),
            _ => None,
        });
        let ids: Vec<String> = ids.collect();
        let of = |thing| Resource::Aws { reach: Box::new(reach.clone()), thing };
        let resources: Vec<Resource> = staying.into_iter().map(of).collect();
        for resource in &resources {
            let journal = async { Ok(cx.acquire(resource.clone())?) };
            self.progress.once(&format!("let go of {resource}"), journal).await?;
        }
        self.account.ec2.untag(&ids, &[RUN_TAG, RESOURCE_TAG]).await?;
        resources.iter().try_for_each(|resource| cx.keep(resource))?;
        Ok(resources)
    }

    /// Ends the instance once its image is there and only copies are waited for. What fails is for the release to say,
    /// which waits for the end. With another `-on-error` than to clean up somebody may want to look at it.
    pub(super) async fn retire(&self, cx: &BuildContext) {
        if cx.run.cleans_up {
            cx.say("The instance is not needed any more: it ends while the image is copied");
            self.rest("the instance was ended once its image was there");
            let _ = self.account.ec2.terminate(std::slice::from_ref(&self.launched.instance.id)).await;
        }
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
        let id = &self.launched.instance.id;
        let stop = async {
            let rests = || self.rest("the instance was stopped for its disks to be captured");
            super::stop::stop(&self.account, id, run.disable_stop_instance, rests, cx).await?;
            super::stop::modify(&self.account, id, ena, sriov, cx).await
        };
        self.progress.once("stop", stop).await
    }
}

/// Opens the communicator that the template chose. A machine is asked from the moment on that it has an address: its
/// SSH server may answer before EC2 says that it runs. Only then the template's own patience begins.
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
    let address = Address::new(account, run, ssh, &launched.instance, host);
    let key = launched.key.as_ref().map(|pair| pair.private_key.as_str());
    if !launched.is_running {
        let early = ssh.patient();
        let id = &launched.instance.id;
        let running = account.ec2.wait_running(id, account.polling, &cx.cancel, |seen| address.saw(seen));
        tokio::select! {
            connected = Ssh::connect(&early, &address, key, cx) => return Ok(connected?),
            running = running => drop(running?),
        }
        address.ask();
    }
    tokio::select! {
        connected = Ssh::connect(ssh, &address, key, cx) => Ok(connected?),
        why = address.watch() => Err(why),
    }
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
        CommunicatorChoice::None { .. } => facts.extend(ssh_options::no_connection()),
    }
    facts.extend(launched.facts.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())));
    facts
}
