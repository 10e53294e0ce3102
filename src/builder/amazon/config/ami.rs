//! What the image is called, where it goes, who may use it.

use std::collections::{BTreeMap, BTreeSet};

use super::tags::{self, SourceFacts};
use crate::eval::fields::Fields;

/// Options of the image that a build makes, named as in templates. Tags and the description are templates still.
#[derive(Debug, Clone, Default)]
pub(in crate::builder::amazon) struct AmiOptions {
    pub ami_name: String,
    pub ami_description: String,
    /// Of images that are registered; CreateImage takes the source's over.
    pub ami_virtualization_type: String,
    pub ami_users: Vec<String>,
    pub ami_groups: Vec<String>,
    pub ami_org_arns: Vec<String>,
    pub ami_ou_arns: Vec<String>,
    pub ami_product_codes: Vec<String>,
    /// Each once. The build region may be among them.
    pub ami_regions: Vec<String>,
    pub skip_region_validation: bool,
    /// Minutes.
    pub snapshot_copy_duration_minutes: Option<i64>,
    pub tags: BTreeMap<String, String>,
    pub snapshot_tags: BTreeMap<String, String>,
    pub snapshot_users: Vec<String>,
    pub snapshot_groups: Vec<String>,
    pub ena_support: Option<bool>,
    pub sriov_support: bool,
    pub force_deregister: bool,
    pub force_delete_snapshot: bool,
    pub encrypt_boot: Option<bool>,
    pub kms_key_id: String,
    pub region_kms_key_ids: BTreeMap<String, String>,
    pub skip_save_build_region: bool,
    pub imds_support: String,
    /// RFC 3339.
    pub deprecate_at: String,
    /// Protected from deregistration; with a cool-down when true.
    pub deregistration_protection: Option<bool>,
}

pub(super) fn decode(fields: &mut Fields<'_>) -> AmiOptions {
    let mut seen = BTreeSet::new();
    let mut regions = fields.texts("ami_regions").unwrap_or_default();
    regions.retain(|region| seen.insert(region.clone()));
    let ami = AmiOptions {
        ami_name: fields.required_text("ami_name").unwrap_or_default(),
        ami_description: fields.template("ami_description", Some(&SourceFacts::stand_in())).unwrap_or_default(),
        ami_virtualization_type: fields.text("ami_virtualization_type").unwrap_or_default(),
        ami_users: fields.texts("ami_users").unwrap_or_default(),
        ami_groups: fields.texts("ami_groups").unwrap_or_default(),
        ami_org_arns: fields.texts("ami_org_arns").unwrap_or_default(),
        ami_ou_arns: fields.texts("ami_ou_arns").unwrap_or_default(),
        ami_product_codes: fields.texts("ami_product_codes").unwrap_or_default(),
        ami_regions: regions,
        skip_region_validation: fields.flag("skip_region_validation").unwrap_or(false),
        snapshot_copy_duration_minutes: fields.integer("snapshot_copy_duration_minutes").filter(|m| *m != 0),
        tags: tags::decode(fields, "tags", "tag", "key"),
        snapshot_tags: tags::decode(fields, "snapshot_tags", "snapshot_tag", "key"),
        snapshot_users: fields.texts("snapshot_users").unwrap_or_default(),
        snapshot_groups: fields.texts("snapshot_groups").unwrap_or_default(),
        ena_support: fields.three_state("ena_support"),
        sriov_support: fields.flag("sriov_support").unwrap_or(false),
        force_deregister: fields.flag("force_deregister").unwrap_or(false),
        force_delete_snapshot: fields.flag("force_delete_snapshot").unwrap_or(false),
        encrypt_boot: fields.three_state("encrypt_boot"),
        kms_key_id: fields.text("kms_key_id").unwrap_or_default(),
        region_kms_key_ids: fields.text_map("region_kms_key_ids").unwrap_or_default(),
        skip_save_build_region: fields.flag("skip_save_build_region").unwrap_or(false),
        imds_support: fields.text("imds_support").unwrap_or_default(),
        deprecate_at: fields.text("deprecate_at").unwrap_or_default(),
        deregistration_protection: protection(fields),
    };
    check_name(fields, &ami.ami_name);
    check_regions(fields, &ami);
    check_keys(fields, &ami);
    check_sharing(fields, &ami);
    check_values(fields, &ami);
    ami
}

