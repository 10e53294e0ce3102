//! The `amazon-ebs` builder: an instance of the source image is provisioned, stopped, and made an image of.

use std::sync::Arc;

use async_trait::async_trait;

use super::account::Account;
use super::config::{self, EbsConfig, SourceFacts};
use super::image::{self, Plan};
use super::launch::{self, Order};
use super::machine::Running;
use super::{artifact, finish, found, precheck, preview, source};
use crate::builder::{Builder, BuilderError, Facts, Found, Machine, Makes};
use crate::client::Services;
use crate::communicator::Communicator;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::inputs::Local;

const BUILDER_ID: &str = "mitchellh.amazonebs";

struct Ebs {
    config: Arc<EbsConfig>,
    services: Arc<Services>,
}

struct EbsMachine {
    config: Arc<EbsConfig>,
    running: Running,
}

pub(in crate::builder) fn decode(fields: &mut Fields<'_>, services: &Arc<Services>) -> Option<Box<dyn Builder>> {
    let config = Arc::new(config::decode_ebs(fields)?);
    Some(Box::new(Ebs { config, services: Arc::clone(services) }))
}

#[async_trait]
impl Builder for Ebs {
    fn own_facts(&self) -> &'static [&'static str] {
        super::FACTS
    }

    fn communicator(&self) -> &'static str {
        self.config.communicator.name()
    }

    fn makes(&self) -> Makes {
        match self.config.skip_create_ami {
            true => Makes::Nothing,
            false => Makes::ImageOfItself,
        }
    }

    fn locals(&self) -> Vec<Local> {
        self.config.run.locals()
    }

    async fn source_image(&self, cx: &BuildContext) -> Result<Option<String>, BuilderError> {
        let config = &self.config;
        source::of_run((&config.access, config.polling), &config.run, &self.services, cx).await
    }

    async fn find_image(&self, digest: &str, cx: &BuildContext) -> Result<Found, BuilderError> {
        if self.config.skip_create_ami {
            return Ok(Found::Nowhere("\"skip_create_ami\" is set".to_owned()));
        }
        let account = Account::connect(&self.config.access, self.config.polling, &self.services, cx).await?;
        found::find(BUILDER_ID, &account, &self.config.ami, digest, cx).await
    }

    async fn launch(&self, cx: &BuildContext) -> Result<Box<dyn Machine>, BuilderError> {
        let config = &preview::of(&self.config, cx);
        let account = Account::connect(&config.access, config.polling, &self.services, cx).await?;
        let fast_launch = config.fast_launch.as_ref().filter(|_| !config.skip_create_ami);
        // All of these only look, so the first failure may end the others.
        let ((), (), (), found, network) = tokio::try_join!(
            async {
                match config.skip_create_ami {
                    true => precheck::regions(&account, &config.ami, cx).await,
                    false => precheck::images(&account, &config.ami, replaces(config, cx), cx).await,
                }
            },
            precheck::fast_launch(&account, fast_launch, &config.ami, cx),
            precheck::vpc(&account, &config.run, cx),
            source::find(&account.ec2, &config.run, cx),
            launch::find_network(&account, &config.run, cx),
        )?;
        source::check_root(&found)?;
        let enhanced = config.ami.ena_support == Some(true) || config.ami.sriov_support;
        let facts = SourceFacts::new(account.region(), &found);
        source::check_virtualization(&found, enhanced)?;
        if !config.skip_create_ami {
            let run_tags = (!config.skip_ami_run_tags).then_some(&config.run.run_tags);
            finish::check(&account, &config.ami, (run_tags, &config.interpolation), &facts)?;
        }
        let order = Order {
            run: &config.run,
            communicator: &config.communicator,
            source: &found,
            devices: &config.launch_block_device_mappings,
            volume_tags: &config.run_volume_tags,
            interpolation: &config.interpolation,
            waits: false,
        };
        let launched = launch::launch(&account, &order, &network, cx).await?;
        Ok(Box::new(EbsMachine { config: Arc::clone(config), running: Running::new(account, launched) }))
    }
}

/// Whether an image of the same name is to make room.
fn replaces(config: &EbsConfig, cx: &BuildContext) -> bool {
    config.ami.force_deregister || cx.run.force
}

#[async_trait]
impl Machine for EbsMachine {
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
        let (config, account, launched) = (&self.config, &self.running.account, &self.running.launched);
        self.running.clear_keys(&config.communicator, cx).await;
        let kept = self.running.kept_volumes(cx).await?;
        if config.skip_create_ami {
            cx.say("Skipping AMI creation...");
            self.running.let_go(kept, cx).await?;
            return Ok(None);
        }
        let plan = Plan::of(&config.ami, account.region())?;
        let progress = &self.running.progress;
        let begin = || async {
            self.running.stop(&config.run, config.ami.ena_support, config.ami.sriov_support, cx).await?;
            if replaces(config, cx) {
                image::make_room(account, &config.ami, &config.ami_block_device_mappings, cx).await?;
            }
            let tags = if config.skip_ami_run_tags { Default::default() } else { launched.run_tags.clone() };
            let devices = &config.ami_block_device_mappings;
            image::create(account, &launched.instance.id, &plan, devices, &tags, cx).await
        };
        let made = image::of_build_region(account, progress, cx, begin).await?;
        if !plan.targets.is_empty() {
            self.running.retire(cx).await;
        }
        let images = image::distribute(account, &config.ami, &plan, made, progress, cx).await?;
        let wanted = finish::Wanted {
            ami: &config.ami,
            fast_launch: config.fast_launch.as_ref(),
            interpolation: &config.interpolation,
            facts: &launched.facts,
            progress,
        };
        finish::finish(account, &wanted, &images, cx).await?;
        self.running.let_go(kept, cx).await?;
        artifact::of(BUILDER_ID, account, &images, self.facts(), cx).map(Some)
    }
}
