//! What can be known to go wrong before anything is created: unknown regions, an image that would stay in none, a VPC
//! without a subnet, a name that is taken or that cannot be freed.

use futures_util::future::try_join_all;

use super::account::Account;
use super::config::{AmiOptions, FastLaunchOptions, RunOptions};
use super::image::Plan;
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::{Filters, Image, ImageQuery};
use crate::run::BuildContext;

/// What can be known of the images that a build is to make. `replaces`: those of the same name are to make room.
pub(super) async fn images(
    account: &Account,
    ami: &AmiOptions,
    replaces: bool,
    cx: &BuildContext,
) -> Result<(), BuilderError> {
    Plan::of(ami, account.region())?;
    let name = async {
        match replaces {
            true => replaceable(account, ami, cx).await.map(drop),
            false => name_is_free(account, ami, cx).await,
        }
    };
    tokio::try_join!(regions(account, ami, cx), name).map(drop)
}

/// Every region that is named must be one that the account can use.
pub(super) async fn regions(account: &Account, ami: &AmiOptions, cx: &BuildContext) -> Result<(), BuilderError> {
    if ami.skip_region_validation {
        return Ok(());
    }
    let known = cx.cancel.unless_stopped(account.ec2.regions()).await??;
    let named = std::iter::once(account.region()).chain(ami.ami_regions.iter().map(String::as_str));
    let unknown: Vec<&str> = named.filter(|region| !known.iter().any(|k| k == region)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(BuilderError::Failed(format!(
        "the account cannot use {}: not among its regions ({}); correct the name, enable the region, or set \
         skip_region_validation = true",
        unknown.join(", "),
        known.join(", ")
    )))
}

/// Launch templates that fast launch is to use, and of which the latest version is asked for in the end.
pub(super) async fn fast_launch(
    account: &Account,
    options: Option<&FastLaunchOptions>,
    ami: &AmiOptions,
    cx: &BuildContext,
) -> Result<(), BuilderError> {
    let Some(options) = options else { return Ok(()) };
    let regions = ami.ami_regions.iter().map(String::as_str).filter(|region| *region != account.region());
    let look = regions.chain([account.region()]).map(|region| async move {
        match options.for_region(region, account.region(), "") {
            Some(fast) => account.aws.ec2_in(region).fast_launch_version(&fast).await.map(drop),
            None => Ok(()),
        }
    });
    Ok(cx.cancel.unless_stopped(try_join_all(look)).await?.map(drop)?)
}

/// A VPC that is not the default one has no subnet that AWS would choose by itself.
pub(super) async fn vpc(account: &Account, run: &RunOptions, cx: &BuildContext) -> Result<(), BuilderError> {
    if run.network.vpc_id.is_empty() || !run.network.subnet_id.is_empty() || run.network.subnet_filter.is_some() {
        return Ok(());
    }
    cx.say("Prevalidating any provided VPC information");
    let ids = [run.network.vpc_id.clone()];
    let found = cx.cancel.unless_stopped(account.ec2.vpcs(&ids, &Filters::new())).await??;
    match found.first() {
        Some(vpc) if vpc.is_default => Ok(()),
        Some(_) => Err(BuilderError::Failed(format!(
            "the VPC {} is not the account's default one, so a subnet must be named too: set subnet_id or subnet_filter",
            run.network.vpc_id
        ))),
        None => Err(BuilderError::Failed(format!("there is no VPC {} in {}", run.network.vpc_id, account.region()))),
    }
}

/// Fails when an image of that name exists where one is to be made: AWS would refuse it after the whole build. Where
/// images are released by their name it also says that one of that name is ours.
async fn name_is_free(account: &Account, ami: &AmiOptions, cx: &BuildContext) -> Result<(), BuilderError> {
    cx.say(format!("Prevalidating AMI Name: {}", ami.ami_name));
    let own = (!ami.skip_save_build_region).then(|| account.region());
    let regions = own.into_iter().chain(ami.ami_regions.iter().map(String::as_str).filter(|r| *r != account.region()));
    let found = named(account, &ami.ami_name, regions, cx).await?;
    match found.iter().find_map(|(region, found)| Some((region, found.first()?))) {
        None => Ok(()),
        Some((region, image)) => Err(BuilderError::Failed(format!(
            "an image named {:?} is already there in {region}: {}; choose another ami_name, or set force_deregister = \
             true (or -force) to replace it",
            ami.ami_name, image.id
        ))),
    }
}

/// The images of that name that are to make room, by region. Fails when one of them is protected: its protection is
/// somebody's decision, which replacing by name does not undo.
pub(super) async fn replaceable<'a>(
    account: &'a Account,
    ami: &'a AmiOptions,
    cx: &BuildContext,
) -> Result<Vec<(&'a str, Vec<Image>)>, BuilderError> {
    let others = ami.ami_regions.iter().map(String::as_str).filter(|region| *region != account.region());
    let found = named(account, &ami.ami_name, others.chain([account.region()]), cx).await?;
    let all = found.iter().flat_map(|(region, images)| images.iter().map(move |image| (region, image)));
    let protected: Vec<_> = all.filter(|(_, image)| image.is_protected()).collect();
    let Some((region, image)) = protected.first() else { return Ok(found) };
    let shown: Vec<String> = protected.iter().map(|(region, image)| format!("{} in {region}", image.id)).collect();
    Err(BuilderError::Failed(format!(
        "force_deregister (or -force) is to replace {} of the name {:?}, protected from deregistration; take the \
         protection off before (aws ec2 disable-image-deregistration-protection --region {region} --image-id {}), which \
         takes 24 hours where it has a cooldown, or choose another ami_name",
        shown.join(", "),
        ami.ami_name,
        image.id
    )))
}

/// Our own images of that very name, by region. The characters of a filter's patterns cannot be in an image's name.
async fn named<'a>(
    account: &'a Account,
    name: &str,
    regions: impl Iterator<Item = &'a str>,
    cx: &BuildContext,
) -> Result<Vec<(&'a str, Vec<Image>)>, BuilderError> {
    let query = ImageQuery {
        owners: vec!["self".to_owned()],
        filters: Filters::from([("name".to_owned(), vec![name.to_owned()])]),
        include_deprecated: true,
        ..ImageQuery::default()
    };
    let looks = regions.map(|region| {
        let (ec2, query) = (account.aws.ec2_in(region), &query);
        async move { Ok::<_, BuilderError>((region, ec2.images(query).await?)) }
    });
    cx.cancel.unless_stopped(try_join_all(looks)).await?
}
