//! What carries our tag in a region, whoever made it.

use aws_sdk_ec2::types as sdk;

use super::Ec2;
use crate::client::aws::error::AwsError;
use crate::run::aws::RUN_TAG;

/// A resource with the run's tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub id: String,
    /// As EC2 names it: `instance`, `image`, `snapshot`, `volume`, `key-pair`, `security-group`, `launch-template`, ...
    pub kind: String,
    /// Id of the run that made it.
    pub run: String,
}

impl Ec2 {
    /// Everything in the region that carries the run's tag, in one call for each thousand of them.
    pub(crate) async fn tagged(&self) -> Result<Vec<Tagged>, AwsError> {
        let key = sdk::Filter::builder().name("key").values(RUN_TAG).build();
        let mut all = Vec::new();
        let mut next = None;
        loop {
            let request = self.client.describe_tags().filters(key.clone()).set_next_token(next);
            let page = self.answer("DescribeTags", request.send().await).await?;
            all.extend(page.tags.unwrap_or_default().into_iter().map(|tag| Tagged {
                id: tag.resource_id.unwrap_or_default(),
                kind: tag.resource_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
                run: tag.value.unwrap_or_default(),
            }));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(all);
            }
        }
    }
}
