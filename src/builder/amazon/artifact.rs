//! The artifact of a builder that makes images, in the peer's form.

use super::account::Account;
use super::image::Images;
use crate::builder::{BuilderError, Facts};
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cleanup::Resource;

/// Keeps the images and makes the artifact of them: `region:ami-id` joined by commas, sorted.
pub(super) fn of(
    builder_id: &str,
    account: &Account,
    images: &Images,
    facts: Facts,
    cx: &BuildContext,
) -> Result<Artifact, BuilderError> {
    let ids: Vec<String> = images.iter().map(|(region, image)| format!("{region}:{}", image.id)).collect();
    let lines: String = images.iter().map(|(region, image)| format!("{region}: {}\n", image.id)).collect();
    let mut artifact = Artifact::new(builder_id, ids.join(","), format!("AMIs were created:\n{lines}"));
    artifact.is_image = true;
    artifact.regions = images.iter().map(|(region, image)| (region.clone(), image.id.clone())).collect();
    for (region, image) in images {
        let resource = Resource::Aws { reach: Box::new(account.aws.reach(region)), thing: image.thing() };
        cx.keep(&resource)?;
        artifact.resources.push(resource);
    }
    artifact.facts = facts;
    // The same in every region.
    let sizes = images.values().next().map(|image| image.devices.iter().filter_map(|device| device.volume_size));
    let bytes = sizes.map(|sizes| sizes.filter_map(|size| u64::try_from(size).ok()).sum::<u64>() << 30);
    artifact.size = bytes.filter(|bytes| *bytes > 0);
    Ok(artifact)
}
