//! The images of a build: the one in the build region and its copies.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::account::{Account, owned, owned_image, short_name, since_now, unique_name};
use super::config::AmiOptions;
use super::precheck;
use super::progress::{Begun, Made, Progress};
use crate::builder::BuilderError;
use crate::client::aws::AwsError;
use crate::client::aws::ec2::types::{BlockDevice, Image, ImageCopy, Tags};
use crate::run::BuildContext;
use crate::run::aws::AwsThing;
use crate::run::cleanup::Resource;

/// Images that stay, by region.
pub(super) type Images = BTreeMap<String, Image>;

/// Which image is made where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Name of the image in the build region: one that does not stay has one of its own.
    pub name: String,
    /// Regions that the image is copied to, the build region among them when its copy is an encrypted one.
    pub targets: Vec<String>,
    /// The image in the build region is only there to be copied.
    pub intermediate: bool,
}

impl Plan {
    /// The build region may have come from the environment, so that the template alone did not tell where images stay.
    pub(super) fn of(ami: &AmiOptions, build_region: &str) -> Result<Self, BuilderError> {
        let encrypts = ami.encrypt_boot == Some(true);
        let intermediate = encrypts || ami.skip_save_build_region;
        let mut targets: Vec<String> = ami.ami_regions.iter().filter(|r| *r != build_region).cloned().collect();
        if encrypts && !ami.skip_save_build_region {
            targets.push(build_region.to_owned());
        }
        if intermediate && targets.is_empty() {
            return Err(BuilderError::Failed(format!(
                "the image would stay in no region: skip_save_build_region takes it out of {build_region}, and ami_regions \
                 names no other one; name one there, or remove skip_save_build_region"
            )));
        }
        let name = if intermediate { short_name() } else { ami.ami_name.clone() };
        Ok(Self { name, targets, intermediate })
    }
}

/// Removes our images of the final name in every region where one will be made. Snapshots that `theirs` name are what the
/// new image is made of as well.
pub(super) async fn make_room(
    account: &Account,
    ami: &AmiOptions,
    theirs: &[BlockDevice],
    cx: &BuildContext,
) -> Result<(), BuilderError> {
    let foreign = &snapshots_of(theirs);
    // Looked at before the first one goes: where one cannot go, the others stay too.
    let old = precheck::replaceable(account, ami, cx).await?;
    let work = old.into_iter().map(|(region, images)| async move {
        let ec2 = account.aws.ec2_in(region);
        for image in images {
            cx.say(format!("Deregistering {} in {region}, which has the same name", image.id));
            if !ami.force_delete_snapshot {
                ec2.deregister_image(&image.id).await?;
                continue;
            }
            let mut snapshots = image.snapshots();
            snapshots.retain(|snapshot| !foreign.contains(snapshot));
            let replaced = AwsThing::Replaced { image: image.id.clone(), snapshots: snapshots.clone() };
            let replaced = account.acquire_in(region, replaced, cx)?;
            ec2.deregister_image(&image.id).await?;
            for snapshot in &snapshots {
                cx.detail(format!("Deleting its snapshot {snapshot}"));
                match ec2.delete_freed_snapshot(snapshot, &cx.cancel).await {
                    // Somebody else's image has it too.
                    Err(error) if error.is(&["InvalidSnapshot.InUse"]) => {
                        cx.warn(format!("the snapshot {snapshot} of {} stays: {error}", image.id));
                    }
                    done => drop(done?),
                }
            }
            cx.keep(&replaced)?;
        }
        Ok(())
    });
    all(join_all(work).await)
}

/// Makes the image of an instance in the build region.
pub(super) async fn create(
    account: &Account,
    instance: &str,
    plan: &Plan,
    devices: &[BlockDevice],
    run_tags: &Tags,
    cx: &BuildContext,
) -> Result<Begun, BuilderError> {
    let name = &plan.name;
    cx.say(format!("Creating AMI {name} from instance {instance}"));
    let intent = intend(account, (name, instance), devices, cx)?;
    let tags = owned_image(run_tags.clone(), intent.tag(), cx);
    let created = account.ec2.create_image(instance, name, devices, &tags, &cx.cancel).await;
    settle(account, created, intent, cx).await
}

