//! Options of `amazon-ebssurrogate`.

use std::collections::BTreeMap;

use super::ami::{self, AmiOptions};
use super::device::{self, LaunchDevice, number};
use super::run::{self, RunOptions};
use super::{ebs, tags};
use crate::aws::access;
use crate::builder::ssh_options::{self, CommunicatorChoice};
use crate::client::aws::Access;
use crate::client::aws::ec2::types::BlockDevice;
use crate::client::aws::wait::Polling;
use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;
use crate::eval::interpolate::Interpolation;

pub(super) const ARCHITECTURES: [&str; 5] = ["x86_64", "arm64", "i386", "arm64_mac", "x86_64_mac"];
pub(super) const BOOT_MODES: [&str; 3] = ["legacy-bios", "uefi", "uefi-preferred"];

/// A device of the launch, and whether it is left out of the image.
#[derive(Clone)]
pub(in crate::builder::amazon) struct SurrogateDevice {
    pub launch: LaunchDevice,
    pub omit_from_artifact: bool,
}

/// Which launched device becomes the image's root, and what it is called there.
#[derive(Debug, Clone, Default)]
pub(in crate::builder::amazon) struct RootDevice {
    pub source_device_name: String,
    pub device_name: String,
    /// Where it is not written, the image has what the launch has.
    pub delete_on_termination: Option<bool>,
}

/// `amazon-ebssurrogate`, decoded.
#[derive(Clone)]
pub(in crate::builder::amazon) struct SurrogateConfig {
    pub access: Access,
    pub polling: Polling,
    pub ami: AmiOptions,
    pub run: RunOptions,
    pub communicator: CommunicatorChoice,
    pub devices: Vec<SurrogateDevice>,
    pub ami_block_device_mappings: Vec<BlockDevice>,
    pub root: RootDevice,
    pub architecture: String,
    pub boot_mode: String,
    pub uefi_data: String,
    pub tpm_support: String,
    pub use_create_image: bool,
    pub snapshot_description: String,
    pub skip_ami_run_tags: bool,
    /// Unrendered.
    pub run_volume_tags: BTreeMap<String, String>,
    pub interpolation: Interpolation,
}

pub(in crate::builder::amazon) fn decode_surrogate(fields: &mut Fields<'_>) -> Option<SurrogateConfig> {
    let before = fields.error_count();
    let ami = ami::decode(fields);
    let config = SurrogateConfig {
        access: access::decode(fields),
        polling: access::polling(fields),
        run: run::decode(fields),
        communicator: ssh_options::decode(fields),
        devices: devices(fields),
        ami_block_device_mappings: device::decode(fields, "ami_block_device_mappings")
            .into_iter()
            .map(|mapping| mapping.device)
            .collect(),
        root: root(fields),
        architecture: run::choice(fields, "ami_architecture", &ARCHITECTURES).unwrap_or("x86_64".to_owned()),
        boot_mode: run::choice(fields, "boot_mode", &BOOT_MODES).unwrap_or_default(),
        uefi_data: fields.text("uefi_data").unwrap_or_default(),
        tpm_support: run::choice(fields, "tpm_support", &["v2.0"]).unwrap_or_default(),
        use_create_image: fields.flag("use_create_image").unwrap_or(false),
        snapshot_description: fields.text("snapshot_description").unwrap_or_default(),
        skip_ami_run_tags: fields.flag("skip_ami_run_tags").unwrap_or(false),
        run_volume_tags: tags::decode(fields, "run_volume_tags", "run_volume_tag", "name"),
        interpolation: fields.interpolation().clone(),
        ami,
    };
    if config.ami.ami_virtualization_type.is_empty() {
        let summary = "option \"ami_virtualization_type\" is missing";
        fields.error_at("ami_virtualization_type", summary, "hvm, for all current instance types");
    }
    ami::check_place(fields, &config.ami, &config.access.region);
    check_root(fields, &config);
    check_boot(fields, &config.architecture, &config.boot_mode, &config.uefi_data, &config.tpm_support);
    ebs::check_login(fields, &config.communicator);
    ebs::check_spot(fields, &config.run, config.ami.ena_support, config.ami.sriov_support);
    ebs::check_session_manager(fields, &config.run, &config.communicator);
    (fields.error_count() == before).then_some(config)
}

fn devices(fields: &mut Fields<'_>) -> Vec<SurrogateDevice> {
    let mut devices = Vec::new();
    for block in fields.blocks("launch_block_device_mappings") {
        let mut inner = fields.nested(block);
        let launch = device::decode_one(&mut inner);
        let omit_from_artifact = inner.flag("omit_from_artifact").unwrap_or(false);
        inner.finish();
        devices.push(SurrogateDevice { launch, omit_from_artifact });
    }
    devices
}

fn root(fields: &mut Fields<'_>) -> RootDevice {
    let Some(block) = fields.block("ami_root_device") else {
        let detail = "it says which launched device becomes the root of the image";
        let span = fields.block_span();
        fields.push(Diagnostic::error("block \"ami_root_device\" is missing").at(span).detail(detail));
        return RootDevice::default();
    };
    let mut inner = fields.nested(block);
    let root = RootDevice {
        source_device_name: inner.required_text("source_device_name").unwrap_or_default(),
        device_name: inner.required_text("device_name").unwrap_or_default(),
        delete_on_termination: inner.three_state("delete_on_termination"),
    };
    // The snapshot decides these; the peer takes and does not use them too.
    let kind = inner.text("volume_type").unwrap_or_default();
    if number(&mut inner, "iops").is_some() && kind == "gp2" {
        inner.error_at("iops", "\"iops\" of a gp2 volume", "only io1, io2 and gp3 have them");
    }
    number(&mut inner, "volume_size");
    inner.finish();
    root
}

fn check_root(fields: &mut Fields<'_>, config: &SurrogateConfig) {
    let source = &config.root.source_device_name;
    if source.is_empty() {
        return;
    }
    let found = config.devices.iter().find(|device| device.launch.device.device_name == *source);
    let summary = match found {
        None => format!("no launch_block_device_mappings block has the device_name {source:?}"),
        Some(device) if device.omit_from_artifact => format!("the root device {source:?} is left out of the image"),
        Some(_) => return,
    };
    let span = fields.block_span();
    fields.push(Diagnostic::error(summary).at(span).detail("source_device_name of ami_root_device names it"));
}

/// UEFI variables and a TPM need UEFI, which arm64 has without being told.
pub(super) fn check_boot(
    fields: &mut Fields<'_>,
    architecture: &str,
    boot_mode: &str,
    uefi_data: &str,
    tpm_support: &str,
) {
    let uefi = boot_mode.starts_with("uefi") || (boot_mode.is_empty() && architecture == "arm64");
    for (name, value) in [("uefi_data", uefi_data), ("tpm_support", tpm_support)] {
        if !value.is_empty() && !uefi && !fields.is_unknown(name) {
            let summary = format!("\"{name}\" without a UEFI boot mode");
            fields.error_at(name, summary, "set boot_mode = \"uefi\"");
        }
    }
}
