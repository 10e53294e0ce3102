//! The SDK's types to ours.

use aws_sdk_ec2::types as sdk;

use super::types::{BlockDevice, Filters, Image, Instance, Snapshot, Subnet, Tags, Volume, Vpc};

pub(super) fn filters(filters: &Filters) -> Option<Vec<sdk::Filter>> {
    let all: Vec<sdk::Filter> = filters
        .iter()
        .map(|(name, values)| sdk::Filter::builder().name(name).set_values(Some(values.clone())).build())
        .collect();
    Some(all).filter(|all| !all.is_empty())
}

pub(super) fn sdk_tags(tags: &Tags) -> Vec<sdk::Tag> {
    tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect()
}

/// Tags for each of `kinds`; nothing without tags.
pub(super) fn tag_specifications(parts: &[(sdk::ResourceType, &Tags)]) -> Option<Vec<sdk::TagSpecification>> {
    let all: Vec<sdk::TagSpecification> = parts
        .iter()
        .filter(|(_, tags)| !tags.is_empty())
        .map(|(kind, tags)| {
            sdk::TagSpecification::builder().resource_type(kind.clone()).set_tags(Some(sdk_tags(tags))).build()
        })
        .collect();
    Some(all).filter(|all| !all.is_empty())
}

pub(super) fn tags(tags: Option<Vec<sdk::Tag>>) -> Tags {
    let pair = |tag: sdk::Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
    tags.unwrap_or_default().into_iter().map(pair).collect()
}

pub(super) fn image(image: sdk::Image) -> Image {
    Image {
        id: image.image_id.unwrap_or_default(),
        name: image.name.unwrap_or_default(),
        state: word(image.state.as_ref().map(sdk::ImageState::as_str)),
        state_reason: image.state_reason.and_then(|reason| reason.message).unwrap_or_default(),
        owner: image.owner_id.unwrap_or_default(),
        location: image.image_location.unwrap_or_default(),
        source_instance: image.source_instance_id.unwrap_or_default(),
        source_image: image.source_image_id.unwrap_or_default(),
        owner_alias: image.image_owner_alias.unwrap_or_default(),
        creation_date: image.creation_date.unwrap_or_default(),
        architecture: word(image.architecture.as_ref().map(sdk::ArchitectureValues::as_str)),
        virtualization: word(image.virtualization_type.as_ref().map(sdk::VirtualizationType::as_str)),
        root_device_name: image.root_device_name.unwrap_or_default(),
        root_device_type: word(image.root_device_type.as_ref().map(sdk::DeviceType::as_str)),
        ena_support: image.ena_support.unwrap_or_default(),
        boot_mode: word(image.boot_mode.as_ref().map(sdk::BootModeValues::as_str)),
        tags: tags(image.tags),
        devices: image.block_device_mappings.unwrap_or_default().into_iter().map(device).collect(),
        deprecation_time: image.deprecation_time.unwrap_or_default(),
        deregistration_protection: image.deregistration_protection.unwrap_or_default(),
        foreign: Vec::new(),
    }
}

fn device(device: sdk::BlockDeviceMapping) -> BlockDevice {
    let mut own = BlockDevice {
        device_name: device.device_name.unwrap_or_default(),
        no_device: device.no_device.is_some(),
        virtual_name: device.virtual_name.unwrap_or_default(),
        ..BlockDevice::default()
    };
    if let Some(ebs) = device.ebs {
        own.delete_on_termination = ebs.delete_on_termination;
        own.encrypted = ebs.encrypted;
        own.snapshot_id = ebs.snapshot_id.unwrap_or_default();
        own.volume_size = ebs.volume_size;
        own.iops = ebs.iops;
        own.throughput = ebs.throughput;
        own.volume_type = word(ebs.volume_type.as_ref().map(sdk::VolumeType::as_str));
    }
    own
}

