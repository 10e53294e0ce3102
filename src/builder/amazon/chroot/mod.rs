//! The `amazon-chroot` builder: a volume of the source image's snapshot is attached to the instance that we run on,
//! provisioned in a chroot, and made an image of. No instance is launched.

mod device;
mod image;
mod mount;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use self::device::Attached;
use self::mount::Mounted;
use super::account::Account;
use super::config::{self, ChrootConfig, SourceFacts};
use super::progress::Progress;
use super::snapshot::Taken;
use super::{found, precheck, preview, source};
use crate::builder::{Builder, BuilderError, Facts, Found, Machine, Makes, ssh_options};
use crate::client::Services;
use crate::client::aws::ec2::types::Image;
use crate::client::aws::{Access, Identity};
use crate::communicator::Communicator;
use crate::communicator::chroot::{Chroot, Wrap};
use crate::eval::fields::Fields;
use crate::eval::interpolate::Data;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;

const BUILDER_ID: &str = "mitchellh.amazon.chroot";
/// Keys of `build.*` that this builder has.
const FACTS: &[&str] = &[
    "BuildRegion",
    "SourceAMI",
    "SourceAMIName",
    "SourceAMICreationDate",
    "SourceAMIOwner",
    "SourceAMIOwnerName",
    "Device",
    "MountPath",
];

struct ChrootBuilder {
    config: Arc<ChrootConfig>,
    services: Arc<Services>,
}

/// The volume of the new image, mounted where we run.
struct ChrootMachine {
    config: Arc<ChrootConfig>,
    services: Arc<Services>,
    account: Account,
    instance: String,
    /// Nothing from scratch.
    source: Option<Image>,
    facts: SourceFacts,
    attached: Attached,
    mounted: Mounted,
    wrap: Wrap,
    taken: OnceCell<Taken>,
    progress: Progress,
}

pub(in crate::builder) fn decode(fields: &mut Fields<'_>, services: &Arc<Services>) -> Option<Box<dyn Builder>> {
    let config = Arc::new(config::decode_chroot(fields)?);
    Some(Box::new(ChrootBuilder { config, services: Arc::clone(services) }))
}

#[async_trait]
impl Builder for ChrootBuilder {
    fn own_facts(&self) -> &'static [&'static str] {
        FACTS
    }

    fn communicator(&self) -> &'static str {
        "chroot"
    }

    fn makes(&self) -> Makes {
        Makes::ImageOfItself
    }

    async fn source_image(&self, cx: &BuildContext) -> Result<Option<String>, BuilderError> {
        let config = &self.config;
        if config.from_scratch {
            return Ok(None);
        }
        let access = access_here(config, cx).await?;
        let filter = config.source_ami_filter.as_ref();
        source::id((&access, config.polling), &config.source_ami, filter, &self.services, cx).await
    }

    async fn find_image(&self, digest: &str, cx: &BuildContext) -> Result<Found, BuilderError> {
        let config = &self.config;
        let access = access_here(config, cx).await?;
        let account = Account::connect(&access, config.polling, &self.services, cx).await?;
        found::find(BUILDER_ID, &account, &config.ami, digest, cx).await
    }

    async fn launch(&self, cx: &BuildContext) -> Result<Box<dyn Machine>, BuilderError> {
        let config = &preview::of(&self.config, cx);
        if !cfg!(target_os = "linux") {
            return Err(BuilderError::Failed("the amazon-chroot builder works on Linux only".to_owned()));
        }
        mount::check_copied(config, cx).await?;
        cx.say("Gathering information about this EC2 instance...");
        let here = cx.cancel.unless_stopped(crate::client::aws::identity()).await??;
        let access = Access { region: region(&config.access.region, &here)?, ..config.access.clone() };
        let account = Account::connect(&access, config.polling, &self.services, cx).await?;
        let ((), source) = tokio::try_join!(
            precheck::images(&account, &config.ami, replaces(config, cx), cx),
            find_source(config, &account, cx),
        )?;
        let facts = SourceFacts::new(account.region(), &source.clone().unwrap_or_default());
        super::finish::check(&account, &config.ami, (None, &config.interpolation), &facts)?;
        let wrap = wrap(config);
        let volume = image::volume(config, source.as_ref(), &here)?;
        let attached = device::attach(&account, config, &here.instance_id, volume, &facts, cx).await?;
        let mounted = mount::mount(config, &attached, source.as_ref(), &wrap, cx).await?;
        Ok(Box::new(ChrootMachine {
            config: Arc::clone(config),
            services: Arc::clone(&self.services),
            account,
            instance: here.instance_id,
            source,
            facts,
            attached,
            mounted,
            wrap,
            taken: OnceCell::new(),
            progress: Progress::default(),
        }))
    }
}

