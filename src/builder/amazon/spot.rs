//! A spot instance: a launch template, and a fleet of one from it.

use super::account::{Account, owned, short_name, unique_name};
use super::config::{SourceFacts, render_tags};
use super::launch::Order;
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::{Fleet, Instance, Launch, Tags};
use crate::run::BuildContext;
use crate::run::aws::AwsThing;

/// `spot_price` that means the on-demand price.
const AUTO: &str = "auto";

/// Starts the fleet and yields the id of its instance.
pub(super) async fn launch(
    account: &Account,
    order: &Order<'_>,
    request: &Launch,
    tag: &str,
    cx: &BuildContext,
) -> Result<String, BuilderError> {
    let run = order.run;
    let facts = SourceFacts::new(account.region(), order.source);
    let render = |tags| render_tags(tags, order.interpolation, &facts).map_err(BuilderError::Failed);
    let name = format!("packer-fleet-launch-template-{}", short_name());
    cx.say(format!("Creating launch template: {name}"));
    account.acquire(AwsThing::LaunchTemplate { name: name.clone() }, cx)?;
    let mut template = request.clone();
    template.instance_type.clear();
    let template_tags = owned(render(&run.spot.spot_tags)?, &unique_name("packer-"), cx);
    account.ec2.create_launch_template(&name, &template, &template_tags).await?;

    let instance_types = match run.instance_type.as_str() {
        "" => run.spot.spot_instance_types.clone(),
        one => vec![one.to_owned()],
    };
    let fleet = Fleet {
        client_token: tag.to_owned(),
        launch_template: name,
        instance_types,
        allocation_strategy: run.spot.spot_allocation_strategy.clone(),
        max_price: if run.spot.spot_price == AUTO { String::new() } else { run.spot.spot_price.clone() },
        fleet_tags: owned(render(&run.spot.fleet_tags)?, tag, cx),
        instance_tags: request.instance_tags.clone(),
        volume_tags: request.volume_tags.clone(),
    };
    cx.say("Requesting a spot instance...");
    Ok(account.ec2.create_fleet(&fleet, &cx.cancel).await?)
}

/// Puts `spot_tags` on the spot request. A request that cannot be tagged is no reason to lose the build.
pub(super) async fn tag_request(
    account: &Account,
    order: &Order<'_>,
    instance: &Instance,
    facts: &SourceFacts,
    cx: &BuildContext,
) {
    let tags: Tags = match render_tags(&order.run.spot.spot_tags, order.interpolation, facts) {
        Ok(tags) if !tags.is_empty() && !instance.spot_request_id.is_empty() => tags,
        _ => return,
    };
    if let Err(error) = account.ec2.tag(std::slice::from_ref(&instance.spot_request_id), &tags, &cx.cancel).await {
        cx.warn(format!("the spot request {} could not be tagged: {error}", instance.spot_request_id));
    }
}
