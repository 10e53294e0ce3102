//! What can be known to go wrong before anything is created: unknown regions, a VPC without a subnet, a name that is
//! taken.

use super::account::Account;
use super::config::{AmiOptions, RunOptions};
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::{Filters, ImageQuery};
use crate::run::BuildContext;

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
pub(super) async fn name_is_free(account: &Account, ami: &AmiOptions, cx: &BuildContext) -> Result<(), BuilderError> {
    cx.say(format!("Prevalidating AMI Name: {}", ami.ami_name));
    let query = by_name(&ami.ami_name);
    let own = (!ami.skip_save_build_region).then(|| account.region());
    let regions = own.into_iter().chain(ami.ami_regions.iter().map(String::as_str).filter(|r| *r != account.region()));
    let looks = regions.map(|region| {
        let (ec2, query) = (account.aws.ec2_in(region), &query);
        async move { Ok::<_, BuilderError>((region, ec2.images(query).await?)) }
    });
    let looked = cx.cancel.unless_stopped(futures_util::future::try_join_all(looks)).await??;
    match looked.iter().find_map(|(region, found)| Some((region, found.first()?))) {
        None => Ok(()),
        Some((region, image)) => Err(BuilderError::Failed(format!(
            "an image named {:?} is already there in {region}: {}; choose another ami_name, or set force_deregister = \
             true (or -force) to replace it",
            ami.ami_name, image.id
        ))),
    }
}

/// Our own images of that very name. The characters of a filter's patterns cannot be in an image's name.
pub(super) fn by_name(name: &str) -> ImageQuery {
    ImageQuery {
        owners: vec!["self".to_owned()],
        filters: Filters::from([("name".to_owned(), vec![name.to_owned()])]),
        include_deprecated: true,
        ..ImageQuery::default()
    }
}