fn protection(fields: &mut Fields<'_>) -> Option<bool> {
    let block = fields.block("deregistration_protection")?;
    let mut inner = fields.nested(block);
    let enabled = inner.flag("enabled").unwrap_or(false);
    let cooldown = inner.flag("with_cooldown").unwrap_or(false);
    inner.finish();
    (enabled || cooldown).then_some(cooldown)
}

/// An image that stays in no region would be lost with its build. `region` is the build region as it is written; empty
/// when it comes from elsewhere.
pub(super) fn check_place(fields: &mut Fields<'_>, ami: &AmiOptions, region: &str) {
    if !ami.skip_save_build_region || fields.is_unknown("ami_regions") {
        return;
    }
    let known = !region.is_empty() && !fields.is_unknown("region");
    if !ami.ami_regions.iter().any(|other| !known || other != region) {
        let detail = "it goes from the build region, and ami_regions names no other one; name one there, or remove \
                      skip_save_build_region";
        fields.error_at("skip_save_build_region", "the image would stay in no region", detail);
    }
}

fn check_regions(fields: &mut Fields<'_>, ami: &AmiOptions) {
    if fields.is_unknown("ami_regions") {
        return;
    }
    if ami.ami_regions.iter().any(|region| region.trim().is_empty()) {
        fields.error_at("ami_regions", "\"ami_regions\" has an empty name in it", "regions, such as eu-west-1");
    } else if let Some(name) =
        ami.ami_regions.iter().find(|name| !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
    {
        fields.error_at(
            "ami_regions",
            format!("{name:?} is not the name of a region"),
            "as in eu-west-1, without spaces",
        );
    }
}

fn check_name(fields: &mut Fields<'_>, name: &str) {
    if name.is_empty() || fields.is_unknown("ami_name") {
        return;
    }
    if !(3..=128).contains(&name.len()) {
        let detail = format!("an image's name has 3 to 128 characters, and this one {}", name.len());
        fields.error_at("ami_name", "\"ami_name\" is too short or too long", detail);
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if let Some(bad) = name.chars().find(|c| !allowed(*c)) {
        let detail = format!(
            "{bad:?} is not among letters, digits and ( ) [ ] space . / - ' @ _; the function clean_resource_name \
             replaces such characters"
        );
        fields.error_at("ami_name", "\"ami_name\" holds a character that an image's name cannot have", detail);
    }
}

/// An id, an id of a multi-region key, an alias, or an ARN of one of them.
pub(super) fn is_kms_key(text: &str) -> bool {
    // As the peer: old ids have other lengths.
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let id = |text: &str| hex(text.strip_prefix("mrk-").unwrap_or(text));
    let alias = |text: &str| {
        let named = |c: char| c.is_ascii_alphanumeric() || "/_-:".contains(c);
        text.strip_prefix("alias/").is_some_and(|name| !name.is_empty() && name.chars().all(named))
    };
    match text.strip_prefix("arn:") {
        None => id(text) || alias(text),
        Some(rest) => {
            let parts: Vec<&str> = rest.splitn(5, ':').collect();
            parts.len() == 5
                && parts[0].starts_with("aws")
                && parts[1] == "kms"
                && (parts[4].strip_prefix("key/").is_some_and(id) || alias(parts[4]))
        }
    }
}

fn check_keys(fields: &mut Fields<'_>, ami: &AmiOptions) {
    let encrypts = ami.encrypt_boot == Some(true) || fields.is_unknown("encrypt_boot");
    for (name, given) in [
        ("kms_key_id", !ami.kms_key_id.is_empty()),
        ("region_kms_key_ids", ami.region_kms_key_ids.values().any(|key| !key.is_empty())),
    ] {
        if given && !encrypts {
            fields.error_at(name, format!("\"{name}\" has no use without encryption"), "set encrypt_boot = true");
        }
    }
    if !ami.kms_key_id.is_empty() && !fields.is_unknown("kms_key_id") && !is_kms_key(&ami.kms_key_id) {
        fields.error_at("kms_key_id", format!("{:?} is not the name of a key", ami.kms_key_id), KEY_FORMS);
    }
    if ami.region_kms_key_ids.is_empty() || fields.is_unknown("region_kms_key_ids") || fields.is_unknown("ami_regions")
    {
        return;
    }
    for (region, key) in &ami.region_kms_key_ids {
        if !ami.ami_regions.contains(region) {
            let detail = format!("{region} is not in ami_regions");
            fields.error_at("region_kms_key_ids", "a key for a region without an image", detail);
        }
        if !key.is_empty() && !is_kms_key(key) {
            fields.error_at("region_kms_key_ids", format!("{key:?} is not the name of a key"), KEY_FORMS);
        }
    }
    for region in ami.ami_regions.iter().filter(|region| !ami.region_kms_key_ids.contains_key(*region)) {
        let detail = format!("region_kms_key_ids says nothing of {region}; an empty text there means its default key");
        fields.error_at("ami_regions", "a region without a key", detail);
    }
}

pub(super) const KEY_FORMS: &str = "a key's id, an id that begins with mrk-, alias/NAME, or the ARN of one of them";

/// An image that is encrypted with the account's default key cannot be read by others.
fn check_sharing(fields: &mut Fields<'_>, ami: &AmiOptions) {
    if ami.encrypt_boot != Some(true) {
        return;
    }
    let no_key = ami.kms_key_id.is_empty() && ami.region_kms_key_ids.is_empty();
    let some_default = ami.region_kms_key_ids.values().any(String::is_empty);
    let shares = [
        ("ami_users", &ami.ami_users),
        ("ami_org_arns", &ami.ami_org_arns),
        ("ami_ou_arns", &ami.ami_ou_arns),
        ("snapshot_users", &ami.snapshot_users),
    ];
    for (name, _) in shares.into_iter().filter(|(_, list)| !list.is_empty()) {
        if no_key {
            let detail = "an image encrypted with the account's default key cannot be shared; set kms_key_id";
            fields.error_at(name, format!("\"{name}\" beside encryption without a key of your own"), detail);
        }
        if some_default {
            let detail = "region_kms_key_ids has an empty key, which means the account's default one";
            fields.error_at(name, format!("\"{name}\" beside a region encrypted with the default key"), detail);
        }
    }
}

fn check_values(fields: &mut Fields<'_>, ami: &AmiOptions) {
    if !["", "v2.0"].contains(&ami.imds_support.as_str()) && !fields.is_unknown("imds_support") {
        fields.error_at("imds_support", "\"imds_support\" must be \"v2.0\"", format!("not {:?}", ami.imds_support));
    }
    if !ami.deprecate_at.is_empty()
        && !fields.is_unknown("deprecate_at")
        && chrono::DateTime::parse_from_rfc3339(&ami.deprecate_at).is_err()
    {
        fields.error_at("deprecate_at", "\"deprecate_at\" is not a time", "as in 2030-01-31T12:00:00Z (RFC 3339)");
    }
    if let Some(minutes) = ami.snapshot_copy_duration_minutes
        && (minutes < 15 || minutes % 15 != 0)
    {
        let name = "snapshot_copy_duration_minutes";
        fields.error_at(name, format!("\"{name}\" must be a multiple of 15"), "minutes, 15 at least");
    }
    let others: Vec<&str> = ami.ami_groups.iter().map(String::as_str).filter(|group| *group != "all").collect();
    if !others.is_empty() && !fields.is_unknown("ami_groups") {
        fields.error_at("ami_groups", format!("{:?} is not a group", others[0]), "AWS knows one group: all");
    }
}
