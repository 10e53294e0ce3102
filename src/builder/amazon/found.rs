//! Images of earlier runs that were made of the very same inputs, found by their tag.

use futures_util::future::try_join_all;

use super::account::Account;
use super::artifact;
use super::config::AmiOptions;
use super::image::{Images, Plan};
use crate::builder::{BuilderError, Facts, Found};
use crate::client::aws::ec2::types::{Filters, Image, ImageQuery};
use crate::run::BuildContext;
use crate::run::aws::{INPUTS_TAG, RUN_TAG};

/// Tag of images that show a pull request.
const PREVIEW_TAG: &str = "forge:pull-request";

/// Looks in every region where the build would leave an image, with one call each: all of them must have one.
pub(super) async fn find(
    builder_id: &str,
    account: &Account,
    ami: &AmiOptions,
    digest: &str,
    cx: &BuildContext,
) -> Result<Found, BuilderError> {
    let plan = Plan::of(ami, account.region());
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
    let mut images = Images::new();
    for (region, found) in regions.into_iter().zip(looked) {
        let newest = found.into_iter().filter(is_finished).max_by(|a, b| a.creation_date.cmp(&b.creation_date));
        let Some(image) = newest else {
            return Ok(Found::Nowhere(format!("there is no image of these inputs in {region}")));
        };
        images.insert(region, image);
    }
    let facts = Facts::from([("BuildRegion".to_owned(), account.region().to_owned())]);
    let mut artifact = artifact::of(builder_id, account, &images, facts, cx)?;
    artifact.description = artifact.description.replacen("AMIs were created", "AMIs are unchanged", 1);
    // They are another run's: this one never removes them.
    artifact.resources.clear();
    Ok(Found::Image(Box::new(artifact)))
}

/// Ours lose the tag of their run at the very end, and previews are gone some day.
fn is_finished(image: &Image) -> bool {
    image.state == "available" && !image.tags.keys().any(|key| key == RUN_TAG || key == PREVIEW_TAG)
}
