//! The `amazon-instance` builder: an instance without a disk of its own bundles itself into S3 with EC2's AMI tools,
//! and the bundle is registered as an image.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::account::{Account, owned_image};
use super::config::{self, InstanceConfig, SourceFacts};
use super::image::{self, Plan};
use super::launch::{self, Order};
use super::machine::Running;
use super::progress::Begun;
use super::{artifact, finish, found, precheck, preview, source};
use crate::builder::{Builder, BuilderError, Facts, Found, Machine, Makes};
use crate::client::Services;
use crate::client::aws::ec2::types::{Image, Registration, Tags};
use crate::communicator::{Communicator, Content, Exit};
use crate::eval::fields::Fields;
use crate::eval::interpolate::Data;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::aws::AwsThing;
use crate::run::cleanup::Resource;
use crate::run::inputs::Local;

const BUILDER_ID: &str = "mitchellh.amazon.instance";
/// Status with which the upload tool says that the bucket is somebody else's.
const FOREIGN_BUCKET: i64 = 3;

struct InstanceStore {
    config: Arc<InstanceConfig>,
    services: Arc<Services>,
}

struct InstanceMachine {
    config: Arc<InstanceConfig>,
    running: Running,
    source: Image,
    bundle: OnceCell<Bundle>,
}

/// What the instance has put into S3.
struct Bundle {
    /// Bucket and path of the manifest.
    location: String,
    objects: Vec<Resource>,
}

pub(in crate::builder) fn decode(fields: &mut Fields<'_>, services: &Arc<Services>) -> Option<Box<dyn Builder>> {
    let config = Arc::new(config::decode_instance(fields)?);
    Some(Box::new(InstanceStore { config, services: Arc::clone(services) }))
}

#[async_trait]
impl Builder for InstanceStore {
    fn own_facts(&self) -> &'static [&'static str] {
        super::FACTS
    }

    fn makes(&self) -> Makes {
        Makes::ImageOfItself
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
        let account = Account::connect(&config.access, config.polling, &self.services, cx).await?;
        let ((), (), source, network) = tokio::try_join!(
            precheck::images(&account, &config.ami, replaces(config, cx), cx),
            precheck::vpc(&account, &config.run, cx),
            source::find(&account.ec2, &config.run, cx),
            launch::find_network(&account, &config.run, cx),
        )?;
        source::check_instance_store(&source)?;
        let facts = SourceFacts::new(account.region(), &source);
        source::check_virtualization(&source, config.ami.ena_support == Some(true) || config.ami.sriov_support)?;
        finish::check(&account, &config.ami, (None, &config.interpolation), &facts)?;
        let order = Order {
            run: &config.run,
            communicator: &config.communicator,
            source: &source,
            devices: &config.launch_block_device_mappings,
            volume_tags: &std::collections::BTreeMap::new(),
            interpolation: &config.interpolation,
            waits: false,
        };
        let launched = launch::launch(&account, &order, &network, cx).await?;
        let running = Running::new(account, launched);
        Ok(Box::new(InstanceMachine { config: Arc::clone(config), running, source, bundle: OnceCell::new() }))
    }
}

fn replaces(config: &InstanceConfig, cx: &BuildContext) -> bool {
    config.ami.force_deregister || cx.run.force
}

#[async_trait]
impl Machine for InstanceMachine {
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
        let machine = self.running.communicator()?;
        self.running.clear_keys(&config.communicator, cx).await;
        let kept = self.running.kept_volumes(cx).await?;
        let bundle = self.bundle.get_or_try_init(|| self.bundle(machine.as_ref(), cx)).await?;
        let plan = Plan::of(&config.ami, account.region())?;
        let progress = &self.running.progress;
        let begin = || async {
            if replaces(config, cx) {
                image::make_room(account, &config.ami, &config.ami_block_device_mappings, cx).await?;
            }
            self.register(&plan, bundle.location.clone(), cx).await
        };
        let made = image::of_build_region(account, progress, cx, begin).await?;
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
        // An image that stays lives on its bundle.
        for objects in bundle.objects.iter().filter(|_| !intermediate) {
            cx.keep(objects)?;
        }
        artifact::of(BUILDER_ID, account, &images, self.facts(), cx).map(Some)
    }
}