/// What EC2 is told of a device: nothing but that there is none, nothing but its name, or a disk.
pub(super) fn sdk_device(device: &BlockDevice) -> sdk::BlockDeviceMapping {
    let own = sdk::BlockDeviceMapping::builder().device_name(&device.device_name);
    if device.no_device {
        return own.no_device("").build();
    }
    if let Some(store) = device.instance_store() {
        return own.virtual_name(store).build();
    }
    let disk = sdk::EbsBlockDevice::builder()
        .set_delete_on_termination(device.delete_on_termination)
        .set_encrypted(device.encrypted)
        .set_iops(device.iops)
        .set_throughput(device.throughput)
        .set_kms_key_id(super::text(&device.kms_key_id))
        .set_snapshot_id(super::text(&device.snapshot_id))
        .set_volume_size(device.volume_size)
        .set_volume_type(super::text(&device.volume_type).map(|kind| kind.as_str().into()));
    own.ebs(disk.build()).build()
}

pub(super) fn sdk_devices(devices: &[BlockDevice]) -> Option<Vec<sdk::BlockDeviceMapping>> {
    (!devices.is_empty()).then(|| devices.iter().map(sdk_device).collect())
}

pub(super) fn instance(instance: sdk::Instance) -> Instance {
    let ipv6 = instance.network_interfaces.iter().flatten().flat_map(|i| i.ipv6_addresses.iter().flatten());
    let ipv6 = ipv6.filter_map(|address| address.ipv6_address.clone()).next();
    let reason = instance.state_reason.map(|reason| {
        let (code, message) = (reason.code.unwrap_or_default(), reason.message.unwrap_or_default());
        if message.starts_with(&code) { message } else { format!("{code}: {message}") }
    });
    let volumes = instance.block_device_mappings.unwrap_or_default().into_iter();
    let volumes = volumes.filter_map(|device| Some((device.device_name?, device.ebs?.volume_id?)));
    Instance {
        id: instance.instance_id.unwrap_or_default(),
        state: word(instance.state.as_ref().and_then(|s| s.name.as_ref()).map(sdk::InstanceStateName::as_str)),
        state_reason: reason.unwrap_or_default(),
        public_ip: instance.public_ip_address.unwrap_or_default(),
        private_ip: instance.private_ip_address.unwrap_or_default(),
        public_dns: instance.public_dns_name.unwrap_or_default(),
        private_dns: instance.private_dns_name.unwrap_or_default(),
        ipv6: instance.ipv6_address.or(ipv6).unwrap_or_default(),
        vpc_id: instance.vpc_id.unwrap_or_default(),
        subnet_id: instance.subnet_id.unwrap_or_default(),
        availability_zone: instance.placement.and_then(|p| p.availability_zone).unwrap_or_default(),
        spot_request_id: instance.spot_instance_request_id.unwrap_or_default(),
        root_device_name: instance.root_device_name.unwrap_or_default(),
        volumes: volumes.collect(),
        tags: tags(instance.tags),
    }
}

pub(super) fn subnet(subnet: sdk::Subnet) -> Subnet {
    Subnet {
        id: subnet.subnet_id.unwrap_or_default(),
        vpc_id: subnet.vpc_id.unwrap_or_default(),
        availability_zone: subnet.availability_zone.unwrap_or_default(),
        free_addresses: subnet.available_ip_address_count.unwrap_or_default().into(),
    }
}

pub(super) fn vpc(vpc: sdk::Vpc) -> Vpc {
    Vpc { id: vpc.vpc_id.unwrap_or_default(), is_default: vpc.is_default.unwrap_or_default() }
}

pub(super) fn volume(volume: sdk::Volume) -> Volume {
    let attachment = volume.attachments.unwrap_or_default().into_iter().next().and_then(|a| a.state);
    Volume {
        id: volume.volume_id.unwrap_or_default(),
        state: word(volume.state.as_ref().map(sdk::VolumeState::as_str)),
        attachment: word(attachment.as_ref().map(sdk::VolumeAttachmentState::as_str)),
        size: volume.size.unwrap_or_default(),
        snapshot_id: volume.snapshot_id.unwrap_or_default(),
        tags: tags(volume.tags),
    }
}

pub(super) fn snapshot(snapshot: sdk::Snapshot) -> Snapshot {
    Snapshot {
        id: snapshot.snapshot_id.unwrap_or_default(),
        state: word(snapshot.state.as_ref().map(sdk::SnapshotState::as_str)),
        state_message: snapshot.state_message.unwrap_or_default(),
        progress: snapshot.progress.unwrap_or_default(),
        description: snapshot.description.unwrap_or_default(),
        tags: tags(snapshot.tags),
    }
}

fn word(word: Option<&str>) -> String {
    word.unwrap_or_default().to_owned()
}
