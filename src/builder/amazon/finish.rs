//! What an image gets once it is available: description, sharing, deprecation, tags; in all regions side by side.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::account::Account;
use super::config::{AmiOptions, FastLaunchOptions, SourceFacts, render_tags, render_text};
use super::image::{Images, all};
use super::progress::Progress;
use crate::builder::BuilderError;
use crate::client::aws::ec2::Ec2;
use crate::client::aws::ec2::types::{FastLaunch, Image, ImageChange, Tags};
use crate::eval::interpolate::Interpolation;
use crate::run::BuildContext;
use crate::run::aws::{INPUTS_TAG, RESOURCE_TAG, RUN_TAG};

/// Tags that one thing can have in EC2.
const MOST_TAGS: usize = 50;

/// What the template says of the images.
pub(super) struct Wanted<'a> {
    pub ami: &'a AmiOptions,
    pub fast_launch: Option<&'a FastLaunchOptions>,
    pub interpolation: &'a Interpolation,
    pub facts: &'a SourceFacts,
    pub progress: &'a Progress,
}

/// What every image of the build gets, rendered.
struct Finish {
    changes: Vec<ImageChange>,
    tags: Tags,
    snapshot_tags: Tags,
}

/// Renders what the images are to get, and counts their tags, before anything is made: `run_tags`, where images take
/// them over, unrendered.
pub(super) fn check(
    account: &Account,
    ami: &AmiOptions,
    (run_tags, interpolation): (Option<&BTreeMap<String, String>>, &Interpolation),
    facts: &SourceFacts,
) -> Result<(), BuilderError> {
    changes(ami, interpolation, facts)?;
    let render = |tags| render_tags(tags, interpolation, facts).map_err(BuilderError::Failed);
    let mut all = render(&ami.tags)?;
    all.extend(render(&ami.snapshot_tags)?);
    // The digest of the inputs is not known yet.
    let own: &[&str] = if account.tags_images() { &[INPUTS_TAG, RUN_TAG, RESOURCE_TAG] } else { &[INPUTS_TAG] };
    all.extend(own.iter().map(|key| ((*key).to_owned(), String::new())));
    all.extend(run_tags.map(render).transpose()?.unwrap_or_default());
    match all.len().checked_sub(MOST_TAGS) {
        None | Some(0) => Ok(()),
        Some(more) => Err(BuilderError::Failed(format!(
            "the image and its snapshots would have {} tags, with those that tell a sweep whose they are until they are \
             finished; EC2 takes {MOST_TAGS}: leave out {more} of run_tags, tags and snapshot_tags",
            all.len()
        ))),
    }
}

/// Gives the images all that the template says, then takes our own tags off: an image without them is a finished one.
/// Protection comes last, once nothing else can fail in any region: what is protected cannot be removed.
pub(super) async fn finish(
    account: &Account,
    wanted: &Wanted<'_>,
    images: &Images,
    cx: &BuildContext,
) -> Result<(), BuilderError> {
    let Wanted { ami, interpolation, facts, progress, .. } = *wanted;
    let finish = Finish {
        changes: changes(ami, interpolation, facts)?,
        tags: tags(account, ami, interpolation, facts, cx)?,
        snapshot_tags: render_tags(&ami.snapshot_tags, interpolation, facts).map_err(BuilderError::Failed)?,
    };
    let tell = async {
        announce(&finish, ami, images, cx);
        Ok(())
    };
    progress.once("tell", tell).await?;
    let work = images.iter().map(|(region, image)| {
        let (ec2, finish) = (account.aws.ec2_in(region), &finish);
        async move {
            let work = finish_one(&ec2, ami, finish, image, progress, cx);
            progress.once(&format!("finish in {region}"), work).await
        }
    });
    all(join_all(work).await)?;
    if let Some(options) = wanted.fast_launch {
        fast_launch(account, options, images, progress, cx).await?;
    }
    // Snapshots carry them even where images do not.
    let work = images.iter().map(|(region, image)| {
        let ec2 = account.aws.ec2_in(region);
        async move { Ok(ec2.untag(&with_snapshots(image), &[RUN_TAG, RESOURCE_TAG]).await?) }
    });
    all(join_all(work).await)?;
    match ami.deregistration_protection {
        Some(with_cooldown) => protect(account, with_cooldown, images, cx).await,
        None => Ok(()),
    }
}

/// Where images could not be created with tags, they get here what says of what they were made.
fn tags(
    account: &Account,
    ami: &AmiOptions,
    interpolation: &Interpolation,
    facts: &SourceFacts,
    cx: &BuildContext,
) -> Result<Tags, BuilderError> {
    let mut tags = render_tags(&ami.tags, interpolation, facts).map_err(BuilderError::Failed)?;
    let digest = cx.digest.clone().filter(|_| !account.tags_images());
    tags.extend(digest.map(|digest| (INPUTS_TAG.to_owned(), digest)));
    Ok(tags)
}

