//! Options of `amazon-chroot`.

use std::collections::BTreeMap;

use super::ami::{self, AmiOptions};
use super::device::{self, number};
use super::run::{self, AmiFilter};
use super::surrogate::{ARCHITECTURES, BOOT_MODES, check_boot};
use super::tags;
use crate::aws::access;
use crate::client::aws::Access;
use crate::client::aws::ec2::types::BlockDevice;
use crate::client::aws::wait::Polling;
use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;
use crate::eval::interpolate::{Interpolation, data};

const MOUNT_PATH: &str = "/mnt/packer-amazon-chroot-volumes/{{.Device}}";
/// What programs expect of a machine that runs: kind, source, place.
const MOUNTS: [[&str; 3]; 5] = [
    ["proc", "proc", "/proc"],
    ["sysfs", "sysfs", "/sys"],
    ["bind", "/dev", "/dev"],
    ["devpts", "devpts", "/dev/pts"],
    ["binfmt_misc", "binfmt_misc", "/proc/sys/fs/binfmt_misc"],
];

/// A file system that is mounted inside, before anything runs there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder::amazon) struct ChrootMount {
    /// A type of file system, or `bind`.
    pub kind: String,
    pub source: String,
    /// Absolute, inside.
    pub target: String,
}

/// `amazon-chroot`, decoded. What has `{{ }}` of its own is unrendered.
#[derive(Clone)]
pub(in crate::builder::amazon) struct ChrootConfig {
    pub access: Access,
    pub polling: Polling,
    pub ami: AmiOptions,
    pub source_ami: String,
    pub source_ami_filter: Option<AmiFilter>,
    pub from_scratch: bool,
    /// Empty: the first that is free.
    pub device_path: String,
    pub nvme_device_path: String,
    /// `0` for the whole device.
    pub mount_partition: String,
    pub mount_path: String,
    pub mount_options: Vec<String>,
    pub chroot_mounts: Vec<ChrootMount>,
    pub copy_files: Vec<String>,
    pub command_wrapper: String,
    pub pre_mount_commands: Vec<String>,
    pub post_mount_commands: Vec<String>,
    pub root_device_name: String,
    /// GiB.
    pub root_volume_size: Option<i32>,
    pub root_volume_type: String,
    pub root_volume_tags: BTreeMap<String, String>,
    pub root_volume_encrypt_boot: Option<bool>,
    pub root_volume_kms_key_id: String,
    pub ami_block_device_mappings: Vec<BlockDevice>,
    /// Empty: the source image's.
    pub architecture: String,
    pub boot_mode: String,
    pub uefi_data: String,
    pub tpm_support: String,
    pub interpolation: Interpolation,
}

pub(in crate::builder::amazon) fn decode_chroot(fields: &mut Fields<'_>) -> Option<ChrootConfig> {
    let before = fields.error_count();
    let device = data([("Device", "")]);
    let mounted = data([("Device", ""), ("MountPath", "")]);
    let from_scratch = fields.flag("from_scratch").unwrap_or(false);
    let config = ChrootConfig {
        access: access::decode(fields),
        polling: access::polling(fields),
        ami: ami::decode(fields),
        source_ami: fields.text("source_ami").unwrap_or_default(),
        source_ami_filter: run::ami_filter(fields),
        from_scratch,
        device_path: fields.text("device_path").unwrap_or_default(),
        nvme_device_path: fields.text("nvme_device_path").unwrap_or_default(),
        mount_partition: given(fields.text("mount_partition"), "1"),
        mount_path: given(fields.template("mount_path", Some(&device)), MOUNT_PATH),
        mount_options: fields.texts("mount_options").unwrap_or_default(),
        chroot_mounts: mounts(fields),
        copy_files: fields.texts("copy_files").unwrap_or_else(|| match from_scratch {
            true => Vec::new(),
            false => vec!["/etc/resolv.conf".to_owned()],
        }),
        command_wrapper: given(fields.template("command_wrapper", Some(&data([("Command", "")]))), "{{.Command}}"),
        pre_mount_commands: fields.templates("pre_mount_commands", Some(&device)).unwrap_or_default(),
        post_mount_commands: fields.templates("post_mount_commands", Some(&mounted)).unwrap_or_default(),
        root_device_name: fields.text("root_device_name").unwrap_or_default(),
        root_volume_size: number(fields, "root_volume_size"),
        root_volume_type: fields.text("root_volume_type").unwrap_or_default(),
        root_volume_tags: tags::decode(fields, "root_volume_tags", "root_volume_tag", "key"),
        root_volume_encrypt_boot: fields.three_state("root_volume_encrypt_boot"),
        root_volume_kms_key_id: fields.text("root_volume_kms_key_id").unwrap_or_default(),
        ami_block_device_mappings: device::decode(fields, "ami_block_device_mappings")
            .into_iter()
            .map(|mapping| mapping.device)
            .collect(),
        architecture: run::choice(fields, "ami_architecture", &ARCHITECTURES).unwrap_or_default(),
        boot_mode: run::choice(fields, "boot_mode", &BOOT_MODES).unwrap_or_default(),
        uefi_data: fields.text("uefi_data").unwrap_or_default(),
        tpm_support: run::choice(fields, "tpm_support", &["v2.0"]).unwrap_or_default(),
        interpolation: fields.interpolation().clone(),
    };
    ami::check_place(fields, &config.ami, &config.access.region);
    check_boot(fields, &config.architecture, &config.boot_mode, &config.uefi_data, &config.tpm_support);
    check_key(fields, &config);
    match from_scratch {
        true => check_scratch(fields, &config),
        false => check_source(fields, &config),
    }
    for (name, path) in [("device_path", &config.device_path), ("nvme_device_path", &config.nvme_device_path)] {
        if !path.is_empty() && !path.starts_with('/') && !fields.is_unknown(name) {
            fields.error_at(name, format!("\"{name}\" is not the path of a device"), "as in /dev/xvdf");
        }
    }
    (fields.error_count() == before).then_some(config)
}

