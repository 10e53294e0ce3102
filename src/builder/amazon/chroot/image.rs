//! From the source image to the new volume, and from its snapshot to the new image.

use super::super::account::owned_image;
use super::super::config::{ChrootConfig, render_tags};
use super::super::image::{self, Plan};
use super::super::progress::Begun;
use super::super::snapshot::{self, Shot, Taken};
use super::super::{artifact, finish};
use super::{BUILDER_ID, ChrootMachine, replaces};
use crate::builder::{BuilderError, Machine as _};
use crate::client::aws::Identity;
use crate::client::aws::ec2::types::{BlockDevice, Image, NewVolume, Registration, Tags};
use crate::run::BuildContext;
use crate::run::artifact::Artifact;

/// Type of an empty volume when the template names none.
const SCRATCH_TYPE: &str = "gp2";

/// The new volume: empty, or like the source image's root, as large as the template wants it.
pub(super) fn volume(
    config: &ChrootConfig,
    source: Option<&Image>,
    here: &Identity,
) -> Result<NewVolume, BuilderError> {
    let mut device = match source {
        None => BlockDevice { volume_type: SCRATCH_TYPE.to_owned(), ..BlockDevice::default() },
        Some(image) => {
            let root = image.devices.iter().find(|device| device.device_name == image.root_device_name);
            let missing = || BuilderError::Failed(format!("the source image {} has no root device", image.id));
            let root = root.ok_or_else(missing)?;
            BlockDevice {
                snapshot_id: root.snapshot_id.clone(),
                volume_size: root.volume_size,
                volume_type: root.volume_type.clone(),
                iops: root.iops.filter(|_| matches!(root.volume_type.as_str(), "io1" | "io2" | "gp3")),
                throughput: root.throughput.filter(|_| root.volume_type == "gp3"),
                // Nothing makes a plain volume of an encrypted snapshot.
                encrypted: root.encrypted.filter(|encrypted| *encrypted),
                ..BlockDevice::default()
            }
        }
    };
    device.volume_size = device.volume_size.max(config.root_volume_size);
    if !config.root_volume_type.is_empty() && config.root_volume_type != device.volume_type {
        device.volume_type.clone_from(&config.root_volume_type);
        (device.iops, device.throughput) = (None, None);
    }
    if config.root_volume_encrypt_boot == Some(true) {
        device.encrypted = Some(true);
    }
    device.kms_key_id.clone_from(&config.root_volume_kms_key_id);
    Ok(NewVolume { availability_zone: here.availability_zone.clone(), device, ..NewVolume::default() })
}

/// Snapshot, image, copies, and all that images get.
pub(super) async fn capture(machine: &ChrootMachine, cx: &BuildContext) -> Result<Artifact, BuilderError> {
    let (config, account) = (&machine.config, &machine.account);
    let taken = machine.taken.get_or_try_init(|| snapshot(machine, cx)).await?;
    let plan = Plan::of(&config.ami, account.region())?;
    let progress = &machine.progress;
    let begin = || async {
        if replaces(config, cx) {
            image::make_room(account, &config.ami, &config.ami_block_device_mappings, cx).await?;
        }
        register(machine, &plan, taken.id.clone(), cx).await
    };
    let made = image::of_build_region(account, progress, cx, begin).await?;
    let intermediate = plan.intermediate;
    let images = image::distribute(account, &config.ami, &plan, made, progress, cx).await?;
    let wanted = finish::Wanted {
        ami: &config.ami,
        fast_launch: None,
        interpolation: &config.interpolation,
        facts: &machine.facts,
        progress,
    };
    finish::finish(account, &wanted, &images, cx).await?;
    // The snapshot of an image that stays is its own now; that of an intermediate one goes.
    if !intermediate {
        cx.keep(&taken.resource)?;
    }
    artifact::of(BUILDER_ID, account, &images, machine.facts(), cx)
}

async fn snapshot(machine: &ChrootMachine, cx: &BuildContext) -> Result<Taken, BuilderError> {
    let (config, account) = (&machine.config, &machine.account);
    let tags = render_tags(&config.ami.snapshot_tags, &config.interpolation, &machine.facts);
    let shot = Shot { volume: &machine.attached.volume, description: "", tags: tags.map_err(BuilderError::Failed)? };
    let taken = snapshot::make(account, &shot, cx).await?;
    snapshot::wait(account, std::slice::from_ref(&taken), cx).await?;
    Ok(taken)
}

async fn register(
    machine: &ChrootMachine,
    plan: &Plan,
    snapshot_id: String,
    cx: &BuildContext,
) -> Result<Begun, BuilderError> {
    let (config, account) = (&machine.config, &machine.account);
    cx.say("Registering the AMI...");
    let mut registration = registration(config, machine.source.as_ref(), snapshot_id.clone());
    let others = registration.devices.iter().filter(|device| device.snapshot_id != snapshot_id);
    let intent = image::intend(account, (&plan.name, &snapshot_id), others, cx)?;
    registration.name.clone_from(&plan.name);
    registration.tags = owned_image(Tags::new(), intent.tag(), cx);
    let registered = account.ec2.register_image(&registration).await;
    image::settle(account, registered, intent, cx).await
}

/// What the template says of the image; what it does not say is the source's.
fn registration(config: &ChrootConfig, source: Option<&Image>, snapshot_id: String) -> Registration {
    let source = source.cloned().unwrap_or_default();
    let or = |given: &String, other: &str| if given.is_empty() { other.to_owned() } else { given.clone() };
    let root_device_name = or(&config.root_device_name, &source.root_device_name);
    let mut devices = match config.ami_block_device_mappings.is_empty() {
        true => source.devices.clone(),
        false => config.ami_block_device_mappings.clone(),
    };
    for device in &mut devices {
        if device.device_name == root_device_name {
            device.snapshot_id.clone_from(&snapshot_id);
            device.volume_size = device.volume_size.max(config.root_volume_size);
        }
        if !device.snapshot_id.is_empty() {
            // Whether it is encrypted, and with which key, is the snapshot's.
            device.encrypted = None;
            device.kms_key_id.clear();
        }
        if !matches!(device.volume_type.as_str(), "io1" | "io2" | "gp3") {
            device.iops = None;
        }
    }
    if !devices.iter().any(|device| device.device_name == root_device_name) {
        let root = BlockDevice {
            device_name: root_device_name.clone(),
            snapshot_id,
            delete_on_termination: Some(true),
            ..BlockDevice::default()
        };
        devices.push(root);
    }
    Registration {
        architecture: or(&config.architecture, or(&source.architecture, "x86_64").as_str()),
        virtualization: or(&config.ami.ami_virtualization_type, &source.virtualization),
        root_device_name,
        devices,
        ena_support: config.ami.ena_support.unwrap_or(source.ena_support),
        sriov_support: config.ami.sriov_support,
        boot_mode: or(&config.boot_mode, &source.boot_mode),
        uefi_data: config.uefi_data.clone(),
        tpm_support: config.tpm_support.clone(),
        imds_support: config.ami.imds_support.clone(),
        ..Registration::default()
    }
}
