//! A launch as EC2 is told of it: the same things for an instance and for a launch template, in types of their own.

use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types as sdk;

use super::types::{Launch, Tags};
use super::{Ec2, convert, text};

impl Ec2 {
    pub(super) fn run_instances(&self, launch: &Launch) -> RunInstancesFluentBuilder {
        let tags = [
            (sdk::ResourceType::Instance, &launch.instance_tags),
            (sdk::ResourceType::NetworkInterface, &launch.instance_tags),
            (sdk::ResourceType::Volume, &launch.volume_tags),
        ];
        let mut request = self
            .client
            .run_instances()
            .min_count(1)
            .max_count(1)
            .client_token(&launch.client_token)
            .image_id(&launch.image_id)
            .set_instance_type(text(&launch.instance_type).map(|kind| kind.as_str().into()))
            .set_key_name(text(&launch.key_name))
            .set_user_data(text(&launch.user_data))
            .set_ebs_optimized(launch.ebs_optimized)
            .set_instance_initiated_shutdown_behavior(text(&launch.shutdown_behavior).map(|v| v.as_str().into()))
            .set_block_device_mappings(convert::sdk_devices(&launch.devices))
            .set_placement(placement(launch))
            .set_metadata_options(metadata(launch))
            .set_tag_specifications(convert::tag_specifications(&tags));
        if launch.nitro_enclave {
            request = request.enclave_options(sdk::EnclaveOptionsRequest::builder().enabled(true).build());
        }
        if let Some(credits) = text(&launch.cpu_credits) {
            request =
                request.credit_specification(sdk::CreditSpecificationRequest::builder().cpu_credits(credits).build());
        }
        if let Some(name) = text(&launch.instance_profile) {
            request = request.iam_instance_profile(sdk::IamInstanceProfileSpecification::builder().name(name).build());
        }
        for arn in &launch.licenses {
            let license = sdk::LicenseConfigurationRequest::builder().license_configuration_arn(arn).build();
            request = request.license_specifications(license);
        }
        let target = capacity_target(launch);
        if target.is_some() || !launch.capacity_preference.is_empty() {
            let reservation = sdk::CapacityReservationSpecification::builder()
                .set_capacity_reservation_preference(
                    text(&launch.capacity_preference).filter(|_| target.is_none()).map(|p| p.as_str().into()),
                )
                .set_capacity_reservation_target(target);
            request = request.capacity_reservation_specification(reservation.build());
        }
        match launch.public_address.filter(|_| !launch.subnet_id.is_empty()) {
            Some(public) => request.network_interfaces(
                sdk::InstanceNetworkInterfaceSpecification::builder()
                    .device_index(0)
                    .associate_public_ip_address(public)
                    .delete_on_termination(true)
                    .subnet_id(&launch.subnet_id)
                    .set_groups(Some(launch.security_groups.clone()).filter(|groups| !groups.is_empty()))
                    .build(),
            ),
            None => request
                .set_subnet_id(text(&launch.subnet_id))
                .set_security_group_ids(Some(launch.security_groups.clone()).filter(|groups| !groups.is_empty())),
        }
    }
}

fn placement(launch: &Launch) -> Option<sdk::Placement> {
    let place = &launch.placement;
    let set = [&place.availability_zone, &place.tenancy, &place.host_id, &place.host_resource_group_arn];
    set.iter().any(|part| !part.is_empty()).then(|| {
        sdk::Placement::builder()
            .set_availability_zone(text(&place.availability_zone))
            .set_tenancy(text(&place.tenancy).map(|tenancy| tenancy.as_str().into()))
            .set_host_id(text(&place.host_id))
            .set_host_resource_group_arn(text(&place.host_resource_group_arn))
            .build()
    })
}

fn metadata(launch: &Launch) -> Option<sdk::InstanceMetadataOptionsRequest> {
    let options = launch.metadata.as_ref()?;
    Some(
        sdk::InstanceMetadataOptionsRequest::builder()
            .set_http_endpoint(text(&options.http_endpoint).map(|v| v.as_str().into()))
            .set_http_tokens(text(&options.http_tokens).map(|v| v.as_str().into()))
            .set_http_put_response_hop_limit(options.hop_limit)
            .set_instance_metadata_tags(text(&options.instance_tags).map(|v| v.as_str().into()))
            .build(),
    )
}

fn capacity_target(launch: &Launch) -> Option<sdk::CapacityReservationTarget> {
    let (id, group) = (text(&launch.capacity_reservation_id), text(&launch.capacity_group_arn));
    (id.is_some() || group.is_some()).then(|| {
        sdk::CapacityReservationTarget::builder()
            .set_capacity_reservation_id(id)
            .set_capacity_reservation_resource_group_arn(group)
            .build()
    })
}

