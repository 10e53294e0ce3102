//! Options of `amazon-ebs`.

use std::collections::BTreeMap;

use super::ami::{self, AmiOptions};
use super::device::{self, LaunchDevice};
use super::fast_launch::{self, FastLaunchOptions};
use super::run::{self, RunOptions};
use super::tags;
use crate::aws::access;
use crate::builder::ssh_options::{self, CommunicatorChoice};
use crate::client::aws::Access;
use crate::client::aws::ec2::types::BlockDevice;
use crate::client::aws::wait::Polling;
use crate::client::ssh::Via;
use crate::eval::fields::Fields;
use crate::eval::interpolate::Interpolation;

/// `amazon-ebs`, decoded.
#[derive(Clone)]
pub(in crate::builder::amazon) struct EbsConfig {
    pub access: Access,
    pub polling: Polling,
    pub ami: AmiOptions,
    pub run: RunOptions,
    pub communicator: CommunicatorChoice,
    pub launch_block_device_mappings: Vec<LaunchDevice>,
    pub ami_block_device_mappings: Vec<BlockDevice>,
    /// Unrendered.
    pub run_volume_tags: BTreeMap<String, String>,
    pub skip_create_ami: bool,
    pub skip_ami_run_tags: bool,
    pub fast_launch: Option<FastLaunchOptions>,
    pub interpolation: Interpolation,
}

pub(in crate::builder::amazon) fn decode_ebs(fields: &mut Fields<'_>) -> Option<EbsConfig> {
    let before = fields.error_count();
    let access = access::decode(fields);
    let ami = ami::decode(fields);
    let regions: Vec<&str> = match access.region.as_str() {
        "" => Vec::new(),
        region => ami.ami_regions.iter().map(String::as_str).chain(Some(region)).collect(),
    };
    let fast_launch = fast_launch::decode(fields, &regions);
    let mut config = EbsConfig {
        polling: access::polling(fields),
        run: run::decode(fields),
        communicator: ssh_options::decode(fields),
        launch_block_device_mappings: device::decode(fields, "launch_block_device_mappings"),
        ami_block_device_mappings: device::decode(fields, "ami_block_device_mappings")
            .into_iter()
            .map(|mapping| mapping.device)
            .collect(),
        run_volume_tags: tags::decode(fields, "run_volume_tags", "run_volume_tag", "name"),
        skip_create_ami: fields.flag("skip_create_ami").unwrap_or(false),
        skip_ami_run_tags: fields.flag("skip_ami_run_tags").unwrap_or(false),
        fast_launch,
        interpolation: fields.interpolation().clone(),
        access,
        ami,
    };
    if fields.flag("no_ephemeral").unwrap_or(false) {
        config.ami_block_device_mappings.extend(no_ephemeral());
        config
            .launch_block_device_mappings
            .extend(no_ephemeral().map(|device| LaunchDevice { device, decided: false }));
    }
    if !config.skip_create_ami {
        ami::check_place(fields, &config.ami, &config.access.region);
    }
    check_login(fields, &config.communicator);
    check_spot(fields, &config.run, config.ami.ena_support, config.ami.sriov_support);
    check_session_manager(fields, &config.run, &config.communicator);
    (fields.error_count() == before).then_some(config)
}

/// Takes the instance stores away that Windows images would otherwise show as empty drives.
fn no_ephemeral() -> impl Iterator<Item = BlockDevice> {
    ('a'..='z').map(|letter| BlockDevice {
        device_name: format!("xvdc{letter}"),
        no_device: true,
        ..BlockDevice::default()
    })
}

/// Somebody must be named to log in as, with a key of a kind that EC2 makes.
pub(super) fn check_login(fields: &mut Fields<'_>, communicator: &CommunicatorChoice) {
    let CommunicatorChoice::Ssh(ssh) = communicator else { return };
    ssh_options::check_user(fields, ssh);
    let kind = ssh.temporary_key_pair_type.as_str();
    if !["", "rsa", "ed25519"].contains(&kind) && !fields.is_unknown("temporary_key_pair_type") {
        let summary = format!("EC2 makes no key pairs of type {kind:?}");
        fields.error_at("temporary_key_pair_type", summary, "rsa or ed25519");
    }
}

/// A spot instance cannot be stopped, and enhanced networking is changed while it is.
pub(super) fn check_spot(fields: &mut Fields<'_>, run: &RunOptions, ena: Option<bool>, sriov: bool) {
    if !run.spot.is_wanted() {
        return;
    }
    for (name, wanted) in [("ena_support", ena == Some(true)), ("sriov_support", sriov)] {
        if wanted {
            fields.error_at(name, format!("\"{name}\" beside a spot instance"), "it is set on a stopped instance only");
        }
    }
}

pub(super) fn check_session_manager(fields: &mut Fields<'_>, run: &RunOptions, communicator: &CommunicatorChoice) {
    if run.network.ssh_interface != "session_manager" {
        return;
    }
    match communicator {
        CommunicatorChoice::None { .. } => {
            let summary = "Session Manager carries SSH only";
            fields.error_at("ssh_interface", summary, "set communicator = \"ssh\", or another ssh_interface");
        }
        CommunicatorChoice::Ssh(ssh) if !matches!(ssh.via, Via::Direct) => {
            let detail = "it is a way of its own: leave out the bastion or the proxy";
            fields.error_at("ssh_interface", "Session Manager beside a bastion or a proxy", detail);
        }
        CommunicatorChoice::Ssh(_) => {}
    }
    if run.iam_instance_profile.is_empty() && run.temporary_iam_instance_profile_policy_document.is_none() {
        let detail = "the instance must be allowed to talk to Systems Manager; set iam_instance_profile or \
                      temporary_iam_instance_profile_policy_document";
        fields.error_at("ssh_interface", "Session Manager needs an instance profile", detail);
    }
}
