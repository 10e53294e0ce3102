//! One build's hold on its account: clients, and the names and tags of what it creates.

use rand::Rng as _;

use crate::builder::BuilderError;
use crate::client::Services;
use crate::client::aws::ec2::Ec2;
use crate::client::aws::ec2::types::Tags;
use crate::client::aws::wait::Polling;
use crate::client::aws::{Access, Aws};
use crate::run::BuildContext;
use crate::run::aws::{AwsThing, INPUTS_TAG, RESOURCE_TAG, RUN_TAG};
use crate::run::cleanup::Resource;
use crate::run::id;

/// The account that a source block names, with the client of the build region.
#[derive(Clone)]
pub(super) struct Account {
    pub aws: Aws,
    pub ec2: Ec2,
    pub polling: Polling,
}

impl Account {
    pub(super) async fn connect(
        access: &Access,
        polling: Polling,
        services: &Services,
        cx: &BuildContext,
    ) -> Result<Self, BuilderError> {
        let connected = cx.cancel.unless_stopped(services.aws.get(access, cx.events.redactor())).await?;
        let aws = connected?;
        let ec2 = aws.ec2();
        Ok(Self { aws, ec2, polling })
    }

    /// The build region.
    pub(super) fn region(&self) -> &str {
        self.aws.region()
    }

    /// Journals that `thing` is about to be created in the build region.
    pub(super) fn acquire(&self, thing: AwsThing, cx: &BuildContext) -> Result<Resource, BuilderError> {
        self.acquire_in(self.region(), thing, cx)
    }

    pub(super) fn acquire_in(
        &self,
        region: &str,
        thing: AwsThing,
        cx: &BuildContext,
    ) -> Result<Resource, BuilderError> {
        let resource = Resource::Aws { reach: Box::new(self.aws.reach(region)), thing };
        cx.acquire(resource.clone())?;
        Ok(resource)
    }

    /// Regions of China do not take tags in the calls that create key pairs and security groups.
    pub(super) fn tags_access(&self) -> bool {
        !self.region().starts_with("cn-")
    }

    /// Regions of China and GovCloud do not take tags in `CreateImage`.
    pub(super) fn tags_images(&self) -> bool {
        !self.region().starts_with("cn-") && !self.region().starts_with("us-gov-")
    }
}

/// A moment as EC2 writes it, from which on an image may be one of a call that is made now: clocks differ a little.
pub(super) fn since_now() -> String {
    let since = chrono::Utc::now() - chrono::TimeDelta::minutes(5);
    since.format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// `tags` and those that tell a sweep whose it is.
pub(super) fn owned(mut tags: Tags, resource: &str, cx: &BuildContext) -> Tags {
    tags.insert(RUN_TAG.to_owned(), cx.run.id.clone());
    tags.insert(RESOURCE_TAG.to_owned(), resource.to_owned());
    tags
}

/// The same for an image, which also says what it was made of; none where images take no tags.
pub(super) fn owned_image(tags: Tags, resource: &str, cx: &BuildContext) -> Tags {
    if resource.is_empty() {
        return Tags::new();
    }
    let mut tags = owned(tags, resource, cx);
    tags.extend(cx.digest.clone().map(|digest| (INPUTS_TAG.to_owned(), digest)));
    tags
}

/// A name as the peer makes it: `prefix` and an id that tells its age, so that a leftover does.
pub(super) fn unique_name(prefix: &str) -> String {
    format!("{prefix}{}", id::time_ordered())
}

/// Seven letters and digits, the peer's name of an image that does not stay and ending of a launch template's name.
pub(super) fn short_name() -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = rand::rng();
    (0..7).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect()
}
