//! The `amazon-ebssurrogate` builder: an instance fills a volume beside its own root, and that volume becomes the root
//! of the image.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::account::{Account, owned_image};
use super::config::{self, RunOptions, SourceFacts, SurrogateConfig};
use super::image::{self, Plan};
use super::launch::{self, Order};
use super::machine::Running;
use super::progress::Begun;
use super::snapshot::{self, Shot};
use super::{artifact, finish, found, precheck, preview, source};
use crate::builder::{Builder, BuilderError, Facts, Found, Machine, Makes};
use crate::client::Services;
use crate::client::aws::ec2::types::{BlockDevice, Registration, Tags};
use crate::communicator::Communicator;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cleanup::Resource;
use crate::run::inputs::Local;

const BUILDER_ID: &str = "mitchellh.amazon.ebssurrogate";
/// Name of the root device of many source images, whatever the image says.
const USUAL_ROOT: &str = "/dev/sda1";

struct Surrogate {
    config: Arc<SurrogateConfig>,
    services: Arc<Services>,
}

struct SurrogateMachine {
    config: Arc<SurrogateConfig>,
    running: Running,
    shots: OnceCell<Shots>,
}

/// Snapshots of the instance's volumes.
struct Shots {
    /// Those of an image made of them.
    devices: Vec<BlockDevice>,
    resources: Vec<Resource>,
}

pub(in crate::builder) fn decode(fields: &mut Fields<'_>, services: &Arc<Services>) -> Option<Box<dyn Builder>> {
    let config = Arc::new(config::decode_surrogate(fields)?);
    Some(Box::new(Surrogate { config, services: Arc::clone(services) }))
}

#[async_trait]
impl Builder for Surrogate {
    fn own_facts(&self) -> &'static [&'static str] {
        super::FACTS
    }

    fn communicator(&self) -> &'static str {
        self.config.communicator.name()
    }

    fn makes(&self) -> Makes {
        Makes::ImageOfOther
    }

    fn locals(&self) -> Vec<Local> {
        self.config.run.locals()
    }

    async fn source_image(&self, cx: &BuildContext) -> Result<Option<String>, BuilderError> {
        let config = &self.config;
        source::of_run((&config.access, config.polling), &config.run, &self.services, cx).await
    }

    async fn find_image(&self, digest: &str, cx: &BuildContext) -> Result<Found, BuilderError> {
        let account = Account::connect(&self.config.access, self.config.polling, &self.services, cx).await?;
        found::find(BUILDER_ID, &account, &self.config.ami, digest, cx).await
    }

    async fn launch(&self, cx: &BuildContext) -> Result<Box<dyn Machine>, BuilderError> {
        let config = &preview::of(&self.config, cx);
        let run: &RunOptions = &config.run;
        let account = Account::connect(&config.access, config.polling, &self.services, cx).await?;
        let ((), (), found, network) = tokio::try_join!(
            precheck::images(&account, &config.ami, replaces(config, cx), cx),
            precheck::vpc(&account, run, cx),
            source::find(&account.ec2, run, cx),
            launch::find_network(&account, run, cx),
        )?;
        source::check_root(&found)?;
        let facts = SourceFacts::new(account.region(), &found);
        source::check_virtualization(&found, config.ami.ena_support == Some(true) || config.ami.sriov_support)?;
        let devices: Vec<_> = config.devices.iter().map(|device| device.launch.clone()).collect();
        let run_tags = if config.use_create_image && !config.skip_ami_run_tags { Some(&run.run_tags) } else { None };
        finish::check(&account, &config.ami, (run_tags, &config.interpolation), &facts)?;
        let order = Order {
            run,
            communicator: &config.communicator,
            source: &found,
            devices: &devices,
            volume_tags: &config.run_volume_tags,
            interpolation: &config.interpolation,
            waits: false,
        };
        let launched = launch::launch(&account, &order, &network, cx).await?;
        let running = Running::new(account, launched);
        Ok(Box::new(SurrogateMachine { config: Arc::clone(config), running, shots: OnceCell::new() }))
    }
}

