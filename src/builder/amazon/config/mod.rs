//! Options of the Amazon builders: decoding, defaults, and the checks that span several options.

mod ami;
mod chroot;
mod device;
mod ebs;
mod fast_launch;
mod instance;
mod network;
mod run;
mod spot;
mod surrogate;
mod tags;
mod volume;

pub(super) use ami::AmiOptions;
pub(super) use chroot::{ChrootConfig, decode_chroot};
pub(super) use device::LaunchDevice;
pub(super) use ebs::{EbsConfig, decode_ebs};
pub(super) use fast_launch::FastLaunchOptions;
pub(super) use instance::{InstanceConfig, decode_instance};
pub(super) use run::{AmiFilter, RunOptions};
pub(super) use surrogate::{SurrogateConfig, decode_surrogate};
pub(super) use tags::{SourceFacts, render_tags, render_text};
pub(super) use volume::{FilledVolume, VolumeConfig, decode_volume};
