//! The file systems of the new image on this machine: mounted, filled with what programs need, and taken off again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::config::ChrootConfig;
use super::device::Attached;
use crate::builder::BuilderError;
use crate::client::aws::ec2::types::Image;
use crate::client::ssh::quoted;
use crate::communicator::chroot::Wrap;
use crate::eval::interpolate::Data;
use crate::run::BuildContext;
use crate::run::cleanup::{Release, Resource};
use crate::run::{credentials, local_command};

/// The kernel shows partitions a moment after the disk.
const APPEARS: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);
/// A file that a copied one replaces waits under its name with this ending.
const SAVED: &str = ".forge-saved";

/// What is mounted.
pub(super) struct Mounted {
    /// Absolute.
    pub path: String,
    /// In the order of mounting.
    mounts: Vec<Resource>,
}

/// A shell of this machine that runs the template's and our own commands, wrapped.
struct Host<'a> {
    wrap: &'a Wrap,
    cx: &'a BuildContext,
}

impl Host<'_> {
    async fn run(&self, command: &str) -> Result<(), BuilderError> {
        let line = (self.wrap)(command).map_err(BuilderError::Failed)?;
        match local_command::run("/bin/sh", &["-c".to_owned(), line.clone()], &[], self.cx).await {
            Ok(0) => Ok(()),
            Ok(status) => Err(BuilderError::Failed(format!("{line}: status {status}"))),
            Err(local_command::LocalCommandError::Cancelled(cancelled)) => Err(cancelled.into()),
            Err(error) => Err(BuilderError::Failed(error.to_string())),
        }
    }

    /// Journals the mount, and mounts.
    async fn mount(
        &self,
        flags: &str,
        source: &str,
        path: &Path,
        own_directory: bool,
    ) -> Result<Resource, BuilderError> {
        let (at, fresh) = (path.to_string_lossy().into_owned(), !path.exists());
        let unmount = (self.wrap)(&format!("umount {}", quoted(&at))).map_err(BuilderError::Failed)?;
        let resource = Resource::Mount { path: path.to_owned(), unmount, remove_directory: own_directory && fresh };
        self.cx.acquire(resource.clone())?;
        std::fs::create_dir_all(path).map_err(|error| {
            BuilderError::Failed(format!("{at} could not be made: {error}; this builder needs to be root"))
        })?;
        self.run(&format!("mount {flags} {} {}", quoted(source), quoted(&at))).await?;
        Ok(resource)
    }
}

/// Runs the commands before, mounts the image's root and what is mounted in it, copies files.
pub(super) async fn mount(
    config: &ChrootConfig,
    attached: &Attached,
    source: Option<&Image>,
    wrap: &Wrap,
    cx: &BuildContext,
) -> Result<Mounted, BuilderError> {
    let host = Host { wrap, cx };
    let device = attached.device.as_str();
    for command in &config.pre_mount_commands {
        let command = render(config, command, &[("Device", device)])?;
        cx.say(format!("Running device setup command: {command}"));
        host.run(&command).await?;
    }
    let base = Path::new(device).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let given = render(config, &config.mount_path, &[("Device", &base)])?;
    let root = cx.run.cwd.join(given);
    // What is mounted there already would hide behind us, and we would unmount it.
    if crate::client::mount::is_mounted(&root) {
        return Err(BuilderError::Failed(format!("something is mounted at {} already", root.display())));
    }
    let virtualization = match (config.ami.ami_virtualization_type.as_str(), source) {
        ("", Some(source)) => source.virtualization.as_str(),
        (given, _) => given,
    };
    let partition = partition(device, virtualization, &config.mount_partition);
    cx.cancel.unless_stopped(appeared(&partition)).await?;
    cx.say(format!("Mounting the root device {partition}..."));
    let options: Vec<String> = config.mount_options.iter().map(|option| format!("-o {}", quoted(option))).collect();
    let mut mounts = vec![host.mount(&options.join(" "), &partition, &root, true).await?];
    let path = root.to_string_lossy().into_owned();
    for command in &config.post_mount_commands {
        let command = render(config, command, &[("Device", device), ("MountPath", &path)])?;
        cx.say(format!("Running post-mount command: {command}"));
        host.run(&command).await?;
    }
    cx.say("Mounting additional paths within the chroot...");
    for extra in &config.chroot_mounts {
        let flags = if extra.kind == "bind" { "--bind".to_owned() } else { format!("-t {}", quoted(&extra.kind)) };
        let target = inside(&root, &extra.target);
        cx.detail(format!("Mounting: {}", extra.target));
        mounts.push(host.mount(&flags, &extra.source, &target, false).await?);
    }
    copy_files(config, &root, &host).await?;
    Ok(Mounted { path, mounts })
}