/// What is written, unless it is empty.
fn given(text: Option<String>, default: &str) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned())
}

fn mounts(fields: &mut Fields<'_>) -> Vec<ChrootMount> {
    let written = fields.text_lists("chroot_mounts").filter(|lists| !lists.is_empty());
    let lists = written.unwrap_or_else(|| MOUNTS.iter().map(|mount| mount.map(str::to_owned).to_vec()).collect());
    let mut mounts = Vec::new();
    for list in lists {
        match <[String; 3]>::try_from(list) {
            Ok([kind, source, target]) => mounts.push(ChrootMount { kind, source, target }),
            Err(list) => {
                let detail = format!("this one has {}: {list:?}", list.len());
                fields.error_at("chroot_mounts", "an entry is a list of three: type, source and place", detail);
            }
        }
    }
    mounts
}

fn check_scratch(fields: &mut Fields<'_>, config: &ChrootConfig) {
    if !config.source_ami.is_empty() || config.source_ami_filter.is_some() {
        let warning = Diagnostic::warning("the source image is not used").at(fields.block_span());
        fields.push(warning.detail("from_scratch begins with an empty volume"));
    }
    let needed = [
        ("root_volume_size", config.root_volume_size.is_none()),
        ("pre_mount_commands", config.pre_mount_commands.is_empty()),
        ("ami_virtualization_type", config.ami.ami_virtualization_type.is_empty()),
        ("root_device_name", config.root_device_name.is_empty()),
        ("ami_block_device_mappings", config.ami_block_device_mappings.is_empty()),
    ];
    for (name, _) in
        needed.into_iter().filter(|(name, missing)| *missing && !fields.is_unknown(name)).collect::<Vec<_>>()
    {
        fields.error_at(name, format!("\"{name}\" is missing"), "from_scratch has no source image to take it from");
    }
    if config.root_volume_type == "io1" {
        let detail = "choose gp2, gp3, io2, st1 or standard";
        fields.error_at("root_volume_type", "\"root_volume_type\" io1 is not possible from scratch", detail);
    }
}

/// Where the flag is left open, the source image says whether the key is used.
fn check_key(fields: &mut Fields<'_>, config: &ChrootConfig) {
    let name = "root_volume_kms_key_id";
    let key = config.root_volume_kms_key_id.as_str();
    if key.is_empty() || fields.is_unknown(name) || fields.is_unknown("root_volume_encrypt_boot") {
        return;
    }
    let encrypts = config.root_volume_encrypt_boot;
    if encrypts == Some(false) || (config.from_scratch && encrypts.is_none()) {
        let summary = format!("{name:?} has no use without encryption");
        fields.error_at(name, summary, "set root_volume_encrypt_boot = true");
    } else if !ami::is_kms_key(key) {
        fields.error_at(name, format!("{key:?} is not the name of a key"), ami::KEY_FORMS);
    }
}

/// The source's mappings are taken over, or replaced as a whole.
fn check_source(fields: &mut Fields<'_>, config: &ChrootConfig) {
    run::check_source(fields, &config.source_ami, config.source_ami_filter.as_ref());
    let parts = [
        ("ami_block_device_mappings", !config.ami_block_device_mappings.is_empty()),
        ("root_device_name", !config.root_device_name.is_empty()),
    ];
    match (parts[0].1, parts[1].1) {
        (false, false) => {}
        (true, true) if config.root_volume_size.is_some() || fields.is_unknown("root_volume_size") => {}
        (true, true) => {
            let summary = "\"root_volume_size\" is missing beside ami_block_device_mappings";
            fields.error_at("root_volume_size", summary, "the mappings replace the source's, its size among them");
        }
        (has_mappings, _) => {
            let (missing, _) = parts[usize::from(has_mappings)];
            let summary = format!("\"{missing}\" is missing beside its other half");
            let detail = "root_device_name and ami_block_device_mappings replace the source's together";
            fields.error_at(missing, summary, detail);
        }
    }
}