/// The access options with the region of this instance, where none is written.
async fn access_here(config: &ChrootConfig, cx: &BuildContext) -> Result<Access, BuilderError> {
    if !config.access.region.is_empty() {
        return Ok(config.access.clone());
    }
    let here = cx.cancel.unless_stopped(crate::client::aws::identity()).await??;
    Ok(Access { region: here.region, ..config.access.clone() })
}

/// A volume can be attached in its own region only.
fn region(written: &str, here: &Identity) -> Result<String, BuilderError> {
    match written {
        "" => Ok(here.region.clone()),
        same if same == here.region => Ok(same.to_owned()),
        other => Err(BuilderError::Failed(format!(
            "the source block says region {other:?}, and this instance ({}) is in {}: a volume can only be attached in \
             its own region; leave region out, and copy the image with ami_regions",
            here.instance_id, here.region
        ))),
    }
}

async fn find_source(
    config: &ChrootConfig,
    account: &Account,
    cx: &BuildContext,
) -> Result<Option<Image>, BuilderError> {
    if config.from_scratch {
        return Ok(None);
    }
    let filter = config.source_ami_filter.as_ref();
    let found = source::find_by(&account.ec2, &config.source_ami, filter, cx).await?;
    source::check_root(&found)?;
    source::check_virtualization(&found, config.ami.ena_support == Some(true) || config.ami.sriov_support)?;
    Ok(Some(found))
}

fn replaces(config: &ChrootConfig, cx: &BuildContext) -> bool {
    config.ami.force_deregister || cx.run.force
}

/// Renders `command_wrapper` around a command line.
fn wrap(config: &ChrootConfig) -> Wrap {
    let (wrapper, interpolation) = (config.command_wrapper.clone(), config.interpolation.clone());
    Arc::new(move |command: &str| {
        let data = Data::Map([("Command".to_owned(), Data::Text(command.to_owned()))].into());
        interpolation.render(&wrapper, &data).map_err(|error| format!("command_wrapper cannot be rendered: {error}"))
    })
}

#[async_trait]
impl Machine for ChrootMachine {
    async fn connect(&self, _: &BuildContext) -> Result<Arc<dyn Communicator>, BuilderError> {
        Ok(Arc::new(Chroot::new(PathBuf::from(&self.mounted.path), Arc::clone(&self.wrap))))
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::new();
        facts.insert("ID".to_owned(), self.instance.clone());
        facts.extend(ssh_options::no_connection());
        facts.insert("Device".to_owned(), self.attached.device.clone());
        facts.insert("MountPath".to_owned(), self.mounted.path.clone());
        facts.extend(self.facts.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())));
        facts
    }

    async fn capture(&self, cx: &BuildContext) -> Result<Option<Artifact>, BuilderError> {
        for path in &self.config.copy_files {
            let restore = self.mounted.restore(path, &self.wrap, cx);
            self.progress.once(&format!("restore {path}"), restore).await?;
        }
        let leave = self.mounted.leave(self.services.as_ref(), cx);
        self.progress.once("leave", leave).await?;
        self.progress.once("detach", self.attached.detach(&self.account, cx)).await?;
        image::capture(self, cx).await.map(Some)
    }
}
