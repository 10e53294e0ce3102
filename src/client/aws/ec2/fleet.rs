//! Spot instances: a launch template, and a fleet of one that is made of it at once or not at all.

use std::time::Duration;

use aws_sdk_ec2::types as sdk;

use super::launch::not_visible_yet;
use super::request::template_data;
use super::types::{Fleet, Launch, Tags};
use super::{Ec2, convert, removed, text};
use crate::client::aws::error::AwsError;
use crate::client::aws::retry::Retry;
use crate::run::cancel::Cancel;

const CAPACITY: Retry = Retry { tries: 11, first: Duration::from_millis(500), longest: Duration::from_secs(30) };

impl Ec2 {
    pub(crate) async fn create_launch_template(
        &self,
        name: &str,
        launch: &Launch,
        template_tags: &Tags,
    ) -> Result<(), AwsError> {
        let tags = convert::tag_specifications(&[(sdk::ResourceType::LaunchTemplate, template_tags)]);
        let request = self
            .client
            .create_launch_template()
            .client_token(name)
            .launch_template_name(name)
            .launch_template_data(template_data(launch, &launch.volume_tags))
            .set_tag_specifications(tags);
        self.answer("CreateLaunchTemplate", request.send().await).await.map(drop)
    }

    /// By name, or by id when it is one.
    pub(crate) async fn delete_launch_template(&self, name: &str) -> Result<bool, AwsError> {
        let request = self.client.delete_launch_template();
        let request = match name.starts_with("lt-") {
            true => request.launch_template_id(name),
            false => request.launch_template_name(name),
        };
        removed(self.answer("DeleteLaunchTemplate", request.send().await).await.map(drop))
    }

    /// Makes a fleet of one spot instance and yields the instance's id. Lack of capacity is waited out a little.
    pub(crate) async fn create_fleet(&self, fleet: &Fleet, cancel: &Cancel) -> Result<String, AwsError> {
        let passing = |error: &AwsError| error.is(&["InsufficientInstanceCapacity"]) || not_visible_yet(error);
        let mut tried = 0;
        CAPACITY
            .run(cancel, passing, || {
                tried += 1;
                self.fleet(fleet, tried)
            })
            .await
    }

    /// A token belongs to one answer, so each try that was refused has the next one.
    async fn fleet(&self, fleet: &Fleet, tried: u32) -> Result<String, AwsError> {
        let overrides = fleet.instance_types.iter().map(|kind| {
            sdk::FleetLaunchTemplateOverridesRequest::builder()
                .instance_type(kind.as_str().into())
                .set_max_price(text(&fleet.max_price))
                .build()
        });
        let template = sdk::FleetLaunchTemplateSpecificationRequest::builder()
            .launch_template_name(&fleet.launch_template)
            .version("$Latest");
        let config = sdk::FleetLaunchTemplateConfigRequest::builder()
            .launch_template_specification(template.build())
            .set_overrides(Some(overrides.collect()));
        let spot = sdk::SpotOptionsRequest::builder()
            .set_allocation_strategy(text(&fleet.allocation_strategy).map(|s| s.as_str().into()));
        let capacity = sdk::TargetCapacitySpecificationRequest::builder()
            .total_target_capacity(1)
            .default_target_capacity_type(sdk::DefaultTargetCapacityType::Spot);
        let tags = [
            (sdk::ResourceType::Fleet, &fleet.fleet_tags),
            (sdk::ResourceType::Instance, &fleet.instance_tags),
            (sdk::ResourceType::Volume, &fleet.volume_tags),
        ];
        let request = self
            .client
            .create_fleet()
            .client_token(format!("{}-{tried}", fleet.client_token))
            .r#type(sdk::FleetType::Instant)
            .launch_template_configs(config.build())
            .spot_options(spot.build())
            .target_capacity_specification(capacity.build())
            .set_tag_specifications(convert::tag_specifications(&tags));
        let made = self.answer("CreateFleet", request.send().await).await?;
        // Errors of other types do not matter once one instance came.
        let id = made.instances.unwrap_or_default().into_iter().flat_map(|i| i.instance_ids.unwrap_or_default()).next();
        if let Some(id) = id {
            return Ok(id);
        }
        let errors = made.errors.unwrap_or_default();
        let messages: Vec<&str> = errors.iter().filter_map(|error| error.error_message.as_deref()).collect();
        Err(AwsError::Service {
            call: "CreateFleet",
            region: self.region.clone(),
            code: errors.iter().find_map(|error| error.error_code.clone()).unwrap_or_default(),
            message: match messages.is_empty() {
                true => "no instance came, and AWS does not say why".to_owned(),
                false => messages.join("; "),
            },
            request_id: String::new(),
        })
    }
}
