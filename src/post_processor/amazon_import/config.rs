//! Options of `amazon-import`.

use std::collections::BTreeMap;

use crate::aws::access;
use crate::client::aws::Access;
use crate::client::aws::wait::Polling;
use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;
use crate::eval::interpolate::Interpolation;

const FORMATS: [&str; 5] = ["ova", "raw", "vmdk", "vhd", "vhdx"];

/// `amazon-import`, decoded. Empty text means "not set".
pub(super) struct ImportConfig {
    pub access: Access,
    pub polling: Polling,
    pub s3_bucket_name: String,
    /// Unrendered.
    pub s3_key_name: String,
    pub s3_encryption: String,
    pub s3_encryption_key: String,
    pub skip_clean: bool,
    pub tags: BTreeMap<String, String>,
    pub ami_name: String,
    pub ami_description: String,
    pub ami_users: Vec<String>,
    pub ami_groups: Vec<String>,
    pub ami_org_arns: Vec<String>,
    pub ami_ou_arns: Vec<String>,
    pub ami_encrypt: bool,
    pub ami_kms_key: String,
    pub imds_support: String,
    pub license_type: String,
    pub role_name: String,
    pub format: String,
    pub architecture: String,
    pub boot_mode: String,
    pub platform: String,
    /// Of the build.
    pub facts: BTreeMap<String, String>,
    pub interpolation: Interpolation,
}

pub(super) fn decode(fields: &mut Fields<'_>) -> Option<ImportConfig> {
    let before = fields.error_count();
    let format = choice(fields, "format", &FORMATS).unwrap_or_else(|| "ova".to_owned());
    let architecture = fields.text("architecture").filter(|given| !given.is_empty());
    let architecture = architecture.unwrap_or_else(|| "x86_64".to_owned());
    let default_mode = if architecture == "arm64" { "uefi" } else { "legacy-bios" };
    let seen = fields.facts_and([]);
    let key = fields.template("s3_key_name", seen.as_ref()).filter(|given| !given.is_empty());
    let config = ImportConfig {
        access: access::decode(fields),
        polling: access::polling(fields),
        s3_bucket_name: fields.required_text("s3_bucket_name").unwrap_or_default(),
        s3_key_name: key.unwrap_or_else(|| format!("packer-import-{{{{timestamp}}}}.{format}")),
        s3_encryption: choice(fields, "s3_encryption", &["AES256", "aws:kms"]).unwrap_or_default(),
        s3_encryption_key: fields.text("s3_encryption_key").unwrap_or_default(),
        skip_clean: fields.flag("skip_clean").unwrap_or(false),
        tags: fields.text_map("tags").unwrap_or_default(),
        ami_name: fields.text("ami_name").unwrap_or_default(),
        ami_description: fields.text("ami_description").unwrap_or_default(),
        ami_users: fields.texts("ami_users").unwrap_or_default(),
        ami_groups: fields.texts("ami_groups").unwrap_or_default(),
        ami_org_arns: fields.texts("ami_org_arns").unwrap_or_default(),
        ami_ou_arns: fields.texts("ami_ou_arns").unwrap_or_default(),
        ami_encrypt: fields.flag("ami_encrypt").unwrap_or(false),
        ami_kms_key: fields.text("ami_kms_key").unwrap_or_default(),
        imds_support: choice(fields, "imds_support", &["v2.0"]).unwrap_or_default(),
        license_type: fields.text("license_type").unwrap_or_default(),
        role_name: fields.text("role_name").unwrap_or_default(),
        boot_mode: choice(fields, "boot_mode", &["legacy-bios", "uefi"]).unwrap_or_else(|| default_mode.to_owned()),
        platform: choice(fields, "platform", &["linux", "windows"]).unwrap_or_default(),
        facts: fields.facts(),
        interpolation: fields.interpolation().clone(),
        format,
        architecture,
    };
    check(fields, &config);
    (fields.error_count() == before).then_some(config)
}

fn check(fields: &mut Fields<'_>, config: &ImportConfig) {
    if config.architecture == "arm64" && config.boot_mode != "uefi" && !fields.is_unknown("boot_mode") {
        fields.error_at("boot_mode", "an image for arm64 boots by UEFI only", "leave boot_mode out");
    }
    if config.boot_mode == "uefi" && config.platform.is_empty() {
        let detail = "AWS does not find it out by itself: linux or windows";
        fields.error_at("platform", "\"platform\" is missing for an image that boots by UEFI", detail);
    }
    if !config.ami_kms_key.is_empty() && !config.ami_encrypt {
        let summary = "\"ami_kms_key\" has no use without encryption";
        fields.error_at("ami_kms_key", summary, "set ami_encrypt = true");
    }
    if !config.s3_encryption_key.is_empty() && config.s3_encryption != "aws:kms" {
        let summary = "\"s3_encryption_key\" has no use without KMS";
        fields.error_at("s3_encryption_key", summary, "set s3_encryption = \"aws:kms\"");
    }
}

fn choice(fields: &mut Fields<'_>, name: &'static str, choices: &[&'static str]) -> Option<String> {
    let given = fields.text(name).filter(|given| !given.is_empty())?;
    if !choices.contains(&given.as_str()) && !fields.is_unknown(name) {
        let diagnostic = Diagnostic::error(format!("{given:?} is no value of \"{name}\""))
            .at_some(fields.span_of(name))
            .detail(format!("one of {}", choices.join(", ")))
            .suggest(&given, choices.iter().copied());
        fields.push(diagnostic);
    }
    Some(given)
}
