//! The volume and the device of this machine behind which it is.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::account::{Account, owned, unique_name};
use super::super::config::{ChrootConfig, SourceFacts, render_tags};
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::NewVolume;
use crate::run::BuildContext;
use crate::run::aws::AwsThing;

/// Builds on the same machine choose their devices one after the other. The peer's name, so that both wait for each
/// other.
const LOCK: &str = "/var/lock/packer-chroot/lock";
/// Letters that EC2 leaves to additional volumes.
const LETTERS: &str = "fghijklmnop";
/// The kernel shows a device a moment after the volume is attached.
const APPEARS: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// An attached volume.
pub(super) struct Attached {
    pub volume: String,
    /// Path by which commands name the device: the one asked for, or where the kernel put it.
    pub device: String,
}

/// Makes the volume and attaches it to `instance`, which we run on.
pub(super) async fn attach(
    account: &Account,
    config: &ChrootConfig,
    instance: &str,
    mut volume: NewVolume,
    facts: &SourceFacts,
    cx: &BuildContext,
) -> Result<Attached, BuilderError> {
    let tags = render_tags(&config.root_volume_tags, &config.interpolation, facts).map_err(BuilderError::Failed)?;
    let lock = lock(cx).await?;
    let asked = free_device(&config.device_path)?;
    cx.say("Creating the root volume...");
    let tag = unique_name("packer-");
    account.acquire(AwsThing::Volume { tag: tag.clone() }, cx)?;
    volume.tags = owned(tags, &tag, cx);
    volume.client_token = tag;
    let id = account.ec2.create_volume(&volume).await?;
    cx.detail(format!("Volume ID: {id}"));
    account.ec2.wait_free(&id, account.polling, &cx.cancel).await?;
    cx.say(format!("Attaching the root volume to {asked}"));
    // EC2 knows the names of disks only; Xen's guests call the same ones xvd.
    account.ec2.attach_volume(&id, instance, &asked.replacen("/xvd", "/sd", 1)).await?;
    account.ec2.wait_attached(&id, account.polling, &cx.cancel).await?;
    let device = cx.cancel.unless_stopped(appeared(&asked, &config.nvme_device_path, &id)).await??;
    drop(lock);
    Ok(Attached { volume: id, device })
}

impl Attached {
    /// Takes the volume off, so that its snapshot is of a disk at rest.
    pub(super) async fn detach(&self, account: &Account, cx: &BuildContext) -> Result<(), BuilderError> {
        cx.say("Detaching the root volume...");
        account.ec2.detach_volume(&self.volume).await?;
        Ok(account.ec2.wait_free(&self.volume, account.polling, &cx.cancel).await?)
    }
}

/// Waits for other builds on this machine that choose a device. The lock ends with the file.
async fn lock(cx: &BuildContext) -> Result<File, BuilderError> {
    let failed = |error: std::io::Error| {
        BuilderError::Failed(format!("{LOCK} could not be locked: {error}; this builder needs to be root"))
    };
    let path = Path::new(LOCK);
    std::fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed)?;
    let file = File::create(path).map_err(failed)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => cx.cancel.unless_stopped(tokio::time::sleep(PAUSE)).await?,
            Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

/// The device that the template names, or the first name that nothing has.
fn free_device(wanted: &str) -> Result<String, BuilderError> {
    let taken = |device: &str| Path::new(device).exists() || Path::new(&format!("{device}1")).exists();
    if !wanted.is_empty() {
        return match taken(wanted) {
            false => Ok(wanted.to_owned()),
            true => {
                Err(BuilderError::Failed(format!("{wanted} is in use on this machine; choose another device_path")))
            }
        };
    }
    let disks = std::fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let is_xen = disks.into_iter().any(|disk| disk.file_name().to_string_lossy().starts_with("xvd"));
    let prefix = if is_xen { "xvd" } else { "sd" };
    let mut names = LETTERS.chars().map(|letter| format!("/dev/{prefix}{letter}"));
    names.find(|device| !taken(device)).ok_or_else(|| {
        BuilderError::Failed(format!("no device of /dev/{prefix}f to /dev/{prefix}p is free; set device_path"))
    })
}

/// Waits until the volume can be seen. On Nitro the kernel names it as it likes, and a link tells which one it is.
async fn appeared(asked: &str, nvme: &str, volume: &str) -> Result<String, BuilderError> {
    let link = format!("/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{}", volume.replace('-', ""));
    let look = || match nvme {
        "" if Path::new(&link).exists() => std::fs::canonicalize(&link).ok(),
        "" => Some(PathBuf::from(asked)).filter(|device| device.exists()),
        given => Some(PathBuf::from(given)).filter(|device| device.exists()),
    };
    let begun = std::time::Instant::now();
    loop {
        if let Some(device) = look() {
            return Ok(device.to_string_lossy().into_owned());
        }
        if begun.elapsed() > APPEARS {
            let wanted = if nvme.is_empty() { asked } else { nvme };
            return Err(BuilderError::Failed(format!(
                "the volume {volume} is attached, and neither {wanted} nor {link} came up within {} s; name the device \
                 in nvme_device_path",
                APPEARS.as_secs()
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
