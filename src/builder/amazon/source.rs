//! The image that a build starts from.

use super::account::Account;
use super::config::{AmiFilter, RunOptions};
use crate::aws::source_image;
use crate::builder::BuilderError;
use crate::client::Services;
use crate::client::aws::Access;
use crate::client::aws::ec2::Ec2;
use crate::client::aws::ec2::types::{Image, ImageQuery};
use crate::client::aws::wait::Polling;
use crate::run::BuildContext;

/// Finds the one image that `source_ami` and `source_ami_filter` name, with one call.
pub(super) async fn find(ec2: &Ec2, run: &RunOptions, cx: &BuildContext) -> Result<Image, BuilderError> {
    find_by(ec2, &run.source_ami, run.source_ami_filter.as_ref(), cx).await
}

pub(super) async fn find_by(
    ec2: &Ec2,
    source_ami: &str,
    filter: Option<&AmiFilter>,
    cx: &BuildContext,
) -> Result<Image, BuilderError> {
    let mut query = ImageQuery::default();
    let mut most_recent = false;
    if !source_ami.is_empty() {
        query.ids.push(source_ami.to_owned());
    }
    if let Some(filter) = filter {
        query.owners.clone_from(&filter.owners);
        query.filters.clone_from(&filter.filters);
        query.include_deprecated = filter.include_deprecated;
        most_recent = filter.most_recent;
    }
    let image = cx.cancel.unless_stopped(source_image::the_one(ec2, &query, most_recent)).await??;
    cx.detail(format!("Found Image ID: {} ({})", image.id, image.name));
    Ok(image)
}

/// Id of the image that an instance would be launched of now.
pub(super) async fn of_run(
    account: (&Access, Polling),
    run: &RunOptions,
    services: &Services,
    cx: &BuildContext,
) -> Result<Option<String>, BuilderError> {
    id(account, &run.source_ami, run.source_ami_filter.as_ref(), services, cx).await
}

/// Id of the image that a launch would find now. One that is named by its id is not asked for.
pub(super) async fn id(
    (access, polling): (&Access, Polling),
    source_ami: &str,
    filter: Option<&AmiFilter>,
    services: &Services,
    cx: &BuildContext,
) -> Result<Option<String>, BuilderError> {
    if filter.is_none() && !source_ami.is_empty() {
        return Ok(Some(source_ami.to_owned()));
    }
    let account = Account::connect(access, polling, services, cx).await?;
    Ok(Some(find_by(&account.ec2, source_ami, filter, cx).await?.id))
}

/// The source must have a root device on EBS for its instance to be stopped and snapshotted.
pub(super) fn check_root(image: &Image) -> Result<(), BuilderError> {
    if image.root_device_type == "ebs" {
        return Ok(());
    }
    Err(BuilderError::Failed(format!(
        "the root device of the source image {} is {:?}, and this builder needs one on EBS; choose an image whose \
         root-device-type is \"ebs\"",
        image.id, image.root_device_type
    )))
}

/// Enhanced networking exists for hardware virtual machines only.
pub(super) fn check_virtualization(image: &Image, enhanced_networking: bool) -> Result<(), BuilderError> {
    if !enhanced_networking || image.virtualization == "hvm" {
        return Ok(());
    }
    Err(BuilderError::Failed(format!(
        "\"ena_support\" and \"sriov_support\" need a source image with virtualization \"hvm\"; {} has {:?}",
        image.id, image.virtualization
    )))
}

/// Only an instance without a disk of its own is bundled.
pub(super) fn check_instance_store(image: &Image) -> Result<(), BuilderError> {
    if image.root_device_type == "instance-store" {
        return Ok(());
    }
    Err(BuilderError::Failed(format!(
        "the root device of the source image {} is {:?}, and amazon-instance bundles instance stores; use amazon-ebs for \
         this image",
        image.id, image.root_device_type
    )))
}
