//! Options of `amazon-instance`.

use std::path::PathBuf;

use super::ami::{self, AmiOptions};
use super::device::{self, LaunchDevice};
use super::ebs;
use super::run::{self, RunOptions};
use crate::aws::access;
use crate::builder::ssh_options::{self, CommunicatorChoice};
use crate::client::aws::Access;
use crate::client::aws::ec2::types::BlockDevice;
use crate::client::aws::wait::Polling;
use crate::eval::fields::Fields;
use crate::eval::interpolate::{Interpolation, data};

/// The peer's: EC2's AMI tools as root.
const BUNDLE_VOLUME: &str = "sudo -i -n ec2-bundle-vol -k {{.KeyPath}} -u {{.AccountId}} -c {{.CertPath}} \
    -r {{.Architecture}} -e {{.PrivatePath}}/* -d {{.Destination}} -p {{.Prefix}} --batch --no-filter";
/// With the token that keys of a role have, which the peer leaves out.
const UPLOAD_BUNDLE: &str = "sudo -i -n ec2-upload-bundle -b {{.BucketName}} -m {{.ManifestPath}} -a {{.AccessKey}} \
    -s {{.SecretKey}} {{if .Token}}-t {{.Token}} {{end}}-d {{.BundleDirectory}} --batch --region {{.Region}} --retry";
/// An instance with a profile has keys of its own.
const UPLOAD_BUNDLE_WITH_PROFILE: &str = "sudo -i -n ec2-upload-bundle -b {{.BucketName}} -m {{.ManifestPath}} \
    -d {{.BundleDirectory}} --batch --region {{.Region}} --retry";

const BUNDLE_FIELDS: [&str; 7] =
    ["KeyPath", "CertPath", "AccountId", "Architecture", "PrivatePath", "Destination", "Prefix"];
const UPLOAD_FIELDS: [&str; 7] =
    ["AccessKey", "SecretKey", "Token", "BucketName", "BundleDirectory", "ManifestPath", "Region"];

/// `amazon-instance`, decoded. Commands are unrendered.
#[derive(Clone)]
pub(in crate::builder::amazon) struct InstanceConfig {
    pub access: Access,
    pub polling: Polling,
    pub ami: AmiOptions,
    pub run: RunOptions,
    pub communicator: CommunicatorChoice,
    pub launch_block_device_mappings: Vec<LaunchDevice>,
    pub ami_block_device_mappings: Vec<BlockDevice>,
    /// Twelve digits.
    pub account_id: String,
    /// A bucket, with a folder in it or without.
    pub s3_bucket: String,
    pub x509_cert_path: PathBuf,
    pub x509_key_path: PathBuf,
    pub x509_upload_path: String,
    pub bundle_destination: String,
    pub bundle_prefix: String,
    pub bundle_vol_command: String,
    pub bundle_upload_command: String,
    pub tpm_support: String,
    pub interpolation: Interpolation,
}

pub(in crate::builder::amazon) fn decode_instance(fields: &mut Fields<'_>) -> Option<InstanceConfig> {
    let before = fields.error_count();
    let run = run::decode(fields);
    let has_profile =
        !run.iam_instance_profile.is_empty() || run.temporary_iam_instance_profile_policy_document.is_some();
    let upload = if has_profile { UPLOAD_BUNDLE_WITH_PROFILE } else { UPLOAD_BUNDLE };
    let config = InstanceConfig {
        access: access::decode(fields),
        polling: access::polling(fields),
        ami: ami::decode(fields),
        run,
        communicator: ssh_options::decode(fields),
        launch_block_device_mappings: device::decode(fields, "launch_block_device_mappings"),
        ami_block_device_mappings: device::decode(fields, "ami_block_device_mappings")
            .into_iter()
            .map(|mapping| mapping.device)
            .collect(),
        account_id: fields.required_text("account_id").unwrap_or_default().replace('-', ""),
        s3_bucket: fields.required_text("s3_bucket").unwrap_or_default(),
        x509_cert_path: file(fields, "x509_cert_path"),
        x509_key_path: file(fields, "x509_key_path"),
        x509_upload_path: given(fields.text("x509_upload_path"), "/tmp"),
        bundle_destination: given(fields.text("bundle_destination"), "/tmp"),
        bundle_prefix: given(fields.text("bundle_prefix"), ""),
        bundle_vol_command: given(
            fields.template("bundle_vol_command", Some(&data(BUNDLE_FIELDS.map(|name| (name, ""))))),
            BUNDLE_VOLUME,
        ),
        bundle_upload_command: given(
            fields.template("bundle_upload_command", Some(&data(UPLOAD_FIELDS.map(|name| (name, ""))))),
            upload,
        ),
        tpm_support: run::choice(fields, "tpm_support", &["v2.0"]).unwrap_or_default(),
        interpolation: fields.interpolation().clone(),
    };
    ami::check_place(fields, &config.ami, &config.access.region);
    let digits = config.account_id.len() == 12 && config.account_id.bytes().all(|b| b.is_ascii_digit());
    if !config.account_id.is_empty() && !digits && !fields.is_unknown("account_id") {
        fields.error_at("account_id", "\"account_id\" is not the number of an account", "as in 1234-5678-9012");
    }
    if matches!(config.communicator, CommunicatorChoice::None { .. }) {
        let detail = "the image is bundled by programs on the instance";
        fields.error_at("communicator", "amazon-instance needs a connection to its instance", detail);
    }
    ebs::check_login(fields, &config.communicator);
    ebs::check_spot(fields, &config.run, config.ami.ena_support, config.ami.sriov_support);
    ebs::check_session_manager(fields, &config.run, &config.communicator);
    (fields.error_count() == before).then_some(config)
}

fn given(text: Option<String>, default: &str) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned())
}

/// A file that must be there.
fn file(fields: &mut Fields<'_>, name: &'static str) -> PathBuf {
    let Some(given) = fields.required_text(name) else { return PathBuf::new() };
    let path = fields.interpolation().cwd.join(given);
    if !fields.is_unknown(name) && !path.is_file() {
        fields.error_at(name, format!("the file of \"{name}\" is not there"), path.display().to_string());
    }
    path
}