/// Protects all images. When one cannot be, the release takes the protection off the others again.
async fn protect(
    account: &Account,
    with_cooldown: bool,
    images: &Images,
    cx: &BuildContext,
) -> Result<(), BuilderError> {
    if cx.cancel.is_stopped() {
        return Err(crate::run::cancel::Cancelled.into());
    }
    cx.say("Enabling deregistration protection...");
    let work = images.iter().map(|(region, image)| {
        let ec2 = account.aws.ec2_in(region);
        async move { Ok(ec2.protect_image(&image.id, with_cooldown).await?) }
    });
    all(join_all(work).await)
}

fn announce(finish: &Finish, ami: &AmiOptions, images: &Images, cx: &BuildContext) {
    for (region, image) in images {
        if !finish.changes.is_empty() {
            cx.say(format!("Modifying attributes on AMI ({}) in {region}...", image.id));
        }
        if !finish.tags.is_empty() {
            cx.say(format!("Adding tags to AMI ({}) in {region}...", image.id));
        }
    }
    for (key, value) in &finish.tags {
        cx.detail(format!("Adding tag: {key:?}: {value:?}"));
    }
    for (key, value) in &finish.snapshot_tags {
        cx.detail(format!("Adding snapshot tag: {key:?}: {value:?}"));
    }
    if !ami.deprecate_at.is_empty() {
        cx.say(format!("Enabling deprecation at {}...", ami.deprecate_at));
    }
}

async fn finish_one(
    ec2: &Ec2,
    ami: &AmiOptions,
    finish: &Finish,
    image: &Image,
    progress: &Progress,
    cx: &BuildContext,
) -> Result<(), BuilderError> {
    for change in &finish.changes {
        let make = async { Ok(ec2.change_image(&image.id, change, &cx.cancel).await?) };
        progress.once(&format!("{change:?} of {}", image.id), make).await?;
    }
    let shares = !ami.snapshot_users.is_empty() || !ami.snapshot_groups.is_empty();
    for snapshot in image.snapshots().iter().filter(|_| shares) {
        ec2.share_snapshot(snapshot, &ami.snapshot_groups, &ami.snapshot_users, &cx.cancel).await?;
    }
    if !finish.tags.is_empty() {
        ec2.tag(&with_snapshots(image), &finish.tags, &cx.cancel).await?;
    }
    if !finish.snapshot_tags.is_empty() && !image.own_snapshots().is_empty() {
        ec2.tag(&image.own_snapshots(), &finish.snapshot_tags, &cx.cancel).await?;
    }
    if !ami.deprecate_at.is_empty() {
        ec2.deprecate_image(&image.id, &ami.deprecate_at, &cx.cancel).await?;
    }
    match cx.cancel.is_stopped() {
        true => Err(crate::run::cancel::Cancelled.into()),
        false => Ok(()),
    }
}

/// One call for each kind of change.
fn changes(
    ami: &AmiOptions,
    interpolation: &Interpolation,
    facts: &SourceFacts,
) -> Result<Vec<ImageChange>, BuilderError> {
    let mut changes = Vec::new();
    let description = render_text(&ami.ami_description, interpolation, facts).map_err(BuilderError::Failed)?;
    if !description.is_empty() {
        changes.push(ImageChange::Description(description));
    }
    let mut add = |list: &Vec<String>, change: fn(Vec<String>) -> ImageChange| {
        if !list.is_empty() {
            changes.push(change(list.clone()));
        }
    };
    add(&ami.ami_groups, ImageChange::Groups);
    add(&ami.ami_users, ImageChange::Users);
    add(&ami.ami_org_arns, ImageChange::OrganizationArns);
    add(&ami.ami_ou_arns, ImageChange::OuArns);
    add(&ami.ami_product_codes, ImageChange::ProductCodes);
    if !ami.imds_support.is_empty() {
        changes.push(ImageChange::ImdsSupport(ami.imds_support.clone()));
    }
    Ok(changes)
}

fn with_snapshots(image: &Image) -> Vec<String> {
    let mut ids = vec![image.id.clone()];
    ids.extend(image.own_snapshots());
    ids
}

/// Prepares snapshots from which Windows instances start faster, in the regions that ask for it.
async fn fast_launch(
    account: &Account,
    options: &FastLaunchOptions,
    images: &Images,
    progress: &Progress,
    cx: &BuildContext,
) -> Result<(), BuilderError> {
    let requests: BTreeMap<&String, FastLaunch> = images
        .iter()
        .filter_map(|(region, image)| Some((region, options.for_region(region, account.region(), &image.id)?)))
        .collect();
    for region in requests.keys() {
        cx.say(format!("Enabling fast launch in {region}..."));
    }
    let work = requests.into_iter().map(|(region, request)| {
        let ec2 = account.aws.ec2_in(region);
        async move {
            let enable = async { Ok(ec2.fast_launch(&request, &cx.cancel).await?) };
            progress.once(&format!("fast launch in {region}"), enable).await?;
            ec2.wait_fast_launch(&request.image_id, account.polling, &cx.cancel).await?;
            Ok(())
        }
    });
    all(join_all(work).await)
}
