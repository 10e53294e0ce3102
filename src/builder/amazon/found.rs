//! Images of earlier runs that were made of the very same inputs, found by their tag.

use futures_util::future::try_join_all;

use super::account::Account;
use super::artifact;
use super::config::AmiOptions;
use super::image::{Images, Plan};
use crate::builder::{BuilderError, Facts, Found};
use crate::client::aws::ec2::types::{Filters, Image, ImageQuery};
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::aws::{INPUTS_TAG, RUN_TAG};
use crate::run::preview::{PULL_REQUEST_TAG, Preview};

/// Looks in every region where the build would leave an image, with one call each: all of them must have one. Previews are
/// gone some day, and do not count but for the pull request that they are of.
pub(super) async fn find(
    builder_id: &str,
    account: &Account,
    ami: &AmiOptions,
    digest: &str,
    cx: &BuildContext,
) -> Result<Found, BuilderError> {
    let plan = Plan::of(ami, account.region())?;
    let own = (!plan.intermediate).then(|| account.region().to_owned());
    let regions: Vec<String> = own.into_iter().chain(plan.targets).collect();
    let query = ImageQuery {
        owners: vec!["self".to_owned()],
        filters: Filters::from([
            (format!("tag:{INPUTS_TAG}"), vec![digest.to_owned()]),
            ("state".to_owned(), vec!["available".to_owned()]),
        ]),
        include_deprecated: true,
        ..ImageQuery::default()
    };
    let looks = regions.iter().map(|region| {
        let (ec2, query) = (account.aws.ec2_in(region), &query);
        async move { ec2.images(query).await }
    });
    let looked = cx.cancel.unless_stopped(try_join_all(looks)).await??;
    let (mut images, mut missing) = (Images::new(), None);
    for (region, found) in regions.iter().zip(&looked) {
        match newest(found, |image| !image.tags.contains_key(PULL_REQUEST_TAG)) {
            Some(image) => drop(images.insert(region.clone(), image)),
            None => drop(missing.get_or_insert(region)),
        }
    }
    let unchanged = |images: &Images| -> Result<Box<Artifact>, BuilderError> {
        let facts = Facts::from([("BuildRegion".to_owned(), account.region().to_owned())]);
        let mut artifact = artifact::of(builder_id, account, images, facts, cx)?;
        artifact.description = artifact.description.replacen("AMIs were created", "AMIs are unchanged", 1);
        // They are another run's: this one never removes them.
        artifact.resources.clear();
        Ok(Box::new(artifact))
    };
    let Some(missing) = missing else { return Ok(Found::Image(unchanged(&images)?)) };
    let why = format!("there is no image of these inputs in {missing}");
    // A preview is in the region of its build alone.
    let own = cx.run.preview.as_ref().map(Preview::of);
    let here = regions.iter().zip(&looked).find(|(region, _)| *region == account.region());
    let of_preview = own.zip(here).and_then(|(own, (region, found))| {
        let image = newest(found, |image| image.tags.get(PULL_REQUEST_TAG) == Some(&own))?;
        Some(Images::from([(region.clone(), image)]))
    });
    Ok(match of_preview {
        Some(images) => Found::OfPreview(unchanged(&images)?, why),
        None => Found::Nowhere(why),
    })
}

/// Ours lose the tag of their run at the very end.
fn newest(found: &[Image], is_meant: impl Fn(&Image) -> bool) -> Option<Image> {
    let finished = |image: &&Image| image.state == "available" && !image.tags.contains_key(RUN_TAG);
    let meant = found.iter().filter(finished).filter(|image| is_meant(image));
    meant.max_by(|a, b| a.creation_date.cmp(&b.creation_date)).cloned()
}
