//! Post-processor `amazon-import`: a disk that was built elsewhere goes to S3 and becomes an AMI.

mod config;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use self::config::ImportConfig;
use super::{Effect, PostProcessError, PostProcessor, Processed};
use crate::client::Services;
use crate::client::aws::ec2::Ec2;
use crate::client::aws::ec2::types::{DiskImport, Image, ImageChange, ImageCopy, Tags};
use crate::client::aws::{Aws, AwsError, Encryption, Object, Upload};
use crate::client::progress::Transfer;
use crate::eval::fields::Fields;
use crate::eval::interpolate::over;
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::aws::{AwsThing, RESOURCE_TAG, RUN_TAG};
use crate::run::cancel::Cancelled;
use crate::run::cleanup::{Release as _, Resource};
use crate::run::id;

const ID: &str = "packer.post-processor.amazon-import";

impl From<AwsError> for PostProcessError {
    fn from(error: AwsError) -> Self {
        match error {
            AwsError::Cancelled(cancelled) => cancelled.into(),
            AwsError::Journal(error) => error.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

struct Import {
    config: ImportConfig,
    services: Arc<Services>,
}

pub(super) fn decode(fields: &mut Fields<'_>, services: &Arc<Services>) -> Option<Box<dyn PostProcessor>> {
    let config = config::decode(fields)?;
    Some(Box::new(Import { config, services: Arc::clone(services) }))
}

#[async_trait]
impl PostProcessor for Import {
    fn effect(&self) -> Effect {
        Effect::Remakes
    }

    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError> {
        let config = &self.config;
        let disk = self.disk(input, cx)?;
        let key = self.key(input)?;
        let connected = self.services.aws.get(&config.access, cx.events.redactor());
        let aws = cx.cancel.unless_stopped(connected).await??;
        let work = Work { config, aws: &aws, ec2: aws.ec2(), cx };

        let object = work.upload(&disk, &key).await?;
        let (task, imported, mut image) = work.import(&key).await?;
        let mut resource = imported;
        if !config.ami_name.is_empty() {
            let (renamed, copy) = work.renamed(&image).await?;
            cx.say(format!("Removing the image under its first name ({})...", image.id));
            self.release(&resource, cx).await?;
            (resource, image) = (renamed, copy);
        }
        work.finish(&task, &image).await?;
        if config.skip_clean {
            let staying = Object { bucket: &config.s3_bucket_name, key: &key };
            if let Err(error) = aws.s3(aws.region()).untag(staying).await {
                cx.warn(format!("the object stays with the tag {RUN_TAG}: {error}"));
            }
            cx.keep(&object)?;
        } else {
            cx.say(format!("Deleting the import source s3://{}/{key}", config.s3_bucket_name));
            self.release(&object, cx).await?;
        }
        cx.keep(&resource)?;
        Ok(Processed { artifact: Some(artifact(&aws, &image, input)), keep_input: false, force_keep: false })
    }
}

impl Import {
    /// The disk among the input's files.
    fn disk(&self, input: &Artifact, cx: &BuildContext) -> Result<PathBuf, PostProcessError> {
        let format = &self.config.format;
        let ending = format!(".{format}");
        let found = input.files.iter().find(|file| file.to_string_lossy().ends_with(&ending));
        let missing = || {
            let names: Vec<String> = input.files.iter().map(|file| file.display().to_string()).collect();
            let had =
                if names.is_empty() { "it has no files".to_owned() } else { format!("it has {}", names.join(", ")) };
            PostProcessError::Failed(format!(
                "the input ({}) has no file that ends in {ending}: {had}; set \"format\" to what the build makes",
                input.builder_id
            ))
        };
        found.map(|file| cx.run.cwd.join(file)).ok_or_else(missing)
    }

    /// The object's key, which may speak of the build.
    fn key(&self, input: &Artifact) -> Result<String, PostProcessError> {
        let mut facts = self.config.facts.clone();
        facts.extend(input.facts.clone());
        let rendered = self.config.interpolation.render(&self.config.s3_key_name, &over(&facts, []));
        rendered.map_err(|error| PostProcessError::Failed(format!("\"s3_key_name\" cannot be rendered: {error}")))
    }

    async fn release(&self, resource: &Resource, cx: &BuildContext) -> Result<(), PostProcessError> {
        let released = self.services.release(resource).await;
        released.map_err(|error| PostProcessError::Failed(error.to_string()))?;
        Ok(cx.keep(resource)?)
    }
}

/// One import under way.
struct Work<'a> {
    config: &'a ImportConfig,
    aws: &'a Aws,
    ec2: Ec2,
    cx: &'a BuildContext,
}

impl Work<'_> {
    fn resource(&self, thing: AwsThing) -> Resource {
        Resource::Aws { reach: Box::new(self.aws.reach(self.aws.region())), thing }
    }

    fn acquire(&self, thing: AwsThing) -> Result<Resource, PostProcessError> {
        let resource = self.resource(thing);
        self.cx.acquire(resource.clone())?;
        Ok(resource)
    }

    fn owned(&self, tag: &str) -> Tags {
        Tags::from([(RUN_TAG.to_owned(), self.cx.run.id.clone()), (RESOURCE_TAG.to_owned(), tag.to_owned())])
    }

    async fn upload(&self, disk: &std::path::Path, key: &str) -> Result<Resource, PostProcessError> {
        let (config, cx) = (self.config, self.cx);
        cx.say(format!("Uploading {} to s3://{}/{key}", disk.display(), config.s3_bucket_name));
        let size = std::fs::metadata(disk).map(|found| found.len()).ok();
        let mut transfer = Transfer::new(cx, format!("Uploading {}", disk.display()), size);
        let (bucket, object) = (config.s3_bucket_name.clone(), Object { bucket: &config.s3_bucket_name, key });
        let upload = self.acquire(AwsThing::S3Upload { bucket: bucket.clone(), key: key.to_owned() })?;
        let made = self.resource(AwsThing::S3Object { bucket, key: key.to_owned() });
        let encryption = Encryption { kind: &config.s3_encryption, key: &config.s3_encryption_key };
        let s3 = self.aws.s3(self.aws.region());
        let whole = || cx.acquire(made.clone());
        let tags = [(RUN_TAG, cx.run.id.as_str())];
        let upload_of = Upload { object, path: disk, encryption, tags: &tags };
        s3.put_file(&upload_of, &cx.cancel, |moved| transfer.advance(moved), whole).await?;
        // One whose beginning was answered in vain is still open.
        match s3.abort_uploads(object).await {
            Ok(_) => cx.keep(&upload)?,
            Err(error) => cx.warn(format!("whether other uploads of {key} are open could not be asked: {error}")),
        }
        Ok(made)
    }

    /// Has EC2 make an image of the object, and waits for it.
    async fn import(&self, key: &str) -> Result<(String, Resource, Image), PostProcessError> {
        let (config, cx) = (self.config, self.cx);
        if cx.cancel.is_stopped() {
            return Err(Cancelled.into());
        }
        cx.say(format!("Importing s3://{}/{key} as an AMI...", config.s3_bucket_name));
        let tag = format!("packer-{}", id::time_ordered());
        let intent = self.acquire(AwsThing::Import { tag: tag.clone() })?;
        let request = DiskImport {
            client_token: tag.clone(),
            bucket: config.s3_bucket_name.clone(),
            key: key.to_owned(),
            format: config.format.clone(),
            encrypted: config.ami_encrypt,
            kms_key_id: config.ami_kms_key.clone(),
            architecture: config.architecture.clone(),
            boot_mode: config.boot_mode.clone(),
            platform: config.platform.clone(),
            license_type: config.license_type.clone(),
            role_name: config.role_name.clone(),
            tags: self.owned(&tag),
        };
        let task = self.ec2.import_image(&request).await?;
        cx.detail(format!("Import task: {task}"));
        let tell = |stage: &str| cx.detail(stage);
        let id = self.ec2.wait_import(&task, config.polling, &cx.cancel, tell).await?;
        let begun = self.acquire(begun(&id, ""))?;
        cx.keep(&intent)?;
        cx.detail(format!("AMI: {id}"));
        let image = self.ec2.wait_image(&id, config.polling, &cx.cancel).await?;
        let resource = self.acquire(image.thing())?;
        cx.keep(&begun)?;
        Ok((task, resource, image))
    }

    /// A copy with the wanted name: an imported image is named after its task, and names cannot be changed.
    async fn renamed(&self, image: &Image) -> Result<(Resource, Image), PostProcessError> {
        let (config, cx) = (self.config, self.cx);
        cx.say(format!("Renaming the AMI to {} by a copy...", config.ami_name));
        let tag = format!("packer-{}", id::time_ordered());
        let source = image.id.clone();
        let (name, since) = (config.ami_name.clone(), String::new());
        let foreign = Vec::new();
        let intent =
            self.acquire(AwsThing::Image { tag: tag.clone(), name, since, source: source.clone(), foreign })?;
        let copy = ImageCopy {
            client_token: tag.clone(),
            source_region: self.aws.region().to_owned(),
            source_id: image.id.clone(),
            name: config.ami_name.clone(),
            description: config.ami_description.clone(),
            encrypted: config.ami_encrypt.then_some(true),
            kms_key_id: config.ami_kms_key.clone(),
            tags: self.owned(&tag),
            ..ImageCopy::default()
        };
        let id = match self.ec2.copy_image(&copy).await {
            Err(error) if error.is(&["InvalidAMIName.Duplicate"]) => {
                // Somebody else's: not to be removed.
                cx.keep(&intent)?;
                return Err(error.into());
            }
            done => done?,
        };
        let begun = self.acquire(begun(&id, &source))?;
        cx.keep(&intent)?;
        let copy = self.ec2.wait_image(&id, config.polling, &cx.cancel).await?;
        let resource = self.acquire(copy.thing())?;
        cx.keep(&begun)?;
        Ok((resource, copy))
    }

    /// Tags, description and sharing. Image and task without our tags are finished ones.
    async fn finish(&self, task: &str, image: &Image) -> Result<(), PostProcessError> {
        let (config, cx) = (self.config, self.cx);
        let mut ids = vec![image.id.clone()];
        ids.extend(image.snapshots());
        if !config.tags.is_empty() {
            cx.say(format!("Adding tags to AMI ({})...", image.id));
            self.ec2.tag(&ids, &config.tags, &cx.cancel).await?;
        }
        let mut changes = Vec::new();
        if !config.ami_description.is_empty() {
            changes.push(ImageChange::Description(config.ami_description.clone()));
        }
        let mut add = |list: &Vec<String>, change: fn(Vec<String>) -> ImageChange| {
            if !list.is_empty() {
                changes.push(change(list.clone()));
            }
        };
        add(&config.ami_users, ImageChange::Users);
        add(&config.ami_groups, ImageChange::Groups);
        add(&config.ami_org_arns, ImageChange::OrganizationArns);
        add(&config.ami_ou_arns, ImageChange::OuArns);
        if !config.imds_support.is_empty() {
            changes.push(ImageChange::ImdsSupport(config.imds_support.clone()));
        }
        if !changes.is_empty() {
            cx.say(format!("Modifying attributes on AMI ({})...", image.id));
        }
        for change in &changes {
            self.ec2.change_image(&image.id, change, &cx.cancel).await?;
        }
        ids.push(task.to_owned());
        Ok(self.ec2.untag(&ids, &[RUN_TAG, RESOURCE_TAG]).await?)
    }
}

/// An image that is not ready yet.
fn begun(id: &str, source: &str) -> AwsThing {
    let (id, source) = (id.to_owned(), source.to_owned());
    AwsThing::ImageId { id, source, snapshots: Vec::new(), foreign: Vec::new() }
}

/// In the form of the builders' artifacts.
fn artifact(aws: &Aws, image: &Image, input: &Artifact) -> Artifact {
    let region = aws.region();
    let text = format!("AMIs were created:\n{region}: {}\n", image.id);
    let mut artifact = Artifact::new(ID, format!("{region}:{}", image.id), text);
    artifact.is_image = true;
    artifact.regions.insert(region.to_owned(), image.id.clone());
    artifact.facts.clone_from(&input.facts);
    artifact.resources = vec![Resource::Aws { reach: Box::new(aws.reach(region)), thing: image.thing() }];
    artifact
}