impl InstanceMachine {
    /// Has the instance bundle itself and upload the bundle.
    async fn bundle(&self, machine: &dyn Communicator, cx: &BuildContext) -> Result<Bundle, BuilderError> {
        let (config, account) = (&self.config, &self.running.account);
        let prefix = match config.bundle_prefix.as_str() {
            "" => format!("image-{}", chrono::Utc::now().timestamp()),
            given => given.to_owned(),
        };
        let prefix = prefix.as_str();
        cx.say("Copying X509 certificate and key...");
        let folder = config.x509_upload_path.trim_end_matches('/');
        let (cert, key) = (format!("{folder}/cert.pem"), format!("{folder}/key.pem"));
        for (from, to) in [(&config.x509_cert_path, &cert), (&config.x509_key_path, &key)] {
            let bytes = std::fs::read(from)
                .map_err(|error| BuilderError::Failed(format!("{} could not be read: {error}", from.display())))?;
            machine.upload_file(Content::Bytes { bytes: bytes.into(), mode: 0o600 }, to, cx).await?;
        }
        cx.say("Bundling the volume...");
        let destination = config.bundle_destination.trim_end_matches('/');
        let values = [
            ("KeyPath", key.as_str()),
            ("CertPath", &cert),
            ("AccountId", &config.account_id),
            ("Architecture", &self.source.architecture),
            ("PrivatePath", folder),
            ("Destination", destination),
            ("Prefix", prefix),
        ];
        let command = self.render(&config.bundle_vol_command, &values)?;
        let status = run(machine, &command, cx).await?;
        if status != 0 {
            return Err(BuilderError::Failed(format!(
                "bundling the volume failed (status {status}); are EC2's AMI tools on the image, and may the user sudo?"
            )));
        }

        cx.say("Uploading the bundle...");
        let (access_key, secret_key, token) = account.aws.keys().await?;
        for secret in [&secret_key, &token].into_iter().filter(|secret| !secret.is_empty()) {
            cx.events.redactor().add(secret);
        }
        let manifest = format!("{destination}/{prefix}.manifest.xml");
        let values = [
            ("AccessKey", access_key.as_str()),
            ("SecretKey", &secret_key),
            ("Token", &token),
            ("BucketName", &config.s3_bucket),
            ("BundleDirectory", destination),
            ("ManifestPath", &manifest),
            ("Region", account.region()),
        ];
        let command = self.render(&config.bundle_upload_command, &values)?;
        let (bucket, before) = match config.s3_bucket.split_once('/') {
            Some((bucket, folder)) => (bucket, format!("{}/", folder.trim_end_matches('/'))),
            None => (config.s3_bucket.as_str(), String::new()),
        };
        let objects = self.own_objects(bucket, &format!("{before}{prefix}"), cx).await?;
        match run(machine, &command, cx).await? {
            0 => Ok(Bundle { location: format!("{}/{prefix}.manifest.xml", config.s3_bucket), objects }),
            FOREIGN_BUCKET => Err(BuilderError::Failed(format!(
                "uploading the bundle failed: the bucket {} seems to be somebody else's, or cannot be written to",
                config.s3_bucket
            ))),
            status => Err(BuilderError::Failed(format!("uploading the bundle failed (status {status})"))),
        }
    }

    /// Journals what the bundle will be in S3. What is there under its name already is another image's, and is not to go
    /// when this build fails.
    async fn own_objects(&self, bucket: &str, prefix: &str, cx: &BuildContext) -> Result<Vec<Resource>, BuilderError> {
        let account = &self.running.account;
        let s3 = account.aws.s3(account.region());
        let mut own = Vec::new();
        for ending in [".part.", ".manifest.xml"] {
            let prefix = format!("{prefix}{ending}");
            match s3.has(bucket, &prefix).await {
                Ok(false) => own.push(account.acquire(AwsThing::S3Objects { bucket: bucket.to_owned(), prefix }, cx)?),
                Ok(true) => cx.warn(format!("s3://{bucket}/{prefix} is there already, and is overwritten")),
                Err(error) => cx.warn(format!("s3://{bucket}/{prefix} stays if the build fails: {error}")),
            }
        }
        Ok(own)
    }

    fn render(&self, text: &str, values: &[(&str, &str)]) -> Result<String, BuilderError> {
        let data = values.iter().map(|(name, value)| ((*name).to_owned(), Data::Text((*value).to_owned())));
        let rendered = self.config.interpolation.render(text, &Data::Map(data.collect()));
        rendered.map_err(|error| BuilderError::Failed(format!("{text:?} cannot be rendered: {error}")))
    }

    async fn register(&self, plan: &Plan, location: String, cx: &BuildContext) -> Result<Begun, BuilderError> {
        let (config, account) = (&self.config, &self.running.account);
        cx.say("Registering the AMI...");
        let intent = image::intend(account, (&plan.name, &location), [], cx)?;
        let registration = Registration {
            name: plan.name.clone(),
            location,
            virtualization: config.ami.ami_virtualization_type.clone(),
            devices: config.ami_block_device_mappings.clone(),
            ena_support: config.ami.ena_support == Some(true),
            sriov_support: config.ami.sriov_support,
            tpm_support: config.tpm_support.clone(),
            imds_support: config.ami.imds_support.clone(),
            tags: owned_image(Tags::new(), intent.tag(), cx),
            ..Registration::default()
        };
        let registered = account.ec2.register_image(&registration).await;
        image::settle(account, registered, intent, cx).await
    }
}

async fn run(machine: &dyn Communicator, command: &str, cx: &BuildContext) -> Result<i64, BuilderError> {
    match machine.exec(command, cx).await? {
        Exit::Status(status) => Ok(status),
        Exit::Disconnected => Err(BuilderError::Failed("the connection broke while the image was bundled".to_owned())),
    }
}