impl Mounted {
    /// Puts back what a copied file took the place of. Once: after it nothing tells the two apart.
    pub(super) async fn restore(&self, path: &str, wrap: &Wrap, cx: &BuildContext) -> Result<(), BuilderError> {
        let at = inside(Path::new(&self.path), path).to_string_lossy().into_owned();
        let (at, saved) = (quoted(&at), quoted(&format!("{at}{SAVED}")));
        let restore = format!("rm -f {at}; if [ -e {saved} ] || [ -L {saved} ]; then mv {saved} {at}; fi");
        Host { wrap, cx }.run(&format!("/bin/sh -c {}", quoted(&restore))).await
    }

    /// Takes the mounts off in reverse.
    pub(super) async fn leave(&self, services: &dyn Release, cx: &BuildContext) -> Result<(), BuilderError> {
        cx.say("Unmounting the root device...");
        for mount in self.mounts.iter().rev() {
            services.release(mount).await.map_err(|error| BuilderError::Failed(error.to_string()))?;
            cx.keep(mount)?;
        }
        Ok(())
    }
}

/// What is deleted before the snapshot is still in the blocks of the volume: no copied file may hold credentials.
pub(super) async fn check_copied(config: &ChrootConfig, cx: &BuildContext) -> Result<(), BuilderError> {
    for path in &config.copy_files {
        let why = credentials::refuse(cx.run.cwd.join(path), false).await;
        why.map_err(|why| BuilderError::Failed(format!("copy_files: {why}: take it out of the list")))?;
    }
    Ok(())
}

async fn copy_files(config: &ChrootConfig, root: &Path, host: &Host<'_>) -> Result<(), BuilderError> {
    if !config.copy_files.is_empty() {
        host.cx.say("Copying files from the host to the chroot...");
    }
    for path in &config.copy_files {
        host.cx.detail(path.clone());
        let at = inside(root, path).to_string_lossy().into_owned();
        let (at, saved) = (quoted(&at), quoted(&format!("{at}{SAVED}")));
        let copy = format!(
            "if [ -e {at} ] || [ -L {at} ]; then mv {at} {saved}; fi; cp --remove-destination {} {at}",
            quoted(path)
        );
        host.run(&format!("/bin/sh -c {}", quoted(&copy))).await?;
    }
    Ok(())
}

/// The place of an absolute path of the image in the folder that it is mounted at.
fn inside(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// The device that holds the root file system. Paravirtual images have no partitions.
fn partition(device: &str, virtualization: &str, number: &str) -> String {
    if virtualization != "hvm" || number == "0" {
        return device.to_owned();
    }
    // A disk whose name ends in a digit has a letter before the number.
    let between = if device.ends_with(|c: char| c.is_ascii_digit()) { "p" } else { "" };
    format!("{device}{between}{number}")
}

/// Waits a while for a partition; that it never came is for `mount` to say.
async fn appeared(device: &str) {
    let begun = std::time::Instant::now();
    while !Path::new(device).exists() && begun.elapsed() < APPEARS {
        tokio::time::sleep(PAUSE).await;
    }
}

fn render(config: &ChrootConfig, text: &str, values: &[(&str, &str)]) -> Result<String, BuilderError> {
    let data = values.iter().map(|(name, value)| ((*name).to_owned(), Data::Text((*value).to_owned())));
    let rendered = config.interpolation.render(text, &Data::Map(data.collect()));
    rendered.map_err(|error| BuilderError::Failed(format!("{text:?} cannot be rendered: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_named_as_the_kernel_does() {
        assert_eq!(partition("/dev/xvdf", "hvm", "1"), "/dev/xvdf1");
        assert_eq!(partition("/dev/nvme1n1", "hvm", "1"), "/dev/nvme1n1p1");
        assert_eq!(partition("/dev/xvdf", "paravirtual", "1"), "/dev/xvdf");
        assert_eq!(partition("/dev/xvdf", "hvm", "0"), "/dev/xvdf");
    }
}
