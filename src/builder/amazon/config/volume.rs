//! Options of `amazon-ebsvolume`.

use std::collections::BTreeMap;

use super::device::{self, LaunchDevice};
use super::run::{self, RunOptions};
use super::{ebs, tags};
use crate::aws::access;
use crate::builder::ssh_options::{self, CommunicatorChoice};
use crate::client::aws::Access;
use crate::client::aws::wait::Polling;
use crate::eval::fields::Fields;
use crate::eval::interpolate::Interpolation;

/// A volume that the build fills. Tags are templates still.
#[derive(Clone)]
pub(in crate::builder::amazon) struct FilledVolume {
    pub device: LaunchDevice,
    pub tags: BTreeMap<String, String>,
    pub snapshot_volume: bool,
    pub snapshot_description: String,
    pub snapshot_tags: BTreeMap<String, String>,
    pub snapshot_users: Vec<String>,
    pub snapshot_groups: Vec<String>,
}

impl FilledVolume {
    /// Whether it outlives the instance, and so is what the build makes.
    pub(in crate::builder::amazon) fn stays(&self) -> bool {
        self.device.device.delete_on_termination != Some(true)
    }
}

/// `amazon-ebsvolume`, decoded.
#[derive(Clone)]
pub(in crate::builder::amazon) struct VolumeConfig {
    pub access: Access,
    pub polling: Polling,
    pub run: RunOptions,
    pub communicator: CommunicatorChoice,
    pub ena_support: Option<bool>,
    pub sriov_support: bool,
    pub volumes: Vec<FilledVolume>,
    /// Unrendered.
    pub run_volume_tags: BTreeMap<String, String>,
    pub interpolation: Interpolation,
}

pub(in crate::builder::amazon) fn decode_volume(fields: &mut Fields<'_>) -> Option<VolumeConfig> {
    let before = fields.error_count();
    let config = VolumeConfig {
        access: access::decode(fields),
        polling: access::polling(fields),
        run: run::decode(fields),
        communicator: ssh_options::decode(fields),
        ena_support: fields.three_state("ena_support"),
        sriov_support: fields.flag("sriov_support").unwrap_or(false),
        volumes: volumes(fields),
        run_volume_tags: tags::decode(fields, "run_volume_tags", "run_volume_tag", "key"),
        interpolation: fields.interpolation().clone(),
    };
    if config.volumes.is_empty() && !fields.is_set("ebs_volumes") {
        let span = fields.block_span();
        let warning = crate::diagnostic::Diagnostic::warning("no ebs_volumes block").at(span);
        fields.push(warning.detail("the build makes nothing that stays"));
    }
    ebs::check_login(fields, &config.communicator);
    ebs::check_spot(fields, &config.run, config.ena_support, config.sriov_support);
    ebs::check_session_manager(fields, &config.run, &config.communicator);
    (fields.error_count() == before).then_some(config)
}

fn volumes(fields: &mut Fields<'_>) -> Vec<FilledVolume> {
    let mut volumes = Vec::new();
    for block in fields.blocks("ebs_volumes") {
        let mut inner = fields.nested(block);
        let mut device = device::decode_one(&mut inner);
        // What stays is kept when the build has succeeded; until then all of them go with the instance.
        device.decided = false;
        volumes.push(FilledVolume {
            device,
            tags: tags::decode(&mut inner, "tags", "tag", "key"),
            snapshot_volume: inner.flag("snapshot_volume").unwrap_or(false),
            snapshot_description: inner.text("snapshot_description").unwrap_or_default(),
            snapshot_tags: tags::decode(&mut inner, "snapshot_tags", "snapshot_tag", "key"),
            snapshot_users: inner.texts("snapshot_users").unwrap_or_default(),
            snapshot_groups: inner.texts("snapshot_groups").unwrap_or_default(),
        });
        inner.finish();
    }
    volumes
}