/// The part of a launch that a launch template holds; the fleet brings types and tags of its own.
pub(super) fn template_data(launch: &Launch, volume_tags: &Tags) -> sdk::RequestLaunchTemplateData {
    let mut data = sdk::RequestLaunchTemplateData::builder()
        .image_id(&launch.image_id)
        .set_key_name(text(&launch.key_name))
        .set_user_data(text(&launch.user_data))
        .set_ebs_optimized(launch.ebs_optimized);
    for device in &launch.devices {
        data = data.block_device_mappings(template_device(device));
    }
    if let Some(credits) = text(&launch.cpu_credits) {
        data = data.credit_specification(sdk::CreditSpecificationRequest::builder().cpu_credits(credits).build());
    }
    if let Some(name) = text(&launch.instance_profile) {
        let profile = sdk::LaunchTemplateIamInstanceProfileSpecificationRequest::builder().name(name).build();
        data = data.iam_instance_profile(profile);
    }
    if let Some(options) = &launch.metadata {
        let options = sdk::LaunchTemplateInstanceMetadataOptionsRequest::builder()
            .set_http_endpoint(text(&options.http_endpoint).map(|v| v.as_str().into()))
            .set_http_tokens(text(&options.http_tokens).map(|v| v.as_str().into()))
            .set_http_put_response_hop_limit(options.hop_limit)
            .set_instance_metadata_tags(text(&options.instance_tags).map(|v| v.as_str().into()));
        data = data.metadata_options(options.build());
    }
    for arn in &launch.licenses {
        let license = sdk::LaunchTemplateLicenseConfigurationRequest::builder().license_configuration_arn(arn).build();
        data = data.license_specifications(license);
    }
    // Without a wish of the template nothing is said: a spot instance uses no reservation by itself.
    let target = capacity_target(launch);
    let preference = text(&launch.capacity_preference).filter(|given| target.is_none() && given != "none");
    if target.is_some() || preference.is_some() {
        let reservation = sdk::LaunchTemplateCapacityReservationSpecificationRequest::builder()
            .set_capacity_reservation_preference(preference.map(|given| given.as_str().into()))
            .set_capacity_reservation_target(target);
        data = data.capacity_reservation_specification(reservation.build());
    }
    if let Some(place) = placement(launch) {
        let place = sdk::LaunchTemplatePlacementRequest::builder()
            .set_availability_zone(place.availability_zone)
            .set_tenancy(place.tenancy)
            .set_host_id(place.host_id)
            .set_host_resource_group_arn(place.host_resource_group_arn);
        data = data.placement(place.build());
    }
    let groups = Some(launch.security_groups.clone()).filter(|groups| !groups.is_empty());
    data = match launch.subnet_id.is_empty() {
        true => data.set_security_group_ids(groups),
        false => data.network_interfaces(
            sdk::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
                .device_index(0)
                .set_associate_public_ip_address(launch.public_address)
                .delete_on_termination(true)
                .subnet_id(&launch.subnet_id)
                .set_groups(groups)
                .build(),
        ),
    };
    let of_instance = &launch.instance_tags;
    for (kind, tags) in [("instance", of_instance), ("network-interface", of_instance), ("volume", volume_tags)] {
        if !tags.is_empty() {
            let tags = sdk::LaunchTemplateTagSpecificationRequest::builder()
                .resource_type(kind.into())
                .set_tags(Some(convert::sdk_tags(tags)));
            data = data.tag_specifications(tags.build());
        }
    }
    data.build()
}

fn template_device(device: &super::types::BlockDevice) -> sdk::LaunchTemplateBlockDeviceMappingRequest {
    let own = sdk::LaunchTemplateBlockDeviceMappingRequest::builder().device_name(&device.device_name);
    if device.no_device {
        return own.no_device("").build();
    }
    if let Some(store) = device.instance_store() {
        return own.virtual_name(store).build();
    }
    let disk = sdk::LaunchTemplateEbsBlockDeviceRequest::builder()
        .set_delete_on_termination(device.delete_on_termination)
        .set_encrypted(device.encrypted)
        .set_iops(device.iops)
        .set_throughput(device.throughput)
        .set_kms_key_id(text(&device.kms_key_id))
        .set_snapshot_id(text(&device.snapshot_id))
        .set_volume_size(device.volume_size)
        .set_volume_type(text(&device.volume_type).map(|kind| kind.as_str().into()));
    own.ebs(disk.build()).build()
}