fn replaces(config: &SurrogateConfig, cx: &BuildContext) -> bool {
    config.ami.force_deregister || cx.run.force
}

#[async_trait]
impl Machine for SurrogateMachine {
    async fn connect(&self, cx: &BuildContext) -> Result<Arc<dyn Communicator>, BuilderError> {
        self.running.connect(&self.config.run, &self.config.communicator, cx).await
    }

    fn facts(&self) -> Facts {
        self.running.facts(&self.config.communicator)
    }

    fn rests(&self) -> Option<&'static str> {
        self.running.rests()
    }

    async fn capture(&self, cx: &BuildContext) -> Result<Option<Artifact>, BuilderError> {
        let (config, account) = (&self.config, &self.running.account);
        self.running.clear_keys(&config.communicator, cx).await;
        // Asked before roots are swapped: a volume is known by where it was launched.
        let kept = self.running.kept_volumes(cx).await?;
        let plan = Plan::of(&config.ami, account.region())?;
        let progress = &self.running.progress;
        let made = image::of_build_region(account, progress, cx, || self.begin(&plan, cx)).await?;
        if !plan.targets.is_empty() {
            self.running.retire(cx).await;
        }
        let intermediate = plan.intermediate;
        let images = image::distribute(account, &config.ami, &plan, made, progress, cx).await?;
        let wanted = finish::Wanted {
            ami: &config.ami,
            fast_launch: None,
            interpolation: &config.interpolation,
            facts: &self.running.launched.facts,
            progress,
        };
        finish::finish(account, &wanted, &images, cx).await?;
        self.running.let_go(kept, cx).await?;
        // Snapshots of an image that stays are its own now; those of an intermediate one go.
        for shot in self.shots.get().iter().flat_map(|shots| &shots.resources).filter(|_| !intermediate) {
            cx.keep(shot)?;
        }
        artifact::of(BUILDER_ID, account, &images, self.facts(), cx).map(Some)
    }
}

impl SurrogateMachine {
    /// Makes the image of the instance, or of snapshots of its volumes.
    async fn begin(&self, plan: &Plan, cx: &BuildContext) -> Result<Begun, BuilderError> {
        let (config, account) = (&self.config, &self.running.account);
        self.running.stop(&config.run, config.ami.ena_support, config.ami.sriov_support, cx).await?;
        if config.use_create_image {
            let run_tags = match config.skip_ami_run_tags {
                true => Tags::new(),
                false => self.running.launched.run_tags.clone(),
            };
            self.running.progress.once("swap roots", self.swap_roots(cx)).await?;
            if replaces(config, cx) {
                image::make_room(account, &config.ami, &config.ami_block_device_mappings, cx).await?;
            }
            let devices = config.ami_block_device_mappings.iter().cloned().map(|mut device| {
                // The volume decides: CreateImage refuses a key of its own.
                device.kms_key_id.clear();
                device
            });
            let devices: Vec<_> = devices.collect();
            image::create(account, &self.running.launched.instance.id, plan, &devices, &run_tags, cx).await
        } else {
            let shots = self.shots.get_or_try_init(|| self.snapshots(cx)).await?;
            if replaces(config, cx) {
                image::make_room(account, &config.ami, &config.ami_block_device_mappings, cx).await?;
            }
            self.register(plan, shots.devices.clone(), cx).await
        }
    }

