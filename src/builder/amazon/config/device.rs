//! Block devices of a launch and of an image.

use crate::client::aws::ec2::types::BlockDevice;
use crate::eval::fields::Fields;

/// A device, and whether the template itself says what becomes of its volume.
#[derive(Debug, Clone)]
pub(in crate::builder::amazon) struct LaunchDevice {
    pub device: BlockDevice,
    /// `delete_on_termination` is written.
    pub decided: bool,
}

impl LaunchDevice {
    /// The template asks for the volume to outlive the build.
    pub(in crate::builder::amazon) fn kept(&self) -> bool {
        let is_disk = !self.device.no_device && self.device.virtual_name.is_empty();
        self.decided && is_disk && self.device.delete_on_termination == Some(false)
    }
}

/// All blocks of that name.
pub(super) fn decode(fields: &mut Fields<'_>, kind: &'static str) -> Vec<LaunchDevice> {
    let mut devices = Vec::new();
    for block in fields.blocks(kind) {
        let mut inner = fields.nested(block);
        devices.push(decode_one(&mut inner));
        inner.finish();
    }
    devices
}

/// The options of one device.
pub(super) fn decode_one(fields: &mut Fields<'_>) -> LaunchDevice {
    // Not three states for the peer, but what nothing is written for is ours to decide.
    let delete = fields.three_state("delete_on_termination");
    let device = BlockDevice {
        device_name: fields.required_text("device_name").unwrap_or_default(),
        no_device: fields.flag("no_device").unwrap_or(false),
        virtual_name: fields.text("virtual_name").unwrap_or_default(),
        delete_on_termination: Some(delete.unwrap_or(false)),
        encrypted: fields.three_state("encrypted"),
        iops: number(fields, "iops"),
        throughput: number(fields, "throughput"),
        kms_key_id: fields.text("kms_key_id").unwrap_or_default(),
        snapshot_id: fields.text("snapshot_id").unwrap_or_default(),
        volume_size: number(fields, "volume_size"),
        volume_type: fields.text("volume_type").unwrap_or_default(),
    };
    check(fields, &device);
    LaunchDevice { device: as_sent(device), decided: delete.is_some() }
}

/// A number that is not 0, which means "not set".
pub(super) fn number(fields: &mut Fields<'_>, name: &'static str) -> Option<i32> {
    let given = fields.integer(name).filter(|given| *given != 0)?;
    let number = i32::try_from(given).ok().filter(|number| *number > 0);
    if number.is_none() {
        fields.error_at(name, format!("\"{name}\" is out of range"), "a whole number above 0");
    }
    number
}

fn check(fields: &mut Fields<'_>, device: &BlockDevice) {
    if !device.kms_key_id.is_empty() && device.encrypted == Some(false) {
        fields.error_at(
            "kms_key_id",
            "\"kms_key_id\" on a device that is not encrypted",
            "remove it, or encrypted = false",
        );
    }
    let unknown = ["volume_type", "iops", "throughput", "volume_size"].iter().any(|name| fields.is_unknown(name));
    if unknown {
        return;
    }
    let kind = device.volume_type.as_str();
    let per_gib = match kind {
        "io1" => Some(50),
        "io2" => Some(500),
        _ => None,
    };
    if let (Some(ratio), Some(iops), Some(size)) = (per_gib, device.iops, device.volume_size) {
        if iops / size > ratio {
            let detail = format!("{kind} gives at most {ratio} per GiB: {} for {size} GiB", ratio.saturating_mul(size));
            fields.error_at("iops", "\"iops\" is too much for the volume's size", detail);
        }
        if !(100..=64_000).contains(&iops) {
            fields.error_at("iops", "\"iops\" is out of range", format!("100 to 64000 for {kind}"));
        }
    }
    if kind == "gp3" {
        if device.iops.is_some_and(|iops| !(3_000..=16_000).contains(&iops)) {
            fields.error_at("iops", "\"iops\" is out of range", "3000 to 16000 for gp3");
        }
        if device.throughput.is_some_and(|throughput| !(125..=1_000).contains(&throughput)) {
            fields.error_at("throughput", "\"throughput\" is out of range", "125 to 1000 MiB/s for gp3");
        }
    } else if device.throughput.is_some() {
        let detail = format!("volume_type is {kind:?}");
        fields.error_at("throughput", "\"throughput\" exists for the volume type gp3 only", detail);
    }
}

/// EC2 refuses these for other types, and the peer leaves them out.
fn as_sent(mut device: BlockDevice) -> BlockDevice {
    if !matches!(device.volume_type.as_str(), "io1" | "io2" | "gp3") {
        device.iops = None;
    }
    device
}
