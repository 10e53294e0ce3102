//! The `amazon-ebsvolume` builder: volumes that an instance fills, and snapshots of them; no image.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::account::Account;
use super::config::{self, FilledVolume, SourceFacts, VolumeConfig, render_tags};
use super::launch::{self, Order};
use super::machine::Running;
use super::snapshot::{self, Shot, Taken};
use super::{precheck, preview, source};
use crate::builder::{Builder, BuilderError, Facts, Machine};
use crate::client::Services;
use crate::communicator::Communicator;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::aws::AwsThing;
use crate::run::inputs::Local;

const BUILDER_ID: &str = "mitchellh.amazon.ebsvolume";

struct Volumes {
    config: Arc<VolumeConfig>,
    services: Arc<Services>,
}

struct VolumesMachine {
    config: Arc<VolumeConfig>,
    running: Running,
    /// Ids, in the order of the blocks.
    ids: Vec<String>,
    taken: OnceCell<Vec<Taken>>,
}

pub(in crate::builder) fn decode(fields: &mut Fields<'_>, services: &Arc<Services>) -> Option<Box<dyn Builder>> {
    let config = Arc::new(config::decode_volume(fields)?);
    Some(Box::new(Volumes { config, services: Arc::clone(services) }))
}

#[async_trait]
impl Builder for Volumes {
    fn own_facts(&self) -> &'static [&'static str] {
        super::FACTS
    }

    fn communicator(&self) -> &'static str {
        self.config.communicator.name()
    }

    fn locals(&self) -> Vec<Local> {
        self.config.run.locals()
    }

    async fn source_image(&self, cx: &BuildContext) -> Result<Option<String>, BuilderError> {
        let config = &self.config;
        source::of_run((&config.access, config.polling), &config.run, &self.services, cx).await
    }

    async fn launch(&self, cx: &BuildContext) -> Result<Box<dyn Machine>, BuilderError> {
        let config = &preview::of(&self.config, cx);
        let account = Account::connect(&config.access, config.polling, &self.services, cx).await?;
        let (_, found, network) = tokio::try_join!(
            precheck::vpc(&account, &config.run, cx),
            source::find(&account.ec2, &config.run, cx),
            launch::find_network(&account, &config.run, cx),
        )?;
        source::check_root(&found)?;
        source::check_virtualization(&found, config.ena_support == Some(true) || config.sriov_support)?;
        let facts = SourceFacts::new(account.region(), &found);
        for tags in config.volumes.iter().flat_map(|volume| [&volume.tags, &volume.snapshot_tags]) {
            // Else it would show once the volumes are filled.
            render_tags(tags, &config.interpolation, &facts).map_err(BuilderError::Failed)?;
        }
        let devices: Vec<_> = config.volumes.iter().map(|volume| volume.device.clone()).collect();
        let order = Order {
            run: &config.run,
            communicator: &config.communicator,
            source: &found,
            devices: &devices,
            volume_tags: &config.run_volume_tags,
            interpolation: &config.interpolation,
            waits: true,
        };
        let launched = launch::launch(&account, &order, &network, cx).await?;
        let running = Running::new(account, launched);
        let mut ids = Vec::new();
        for volume in &config.volumes {
            let id = running.volume_at(&volume.device.device.device_name, cx).await?;
            tag(&running, config, volume, &id, cx).await?;
            ids.push(id);
        }
        Ok(Box::new(VolumesMachine { config: Arc::clone(config), running, ids, taken: OnceCell::new() }))
    }
}

/// Gives the volume its own tags in place of those that all volumes of the launch got.
async fn tag(
    running: &Running,
    config: &VolumeConfig,
    volume: &FilledVolume,
    id: &str,
    cx: &BuildContext,
) -> Result<(), BuilderError> {
    let facts = &running.launched.facts;
    let of_launch = render_tags(&config.run_volume_tags, &config.interpolation, facts).map_err(BuilderError::Failed)?;
    let own = render_tags(&volume.tags, &config.interpolation, facts).map_err(BuilderError::Failed)?;
    let ec2 = &running.account.ec2;
    let ids = [id.to_owned()];
    let keys: Vec<&str> = of_launch.keys().map(String::as_str).collect();
    if !keys.is_empty() {
        ec2.untag(&ids, &keys).await?;
    }
    if !own.is_empty() {
        cx.detail(format!("Adding tags to volume {id}"));
        ec2.tag(&ids, &own, &cx.cancel).await?;
    }
    Ok(())
}

#[async_trait]
impl Machine for VolumesMachine {
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
        self.running.stop(&config.run, config.ena_support, config.sriov_support, cx).await?;
        let pairs = || config.volumes.iter().zip(&self.ids);
        let mut wanted = Vec::new();
        for (volume, id) in pairs().filter(|(volume, _)| volume.snapshot_volume) {
            let tags = render_tags(&volume.snapshot_tags, &config.interpolation, &self.running.launched.facts);
            let tags = tags.map_err(BuilderError::Failed)?;
            wanted.push((volume, Shot { volume: id, description: &volume.snapshot_description, tags }));
        }
        let take = || async {
            let made = join_all(wanted.iter().map(|(_, shot)| snapshot::make(account, shot, cx))).await;
            let made = made.into_iter().collect::<Result<Vec<_>, _>>()?;
            snapshot::wait(account, &made, cx).await?;
            Ok::<_, BuilderError>(made)
        };
        let made = self.taken.get_or_try_init(take).await?;
        let snapshots: Vec<String> = made.iter().map(|taken| taken.id.clone()).collect();
        for ((volume, _), id) in wanted.iter().zip(&snapshots) {
            account.ec2.share_snapshot(id, &volume.snapshot_groups, &volume.snapshot_users, &cx.cancel).await?;
        }
        let volumes: Vec<String> = pairs().filter(|(volume, _)| volume.stays()).map(|(_, id)| id.clone()).collect();
        let staying = volumes.iter().map(|id| AwsThing::VolumeId { id: id.clone() });
        let staying = staying.chain(snapshots.iter().map(|id| AwsThing::SnapshotId { id: id.clone() }));
        let resources = self.running.let_go(staying.collect(), cx).await?;
        made.iter().try_for_each(|taken| cx.keep(&taken.resource))?;
        let ids = volumes.iter().chain(&snapshots).map(|id| format!("{}:{id}", account.region()));
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        let text = format!("EBS Volumes were created:\n\n{}", ids.join("\n"));
        let mut artifact = Artifact::new(BUILDER_ID, ids.join(","), text);
        artifact.location = Some(account.region().to_owned());
        artifact.facts = self.facts();
        artifact.resources = resources;
        Ok(Some(artifact))
    }
}
