//! What EC2's answers and requests are here: plain data, without the SDK's types. Empty text means "not set".

use std::collections::BTreeMap;

use crate::run::aws::AwsThing;

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// A filter of a describe call: its name and the values of which one must match; values may hold `*` and `?`.
pub(crate) type Filters = BTreeMap<String, Vec<String>>;

/// An image as `DescribeImages` tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Image {
    pub id: String,
    pub name: String,
    /// `pending`, `available`, `failed`, ...
    pub state: String,
    /// Why it is in that state, in AWS's words.
    pub state_reason: String,
    pub owner: String,
    /// Owner and name, or bucket and path of a manifest.
    pub location: String,
    /// Id of the instance or of the image that it was made of; empty where EC2 does not say.
    pub source_instance: String,
    pub source_image: String,
    /// `amazon`, `self`, ...; empty for most accounts.
    pub owner_alias: String,
    /// RFC 3339, so that the order of texts is the order of times.
    pub creation_date: String,
    pub architecture: String,
    pub virtualization: String,
    pub root_device_name: String,
    /// `ebs` or `instance-store`.
    pub root_device_type: String,
    pub ena_support: bool,
    pub boot_mode: String,
    pub tags: Tags,
    pub devices: Vec<BlockDevice>,
    /// RFC 3339; empty for one that is not deprecated.
    pub deprecation_time: String,
    /// `disabled`, `enabled-with-cooldown`, `enabled-without-cooldown`; empty where EC2 does not say.
    pub deregistration_protection: String,
    /// Ids of snapshots that were there before it; EC2 does not say, its builder knows.
    pub foreign: Vec<String>,
}

impl Image {
    /// Snapshots behind the image's devices, whoever made them.
    pub(crate) fn snapshots(&self) -> Vec<String> {
        self.devices.iter().map(|d| d.snapshot_id.clone()).filter(|id| !id.is_empty()).collect()
    }

    /// The image as the journal names it when it is ready.
    pub(crate) fn thing(&self) -> AwsThing {
        AwsThing::ImageId {
            id: self.id.clone(),
            source: String::new(),
            snapshots: self.own_snapshots(),
            foreign: self.foreign.clone(),
        }
    }

    /// Those that were made for it.
    pub(crate) fn own_snapshots(&self) -> Vec<String> {
        self.snapshots().into_iter().filter(|id| !self.foreign.contains(id)).collect()
    }

    /// Whether it cannot be deregistered. That of one with a cooldown lasts a day longer.
    pub(crate) fn is_protected(&self) -> bool {
        !matches!(self.deregistration_protection.as_str(), "" | "disabled")
    }
}

/// What to look for with `DescribeImages`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImageQuery {
    pub ids: Vec<String>,
    pub owners: Vec<String>,
    pub filters: Filters,
    pub include_deprecated: bool,
}

/// One device of an image or of a launch, as it is sent; unset parts are left out of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct BlockDevice {
    pub device_name: String,
    /// Sent as an empty `NoDevice`, with nothing else.
    pub no_device: bool,
    /// `ephemeral0`, ...: sent with nothing else. Other names say nothing to EC2.
    pub virtual_name: String,
    /// Nothing when only the name is meant.
    pub delete_on_termination: Option<bool>,
    pub encrypted: Option<bool>,
    pub iops: Option<i32>,
    pub throughput: Option<i32>,
    pub kms_key_id: String,
    pub snapshot_id: String,
    /// GiB.
    pub volume_size: Option<i32>,
    pub volume_type: String,
}

impl BlockDevice {
    /// The name of the instance store that it is.
    pub(crate) fn instance_store(&self) -> Option<&str> {
        Some(self.virtual_name.as_str()).filter(|name| name.starts_with("ephemeral"))
    }
}

/// An instance as `DescribeInstances` tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Instance {
    pub id: String,
    /// `pending`, `running`, `stopping`, `stopped`, `shutting-down`, `terminated`.
    pub state: String,
    /// Code and text of why it is in that state.
    pub state_reason: String,
    pub public_ip: String,
    pub private_ip: String,
    pub public_dns: String,
    pub private_dns: String,
    pub ipv6: String,
    pub vpc_id: String,
    pub subnet_id: String,
    pub availability_zone: String,
    pub spot_request_id: String,
    pub root_device_name: String,
    /// Attached volumes: device name and volume id.
    pub volumes: Vec<(String, String)>,
    pub tags: Tags,
}