/// An image that is about to be made.
pub(super) struct Intent {
    resource: Resource,
    /// Value of the tag that it is created with; empty where images take no tags.
    tag: String,
    /// What it is made of: see [`AwsThing::Image`].
    source: String,
    /// As in [`Begun`].
    foreign: Vec<String>,
}

impl Intent {
    pub(super) fn tag(&self) -> &str {
        &self.tag
    }
}

/// Journals that an image is about to be made of `source` in the build region. Snapshots of `theirs` are somebody's own.
pub(super) fn intend<'a>(
    account: &Account,
    (name, source): (&str, &str),
    theirs: impl IntoIterator<Item = &'a BlockDevice>,
    cx: &BuildContext,
) -> Result<Intent, BuilderError> {
    let tag = if account.tags_images() { unique_name("packer-") } else { String::new() };
    intend_in(account, account.region(), (tag, name, source), snapshots_of(theirs), cx)
}

/// Snapshots that the devices name.
fn snapshots_of<'a>(devices: impl IntoIterator<Item = &'a BlockDevice>) -> Vec<String> {
    devices.into_iter().map(|device| device.snapshot_id.clone()).filter(|id| !id.is_empty()).collect()
}

fn intend_in(
    account: &Account,
    region: &str,
    (tag, name, source): (String, &str, &str),
    foreign: Vec<String>,
    cx: &BuildContext,
) -> Result<Intent, BuilderError> {
    let intended = AwsThing::Image {
        tag: tag.clone(),
        name: name.to_owned(),
        since: since_now(),
        source: source.to_owned(),
        foreign: foreign.clone(),
    };
    Ok(Intent { resource: account.acquire_in(region, intended, cx)?, tag, source: source.to_owned(), foreign })
}

/// Makes the best of the answer to a call that makes an image.
pub(super) async fn settle(
    account: &Account,
    answer: Result<String, AwsError>,
    intent: Intent,
    cx: &BuildContext,
) -> Result<Begun, BuilderError> {
    let id = match answer {
        Err(error) if error.is(&["InvalidAMIName.Duplicate"]) => match account.aws.made(&intent.resource).await {
            // The answer to the first try was lost.
            Ok(mut made) if !made.is_empty() => made.swap_remove(0),
            Ok(_) => {
                // Somebody else's, not to be removed; or our own, which does not show yet: by its tag the release tells.
                if intent.tag.is_empty() {
                    cx.keep(&intent.resource)?;
                }
                return Err(error.into());
            }
            // The release looks again, and says what it cannot tell.
            Err(_) => return Err(error.into()),
        },
        answer => answer?,
    };
    cx.detail(format!("AMI: {id}"));
    let begun = begun(account, account.region(), id, &intent, cx)?;
    cx.say("Waiting for AMI to become ready...");
    Ok(begun)
}

/// Replaces the intent to create an image by the image itself.
fn begun(
    account: &Account,
    region: &str,
    id: String,
    intent: &Intent,
    cx: &BuildContext,
) -> Result<Begun, BuilderError> {
    let (source, foreign) = (intent.source.clone(), intent.foreign.clone());
    let thing = AwsThing::ImageId { id: id.clone(), source, snapshots: Vec::new(), foreign };
    let resource = account.acquire_in(region, thing, cx)?;
    cx.keep(&intent.resource)?;
    Ok(Begun { id, tag: intent.tag.clone(), resource, foreign: intent.foreign.clone() })
}

/// The image of the build region, which `begin` makes unless an attempt before has made it.
pub(super) async fn of_build_region<B>(
    account: &Account,
    progress: &Progress,
    cx: &BuildContext,
    begin: impl FnOnce() -> B,
) -> Result<Made, BuilderError>
where
    B: Future<Output = Result<Begun, BuilderError>>,
{
    let wait = |id: String| async move { account.ec2.wait_image(&id, account.polling, &cx.cancel).await };
    progress.image.image((account, account.region()), cx, begin, wait).await
}

