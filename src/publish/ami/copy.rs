//! The image of a region: the recorded one, a copy that an earlier run has made or begun, or a new copy.

use std::time::Duration;

use super::{IMAGE, Promotion, REPOSITORY, SOURCE, VERSION, check, own};
use crate::client::aws::AwsError;
use crate::client::aws::ec2::Ec2;
use crate::client::aws::ec2::types::{Filters, Image as Ami, ImageCopy, ImageQuery, Tags};
use crate::client::aws::wait::Polling;
use crate::publish::{Did, Outcome};

/// Tags that say of an image what a version is. They are a copy's own, and written once it can be used.
const OWN_TAGS: [&str; 4] = [SOURCE, IMAGE, VERSION, REPOSITORY];
/// A copy that was just begun is visible after so many looks, a pause apart.
const LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
/// Calls that may be answered with a copy that is gone.
const CALLS: u32 = 4;

impl Promotion<'_> {
    pub(super) async fn image(
        &self,
        ec2: &Ec2,
        region: &str,
        recorded: Option<&str>,
        outcome: &mut Outcome,
    ) -> Result<Option<Ami>, AwsError> {
        if region == self.home {
            return Ok(Some(self.source.clone()));
        }
        if let Some(id) = recorded
            && let Some(image) = ec2.image(id).await?
        {
            check(&image, region, self.subject).map_err(AwsError::Unexpected)?;
            return Ok(Some(image));
        }
        let filters = Filters::from([(format!("tag:{SOURCE}"), vec![self.source.id.clone()])]);
        let query = ImageQuery { owners: own(), filters, include_deprecated: true, ..ImageQuery::default() };
        let (failed, made): (Vec<Ami>, Vec<Ami>) =
            ec2.images(&query).await?.into_iter().partition(|image| image.state == "failed");
        let made = made.into_iter().next();
        let before = made.is_some();
        let id = match made {
            Some(image) => image.id,
            None if self.order.dry => {
                outcome.did.push(Did::Done(format!("{region} a copy of {} in {}", self.source.id, self.home)));
                return Ok(None);
            }
            None => {
                for image in &failed {
                    outcome.did.push(removed(ec2, region, image).await);
                }
                self.begin(ec2, region, &failed).await?
            }
        };
        // The copy of a large image takes its time.
        let image = ec2.wait_image(&id, Polling::default(), &self.cancel).await?;
        let text = format!("{region} {id}, a copy of {} in {}", self.source.id, self.home);
        outcome.did.push(if before { Did::Already(text) } else { Did::Done(text) });
        Ok(Some(image))
    }

    /// Begins a copy and yields its id. EC2 answers a token that it knows with the image of then, even if that failed
    /// meanwhile or was removed.
    async fn begin(&self, ec2: &Ec2, region: &str, failed: &[Ami]) -> Result<String, AwsError> {
        for call in 0..CALLS {
            let id = ec2.copy_image(&self.copy(region, failed, call)).await?;
            if failed.iter().any(|image| image.id == id) {
                continue;
            }
            for look in 0..LOOKS {
                if ec2.image(&id).await?.is_some() {
                    return Ok(id);
                }
                if look + 1 < LOOKS {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        Err(AwsError::Unexpected(format!("EC2 answers CopyImage of {} with images that are gone", self.source.id)))
    }

    fn copy(&self, region: &str, failed: &[Ami], call: u32) -> ImageCopy {
        let mut image_tags = self.source.tags.clone();
        image_tags.retain(|key, _| !OWN_TAGS.contains(&key.as_str()) && !key.starts_with("aws:"));
        // The same for the same copy, so that one whose answer was lost is not made twice; EC2 refuses a token that it
        // knows with anything else beside it.
        let mut name = format!("forge publish {} {} {region}", self.order.version, self.source.id);
        failed.iter().for_each(|image| name.push_str(&format!(" not {}", image.id)));
        if call > 0 {
            name.push_str(&format!(" {call}"));
        }
        image_tags.iter().for_each(|(key, value)| name.push_str(&format!(" {key:?}={value:?}")));
        ImageCopy {
            client_token: uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes()).to_string(),
            source_region: self.home.to_owned(),
            source_id: self.source.id.clone(),
            name: self.source.name.clone(),
            tags: Tags::from([(SOURCE.to_owned(), self.source.id.clone())]),
            image_tags: Some(image_tags),
            ..ImageCopy::default()
        }
    }
}

/// A copy that failed has a name that the next one needs, and perhaps snapshots.
async fn removed(ec2: &Ec2, region: &str, image: &Ami) -> Did {
    let text = format!("{region} {}, a copy that failed", image.id);
    match ec2.remove_image(image).await {
        Ok(_) => Did::Done(format!("{text}: it is removed")),
        Err(error) => Did::Left(format!("{text}: it cannot be removed: {error}")),
    }
}