/// `RunInstances` for one instance, or the launch template of a fleet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Launch {
    /// Makes the call repeatable: the same token never makes a second instance.
    pub client_token: String,
    pub image_id: String,
    /// Empty for a launch template, whose fleet names the types.
    pub instance_type: String,
    pub key_name: String,
    pub user_data: String,
    pub ebs_optimized: Option<bool>,
    pub shutdown_behavior: String,
    pub instance_profile: String,
    pub nitro_enclave: bool,
    /// `standard` or `unlimited`.
    pub cpu_credits: String,
    pub placement: Placement,
    pub metadata: Option<MetadataOptions>,
    pub devices: Vec<BlockDevice>,
    pub security_groups: Vec<String>,
    pub subnet_id: String,
    /// Set together with `subnet_id`: subnet, groups and address go into one network interface.
    pub public_address: Option<bool>,
    pub licenses: Vec<String>,
    /// `none`, `open`; empty with a target.
    pub capacity_preference: String,
    pub capacity_reservation_id: String,
    pub capacity_group_arn: String,
    /// For `instance` and `network-interface`.
    pub instance_tags: Tags,
    pub volume_tags: Tags,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Placement {
    pub availability_zone: String,
    pub tenancy: String,
    pub host_id: String,
    pub host_resource_group_arn: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct MetadataOptions {
    pub http_endpoint: String,
    pub http_tokens: String,
    pub hop_limit: Option<i32>,
    pub instance_tags: String,
}

/// `CreateFleet` of kind `instant` for one spot instance from a launch template.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fleet {
    pub client_token: String,
    pub launch_template: String,
    pub instance_types: Vec<String>,
    pub allocation_strategy: String,
    /// Empty: no maximum, which is the on-demand price.
    pub max_price: String,
    pub fleet_tags: Tags,
    pub instance_tags: Tags,
    pub volume_tags: Tags,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subnet {
    pub id: String,
    pub vpc_id: String,
    pub availability_zone: String,
    pub free_addresses: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Vpc {
    pub id: String,
    pub is_default: bool,
}

/// A key pair that EC2 made, with its private half. No `Debug`: the key is a secret.
#[derive(Clone)]
pub(crate) struct KeyPair {
    pub id: String,
    pub name: String,
    /// PEM (RSA) or OpenSSH (ed25519).
    pub private_key: String,
}

/// How a key pair is named in a call: a name may look like an id.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyPairRef<'a> {
    Id(&'a str),
    Name(&'a str),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Volume {
    pub id: String,
    /// `creating`, `available`, `in-use`, ...
    pub state: String,
    /// State of the attachment when there is one: `attaching`, `attached`, `detaching`.
    pub attachment: String,
    /// GiB.
    pub size: i32,
    pub snapshot_id: String,
    pub tags: Tags,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub id: String,
    /// `pending`, `completed`, `error`.
    pub state: String,
    pub state_message: String,
    /// Per cent, as AWS writes it: `42%`.
    pub progress: String,
    pub description: String,
    pub tags: Tags,
}

/// `CreateVolume`: an empty disk, or one made of a snapshot.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewVolume {
    /// Makes the call repeatable.
    pub client_token: String,
    pub availability_zone: String,
    /// The device's size, type, speed, encryption and snapshot.
    pub device: BlockDevice,
    pub tags: Tags,
}

/// `CopyImage` into the region whose client makes the call.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImageCopy {
    pub client_token: String,
    pub source_region: String,
    pub source_id: String,
    pub name: String,
    pub description: String,
    /// Left out when unset: "as the source is".
    pub encrypted: Option<bool>,
    pub kms_key_id: String,
    /// Minutes, of the time-based copy.
    pub duration: Option<i64>,
    /// Of the image and its snapshots, added to those that the copy takes over from its source.
    pub tags: Tags,
    /// Of the snapshots alone.
    pub snapshot_tags: Tags,
    /// Of the image alone, in the place of those that it would take over from its source.
    pub image_tags: Option<Tags>,
}

/// `RegisterImage` of snapshots or of a manifest in S3.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registration {
    pub name: String,
    /// `bucket/key` of a manifest in S3, for an image without snapshots.
    pub location: String,
    pub architecture: String,
    pub virtualization: String,
    pub root_device_name: String,
    pub devices: Vec<BlockDevice>,
    pub ena_support: bool,
    pub sriov_support: bool,
    pub boot_mode: String,
    pub uefi_data: String,
    pub tpm_support: String,
    pub imds_support: String,
    pub tags: Tags,
}

/// `ImportImage` of a disk in S3.
#[derive(Debug, Clone, Default)]
pub(crate) struct DiskImport {
    pub client_token: String,
    pub bucket: String,
    pub key: String,
    /// `ova`, `raw`, `vmdk`, `vhd`, `vhdx`
    pub format: String,
    pub encrypted: bool,
    pub kms_key_id: String,
    pub architecture: String,
    pub boot_mode: String,
    pub platform: String,
    pub license_type: String,
    pub role_name: String,
    pub tags: Tags,
}

/// An import under way, as `DescribeImportImageTasks` tells it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImportTask {
    pub id: String,
    /// `active`, `deleting`, `deleted`, `completed`
    pub status: String,
    pub message: String,
    /// Per cent.
    pub progress: String,
    /// Known once there is one.
    pub image_id: String,
    pub tags: Tags,
}

/// What one `ModifyImageAttribute` call changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ImageChange {
    Description(String),
    Groups(Vec<String>),
    Users(Vec<String>),
    OrganizationArns(Vec<String>),
    OuArns(Vec<String>),
    ProductCodes(Vec<String>),
    ImdsSupport(String),
}

/// `EnableFastLaunch` of a Windows image.
#[derive(Debug, Clone, Default)]
pub(crate) struct FastLaunch {
    pub image_id: String,
    pub max_parallel_launches: Option<i32>,
    pub target_resource_count: Option<i32>,
    pub template_id: String,
    pub template_name: String,
    pub template_version: String,
}