/// Copies the image to where it is wanted, side by side, and yields those that stay. An intermediate image stays on
/// the cleanup stack, so it goes whatever happens.
pub(super) async fn distribute(
    account: &Account,
    ami: &AmiOptions,
    plan: &Plan,
    made: Made,
    progress: &Progress,
    cx: &BuildContext,
) -> Result<Images, BuilderError> {
    let mut images = Images::new();
    if !plan.targets.is_empty() {
        let tell = async {
            cx.say(format!("Copying/Encrypting AMI ({}) to other regions...", made.image.id));
            Ok(())
        };
        progress.once("copy", tell).await?;
        let copies = plan.targets.iter().map(|region| copy(account, ami, region, &made, progress, cx));
        let mut failed = Vec::new();
        for (region, copied) in plan.targets.iter().zip(join_all(copies).await) {
            match copied {
                Ok(image) => drop(images.insert(region.clone(), image)),
                Err(error) => failed.push(error),
            }
        }
        one(failed)?;
    }
    if !plan.intermediate {
        images.insert(account.region().to_owned(), made.image);
    }
    Ok(images)
}

async fn copy(
    account: &Account,
    ami: &AmiOptions,
    region: &str,
    made: &Made,
    progress: &Progress,
    cx: &BuildContext,
) -> Result<Image, BuilderError> {
    let ec2 = &account.aws.ec2_in(region);
    let wait = |id: String| async move { ec2.wait_copy(&id, made.took, account.polling, &cx.cancel).await };
    let begin = || begin_copy(account, ami, region, made, cx);
    let copied = progress.copy(region).image((account, region), cx, begin, wait).await?;
    cx.detail(format!("Copied to {region}: {}", copied.image.id));
    Ok(copied.image)
}

async fn begin_copy(
    account: &Account,
    ami: &AmiOptions,
    region: &str,
    made: &Made,
    cx: &BuildContext,
) -> Result<Begun, BuilderError> {
    cx.detail(format!("Copying to: {region}"));
    let own_key = (region == account.region()).then(|| ami.kms_key_id.clone());
    let kms_key_id = ami.region_kms_key_ids.get(region).cloned().or(own_key).unwrap_or_default();
    let name = ami.ami_name.clone();
    // The copy takes the source's tags over, ours among them; its snapshots do not.
    let snapshot_tags = if made.tag.is_empty() { Tags::new() } else { owned(Tags::new(), &made.tag, cx) };
    let intent = intend_in(account, region, (made.tag.clone(), &name, &made.image.id), Vec::new(), cx)?;
    let request = ImageCopy {
        client_token: unique_name("packer-"),
        source_region: account.region().to_owned(),
        source_id: made.image.id.clone(),
        name,
        encrypted: ami.encrypt_boot,
        kms_key_id,
        duration: ami.snapshot_copy_duration_minutes,
        snapshot_tags,
        ..ImageCopy::default()
    };
    let id = match account.aws.ec2_in(region).copy_image(&request).await {
        Err(error) if error.is(&["InvalidAMIName.Duplicate"]) => {
            // Somebody else's: not to be removed. A lost answer to our own call is given again.
            if intent.tag.is_empty() {
                cx.keep(&intent.resource)?;
            }
            return Err(error.into());
        }
        answer => answer?,
    };
    begun(account, region, id, &intent, cx)
}

/// All went well, or what did not as one error. Being cancelled is what counts most.
pub(super) fn all(results: Vec<Result<(), BuilderError>>) -> Result<(), BuilderError> {
    one(results.into_iter().filter_map(Result::err).collect())
}

fn one(mut failed: Vec<BuilderError>) -> Result<(), BuilderError> {
    if let Some(at) = failed.iter().position(|error| matches!(error, BuilderError::Cancelled(_))) {
        return Err(failed.swap_remove(at));
    }
    if failed.len() < 2 {
        return failed.pop().map_or(Ok(()), Err);
    }
    let texts: Vec<String> = failed.iter().map(ToString::to_string).collect();
    Err(BuilderError::Failed(texts.join("; ")))
}
