//! Images: found, made, copied, registered, changed, removed, waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ec2::types as sdk;

use super::types::{BlockDevice, FastLaunch, Image, ImageChange, ImageCopy, ImageQuery, Registration, Tags};
use super::{Ec2, NOT_FOUND, convert, removed, text};
use crate::client::aws::error::AwsError;
use crate::client::aws::release;
use crate::client::aws::retry::{Retry, USUAL};
use crate::client::aws::wait::{Look, Pace, Polling, wait};
use crate::run::cancel::Cancel;

/// An image is waited for so long when nothing else is said: 120 looks of 15 s.
const AVAILABLE: Pace = Pace::of_secs(10, 30 * 60);
const FAST_LAUNCH: Pace = Pace::of_secs(15, 500 * 15);
/// `CreateImage` is tried again for a quarter of an hour while the instance's state does not allow it yet.
const SETTLING: Retry = Retry { tries: 40, first: Duration::from_millis(500), longest: Duration::from_secs(30) };
/// `EnableFastLaunch` fails for many reasons right after a copy.
const ENABLING: Retry = Retry { tries: 20, first: Duration::from_millis(500), longest: Duration::from_secs(4) };

impl Ec2 {
    /// All images of a query, every page.
    pub(crate) async fn images(&self, query: &ImageQuery) -> Result<Vec<Image>, AwsError> {
        let list = |list: &Vec<String>| Some(list.clone()).filter(|list| !list.is_empty());
        let mut images = Vec::new();
        let mut next = None;
        loop {
            let request = self
                .client
                .describe_images()
                .set_image_ids(list(&query.ids))
                .set_owners(list(&query.owners))
                .set_filters(convert::filters(&query.filters))
                .set_include_deprecated(query.include_deprecated.then_some(true))
                .set_next_token(next);
            let page = self.answer("DescribeImages", request.send().await).await?;
            images.extend(page.images.unwrap_or_default().into_iter().map(convert::image));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(images);
            }
        }
    }

    pub(crate) async fn image(&self, id: &str) -> Result<Option<Image>, AwsError> {
        let query = ImageQuery { ids: vec![id.to_owned()], include_deprecated: true, ..ImageQuery::default() };
        match self.images(&query).await {
            Ok(images) => Ok(images.into_iter().next()),
            Err(error) if error.is(&NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an image of an instance, it and its snapshots with `tags`, and yields its id.
    pub(crate) async fn create_image(
        &self,
        instance: &str,
        name: &str,
        devices: &[BlockDevice],
        tags: &Tags,
        cancel: &Cancel,
    ) -> Result<String, AwsError> {
        let tags = [(sdk::ResourceType::Image, tags), (sdk::ResourceType::Snapshot, tags)];
        let request = self
            .client
            .create_image()
            .instance_id(instance)
            .name(name)
            .set_block_device_mappings(convert::sdk_devices(devices))
            .set_tag_specifications(convert::tag_specifications(&tags));
        let settling = |error: &AwsError| error.is(&["InvalidParameterValue"]) && error.message_has("not in state");
        let made =
            SETTLING.run(cancel, settling, || async { self.answer("CreateImage", request.clone().send().await).await });
        given(made.await?.image_id, "CreateImage", "image")
    }

    /// Copies an image into this region and yields the copy's id.
    pub(crate) async fn copy_image(&self, copy: &ImageCopy) -> Result<String, AwsError> {
        let mut of_snapshots = copy.tags.clone();
        of_snapshots.extend(copy.snapshot_tags.clone());
        let mut of_image = copy.tags.clone();
        of_image.extend(copy.image_tags.clone().unwrap_or_default());
        let tags = [(sdk::ResourceType::Image, &of_image), (sdk::ResourceType::Snapshot, &of_snapshots)];
        let request = self
            .client
            .copy_image()
            .client_token(&copy.client_token)
            .source_region(&copy.source_region)
            .source_image_id(&copy.source_id)
            .name(&copy.name)
            .set_description(text(&copy.description))
            .set_encrypted(copy.encrypted)
            .set_kms_key_id(text(&copy.kms_key_id))
            .set_snapshot_copy_completion_duration_minutes(copy.duration)
            .copy_image_tags(copy.image_tags.is_none())
            .set_tag_specifications(convert::tag_specifications(&tags));
        let made = self.answer("CopyImage", request.send().await).await?;
        given(made.image_id, "CopyImage", "image")
    }

    /// Makes an image of snapshots and yields its id.
    pub(crate) async fn register_image(&self, image: &Registration) -> Result<String, AwsError> {
        let request = self
            .client
            .register_image()
            .name(&image.name)
            .set_image_location(text(&image.location))
            .set_architecture(text(&image.architecture).map(|value| value.as_str().into()))
            .set_virtualization_type(text(&image.virtualization))
            .set_root_device_name(text(&image.root_device_name))
            .set_block_device_mappings(convert::sdk_devices(&image.devices))
            .set_ena_support(image.ena_support.then_some(true))
            .set_sriov_net_support(image.sriov_support.then(|| "simple".to_owned()))
            .set_boot_mode(text(&image.boot_mode).map(|value| value.as_str().into()))
            .set_uefi_data(text(&image.uefi_data))
            .set_tpm_support(text(&image.tpm_support).map(|value| value.as_str().into()))
            .set_imds_support(text(&image.imds_support).map(|value| value.as_str().into()))
            .set_tag_specifications(convert::tag_specifications(&[(sdk::ResourceType::Image, &image.tags)]));
        let made = self.answer("RegisterImage", request.send().await).await?;
        given(made.image_id, "RegisterImage", "image")
    }

    pub(crate) async fn deregister_image(&self, id: &str) -> Result<bool, AwsError> {
        let request = self.client.deregister_image().image_id(id);
        removed(self.answer("DeregisterImage", request.send().await).await.map(drop))
    }

    /// Removes an image with its snapshots.
    pub(crate) async fn remove_image(&self, image: &Image) -> Result<bool, AwsError> {
        release::remove_image(self, image, "", release::Own::Shown).await
    }

    /// Changes one thing about an image; one that was just copied may not be visible yet.
    pub(crate) async fn change_image(&self, id: &str, change: &ImageChange, cancel: &Cancel) -> Result<(), AwsError> {
        let request = self.client.modify_image_attribute().image_id(id);
        let value = |text: &String| sdk::AttributeValue::builder().value(text).build();
        let add = || sdk::OperationType::Add;
        let attribute = |name: &str| request.clone().attribute(name).operation_type(add());
        let request = match change {
            ImageChange::Description(text) => request.description(value(text)),
            ImageChange::ImdsSupport(text) => request.imds_support(value(text)),
            ImageChange::Groups(list) => attribute("launchPermission").set_user_groups(Some(list.clone())),
            ImageChange::Users(list) => attribute("launchPermission").set_user_ids(Some(list.clone())),
            ImageChange::OrganizationArns(list) => {
                attribute("launchPermission").set_organization_arns(Some(list.clone()))
            }
            ImageChange::OuArns(list) => attribute("launchPermission").set_organizational_unit_arns(Some(list.clone())),
            ImageChange::ProductCodes(list) => attribute("productCodes").set_product_codes(Some(list.clone())),
        };
        let passing = |error: &AwsError| error.is(&["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"]);
        let done = USUAL
            .run(cancel, passing, || async { self.answer("ModifyImageAttribute", request.clone().send().await).await });
        done.await.map(drop)
    }

    /// Who may use an image: accounts, groups, ARNs of organizations and of their units.
    pub(crate) async fn image_users(&self, id: &str) -> Result<BTreeSet<String>, AwsError> {
        let attribute = sdk::ImageAttributeName::LaunchPermission;
        let request = self.client.describe_image_attribute().image_id(id).attribute(attribute);
        let found = self.answer("DescribeImageAttribute", request.send().await).await?;
        let each = found.launch_permissions.unwrap_or_default().into_iter();
        let users = each.flat_map(|one| {
            let group = one.group.map(|group| group.as_str().to_owned());
            [one.user_id, group, one.organization_arn, one.organizational_unit_arn]
        });
        Ok(users.flatten().collect())
    }

    /// `at`: RFC 3339.
    pub(crate) async fn deprecate_image(&self, id: &str, at: &str, cancel: &Cancel) -> Result<(), AwsError> {
        let format = aws_smithy_types::date_time::Format::DateTimeWithOffset;
        let at = aws_smithy_types::DateTime::from_str(at, format)
            .map_err(|error| AwsError::Unexpected(format!("deprecate_at {at:?}: {error}")))?;
        let request = self.client.enable_image_deprecation().image_id(id).deprecate_at(at);
        let passing = |error: &AwsError| error.is(&["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"]);
        let done = USUAL.run(cancel, passing, || async {
            self.answer("EnableImageDeprecation", request.clone().send().await).await
        });
        done.await.map(drop)
    }

    pub(crate) async fn protect_image(&self, id: &str, with_cooldown: bool) -> Result<(), AwsError> {
        let request = self.client.enable_image_deregistration_protection().image_id(id).with_cooldown(with_cooldown);
        self.answer("EnableImageDeregistrationProtection", request.send().await).await.map(drop)
    }

    pub(crate) async fn unprotect_image(&self, id: &str) -> Result<(), AwsError> {
        let request = self.client.disable_image_deregistration_protection().image_id(id);
        self.answer("DisableImageDeregistrationProtection", request.send().await).await.map(drop)
    }

    /// The version of a fast launch's template, which EC2 wants to be told: the latest when none is written. Empty
    /// without a template.
    pub(crate) async fn fast_launch_version(&self, fast: &FastLaunch) -> Result<String, AwsError> {
        let (id, name) = (text(&fast.template_id), text(&fast.template_name));
        let Some(named) = id.as_ref().or(name.as_ref()).filter(|_| fast.template_version.is_empty()) else {
            return Ok(fast.template_version.clone());
        };
        let list = |given: &Option<String>| given.clone().map(|given| vec![given]);
        let request = self.client.describe_launch_templates();
        let request = request.set_launch_template_ids(list(&id)).set_launch_template_names(list(&name));
        let found = self.answer("DescribeLaunchTemplates", request.send().await).await?;
        let latest =
            found.launch_templates.unwrap_or_default().into_iter().find_map(|found| found.latest_version_number);
        latest.map(|version| version.to_string()).ok_or_else(|| {
            AwsError::Unexpected(format!("there is no launch template {named} for fast_launch in {}", self.region))
        })
    }

    pub(crate) async fn fast_launch(&self, fast: &FastLaunch, cancel: &Cancel) -> Result<(), AwsError> {
        let version = self.fast_launch_version(fast).await?;
        let template = sdk::FastLaunchLaunchTemplateSpecificationRequest::builder()
            .set_launch_template_id(text(&fast.template_id))
            .set_launch_template_name(text(&fast.template_name))
            .set_version(text(&version))
            .build();
        let named = !fast.template_id.is_empty() || !fast.template_name.is_empty();
        let snapshots = fast
            .target_resource_count
            .map(|count| sdk::FastLaunchSnapshotConfigurationRequest::builder().target_resource_count(count).build());
        let request = self
            .client
            .enable_fast_launch()
            .image_id(&fast.image_id)
            .set_max_parallel_launches(fast.max_parallel_launches)
            .set_snapshot_configuration(snapshots)
            .set_launch_template(named.then_some(template));
        let done = ENABLING.run(
            cancel,
            |error| !error.code().is_empty(),
            || async { self.answer("EnableFastLaunch", request.clone().send().await).await },
        );
        done.await.map(drop)
    }

    pub(crate) async fn wait_fast_launch(&self, id: &str, polling: Polling, cancel: &Cancel) -> Result<(), AwsError> {
        let what = format!("fast launch of {id} in {}", self.region);
        wait(&what, polling, FAST_LAUNCH, &cancel.stop, || async {
            let request = self.client.describe_fast_launch_images().image_ids(id);
            let found = self.answer("DescribeFastLaunchImages", request.send().await).await?;
            let found = found.fast_launch_images.unwrap_or_default().into_iter().next();
            let state = found.as_ref().and_then(|image| image.state.as_ref()).map_or("", |state| state.as_str());
            let reason = found.as_ref().and_then(|image| image.state_transition_reason.clone()).unwrap_or_default();
            Ok(match state {
                "enabled" => Look::Ready(()),
                "enabling-failed" | "enabled-failed" => Look::Failed(format!("it is {state}: {reason}")),
                other => Look::Pending(other.to_owned()),
            })
        })
        .await
    }

    /// Waits until an image can be used, and yields it with its snapshots.
    pub(crate) async fn wait_image(&self, id: &str, polling: Polling, cancel: &Cancel) -> Result<Image, AwsError> {
        self.wait_image_paced(id, AVAILABLE, polling, cancel).await
    }

    /// Waits until a copy can be used. It takes about as long as its source `took`, and a copy of another kind may be
    /// faster: from a minute on it is looked at in any case.
    pub(crate) async fn wait_copy(
        &self,
        id: &str,
        took: Duration,
        polling: Polling,
        cancel: &Cancel,
    ) -> Result<Image, AwsError> {
        let soonest = took.clamp(Duration::from_secs(1), Duration::from_secs(60));
        self.wait_image_paced(id, Pace { soonest, ..AVAILABLE }, polling, cancel).await
    }

    async fn wait_image_paced(
        &self,
        id: &str,
        pace: Pace,
        polling: Polling,
        cancel: &Cancel,
    ) -> Result<Image, AwsError> {
        let what = format!("image {id} in {} to become available", self.region);
        wait(&what, polling, pace, &cancel.stop, || async {
            let Some(image) = self.image(id).await? else {
                return Ok(Look::Missing);
            };
            Ok(match image.state.as_str() {
                "available" => Look::Ready(image),
                "pending" | "transient" | "" => Look::Pending("pending".to_owned()),
                state if image.state_reason.is_empty() => Look::Failed(format!("it is {state}")),
                state => Look::Failed(format!("it is {state}: {}", image.state_reason)),
            })
        })
        .await
    }
}

/// A part that an answer must have.
pub(super) fn given<T>(part: Option<T>, call: &str, name: &str) -> Result<T, AwsError> {
    part.ok_or_else(|| AwsError::Unexpected(format!("{call} was answered without the {name}")))
}