    /// Snapshots of all devices that the image has, side by side, and the image's devices made of them.
    async fn snapshots(&self, cx: &BuildContext) -> Result<Shots, BuilderError> {
        let (config, running) = (&self.config, &self.running);
        let tags = config::render_tags(&config.ami.snapshot_tags, &config.interpolation, &running.launched.facts);
        let tags = tags.map_err(BuilderError::Failed)?;
        let mut wanted = Vec::new();
        for device in config.devices.iter().filter(|device| !device.omit_from_artifact) {
            let volume = running.volume_at(&device.launch.device.device_name, cx).await?;
            wanted.push((&device.launch.device, volume));
        }
        let work = wanted.iter().map(|(_, volume)| {
            let shot = Shot { volume, description: &config.snapshot_description, tags: tags.clone() };
            async move { snapshot::make(&running.account, &shot, cx).await }
        });
        let made = join_all(work).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        snapshot::wait(&running.account, &made, cx).await?;
        let (ids, resources): (Vec<String>, Vec<Resource>) =
            made.into_iter().map(|taken| (taken.id, taken.resource)).unzip();

        let mut devices = config.ami_block_device_mappings.clone();
        for ((device, _), id) in wanted.into_iter().zip(ids) {
            let is_root = device.device_name == config.root.source_device_name;
            let name = if is_root { config.root.device_name.clone() } else { device.device_name.clone() };
            // Whether it is encrypted, and with which key, is the snapshot's.
            let mut device = BlockDevice { device_name: name, snapshot_id: id, encrypted: None, ..device.clone() };
            device.kms_key_id.clear();
            if is_root {
                device.delete_on_termination = config.root.delete_on_termination.or(device.delete_on_termination);
            }
            devices.retain(|other| other.device_name != device.device_name);
            devices.push(device);
        }
        Ok(Shots { devices, resources })
    }

    /// Registers the image of the snapshots.
    async fn register(&self, plan: &Plan, devices: Vec<BlockDevice>, cx: &BuildContext) -> Result<Begun, BuilderError> {
        let (config, account) = (&self.config, &self.running.account);
        cx.say("Registering the AMI...");
        let source = devices.iter().map(|device| device.snapshot_id.as_str()).find(|id| !id.is_empty());
        let made_of = (plan.name.as_str(), source.unwrap_or_default());
        let intent = image::intend(account, made_of, &config.ami_block_device_mappings, cx)?;
        let registration = Registration {
            location: String::new(),
            name: plan.name.clone(),
            architecture: config.architecture.clone(),
            virtualization: config.ami.ami_virtualization_type.clone(),
            root_device_name: config.root.device_name.clone(),
            devices,
            ena_support: config.ami.ena_support == Some(true),
            sriov_support: config.ami.sriov_support,
            boot_mode: config.boot_mode.clone(),
            uefi_data: config.uefi_data.clone(),
            tpm_support: config.tpm_support.clone(),
            imds_support: config.ami.imds_support.clone(),
            tags: owned_image(Tags::new(), intent.tag(), cx),
        };
        let registered = account.ec2.register_image(&registration).await;
        image::settle(account, registered, intent, cx).await
    }

    /// Puts the filled volume where the instance's root is, so that CreateImage takes it for the root: such an image
    /// keeps product codes and what is paid for them. Volumes that come off carry the instance's tag and go with it.
    async fn swap_roots(&self, cx: &BuildContext) -> Result<(), BuilderError> {
        let (config, running) = (&self.config, &self.running);
        let (ec2, polling) = (&running.account.ec2, running.account.polling);
        let instance = &running.launched.instance;
        let root = match instance.root_device_name.as_str() {
            "" => USUAL_ROOT,
            name => name,
        };
        let surrogate = running.volume_at(&config.root.source_device_name, cx).await?;
        let mut off = vec![running.volume_at(root, cx).await?, surrogate.clone()];
        for device in config.devices.iter().filter(|device| device.omit_from_artifact) {
            off.push(running.volume_at(&device.launch.device.device_name, cx).await?);
        }
        off.sort();
        off.dedup();
        for volume in &off {
            cx.say(format!("Detaching volume {volume}..."));
            ec2.detach_volume(volume).await?;
        }
        for volume in &off {
            ec2.wait_free(volume, polling, &cx.cancel).await?;
        }
        cx.say(format!("Attaching volume {surrogate} as {root}..."));
        ec2.attach_volume(&surrogate, &instance.id, root).await?;
        ec2.wait_attached(&surrogate, polling, &cx.cancel).await?;
        let mut launched = config.devices.iter().map(|device| &device.launch.device);
        let launched = launched.find(|device| device.device_name == config.root.source_device_name);
        let ends = config.root.delete_on_termination.or(launched.and_then(|device| device.delete_on_termination));
        let ends = [(root.to_owned(), ends.unwrap_or_default())];
        Ok(ec2.set_delete_on_termination(&instance.id, &ends).await?)
    }
}
