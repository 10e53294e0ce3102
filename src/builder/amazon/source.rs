//! The image that a build starts from.

use super::config::RunOptions;
use crate::builder::BuilderError;
use crate::client::aws::ec2::Ec2;
use crate::client::aws::ec2::types::{Filters, Image, ImageQuery};
use crate::run::BuildContext;

/// Names of images that a message about too many of them lists.
const LISTED: usize = 5;

/// Finds the one image that `source_ami` and `source_ami_filter` name, with one call.
pub(super) async fn find(ec2: &Ec2, run: &RunOptions, cx: &BuildContext) -> Result<Image, BuilderError> {
    let mut query = ImageQuery::default();
    let mut most_recent = false;
    if !run.source_ami.is_empty() {
        query.ids.push(run.source_ami.clone());
    }
    if let Some(filter) = &run.source_ami_filter {
        query.owners.clone_from(&filter.owners);
        query.filters.clone_from(&filter.filters);
        query.include_deprecated = filter.include_deprecated;
        most_recent = filter.most_recent;
    }
    let mut found = cx.cancel.unless_stopped(ec2.images(&query)).await??;
    if found.len() > 1 && !most_recent {
        return Err(BuilderError::Failed(too_many(&query, &found, ec2.region())));
    }
    // RFC 3339 in UTC: the order of texts is the order of times.
    found.sort_by(|a, b| a.creation_date.cmp(&b.creation_date));
    let Some(image) = found.pop() else {
        let text = format!(
            "no source image was found in {} for {}; check the region, the owners and the pattern of the name",
            ec2.region(),
            shown(&query)
        );
        return Err(BuilderError::Failed(text));
    };
    cx.detail(format!("Found Image ID: {} ({})", image.id, image.name));
    Ok(image)
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

fn too_many(query: &ImageQuery, found: &[Image], region: &str) -> String {
    let mut names: Vec<&str> = found.iter().map(|image| image.name.as_str()).collect();
    names.sort_unstable();
    let more = if names.len() > LISTED { ", ..." } else { "" };
    names.truncate(LISTED);
    format!(
        "{} images in {region} match {}: {}{more}; narrow the filters, or set most_recent = true to take the newest",
        found.len(),
        shown(query),
        names.join(", ")
    )
}

fn shown(query: &ImageQuery) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !query.ids.is_empty() {
        parts.push(format!("id {}", query.ids.join(", ")));
    }
    if !query.owners.is_empty() {
        parts.push(format!("owners {}", query.owners.join(", ")));
    }
    parts.extend(filters_shown(&query.filters));
    parts.join(", ")
}

/// One text per filter, `name = value, value`.
pub(super) fn filters_shown(filters: &Filters) -> impl Iterator<Item = String> + '_ {
    filters.iter().map(|(name, values)| format!("{name} = {}", values.join(" or ")))
}
