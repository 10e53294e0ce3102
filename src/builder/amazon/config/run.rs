//! The instance that a build runs on.

use std::collections::BTreeMap;

use super::network::{self, NetworkOptions};
use super::spot::{self, SpotOptions};
use super::tags;
use crate::aws::filter;
use crate::client::aws::ec2::types::{Filters, MetadataOptions, Placement};
use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;
use crate::run::inputs::Local;

/// Which image a build starts from; all parts must match.
#[derive(Debug, Clone, Default)]
pub(in crate::builder::amazon) struct AmiFilter {
    pub filters: Filters,
    pub owners: Vec<String>,
    pub most_recent: bool,
    pub include_deprecated: bool,
}

/// Options of the instance, named as in templates. Tags are templates still.
#[derive(Debug, Clone, Default)]
pub(in crate::builder::amazon) struct RunOptions {
    pub instance_type: String,
    pub source_ami: String,
    pub source_ami_filter: Option<AmiFilter>,
    pub network: NetworkOptions,
    pub spot: SpotOptions,
    pub iam_instance_profile: String,
    pub skip_profile_validation: bool,
    /// The policy as JSON.
    pub temporary_iam_instance_profile_policy_document: Option<String>,
    pub shutdown_behavior: String,
    pub disable_stop_instance: bool,
    pub ebs_optimized: bool,
    pub enable_nitro_enclave: bool,
    pub enable_unlimited_credits: bool,
    pub user_data: String,
    /// Absolute.
    pub user_data_file: Option<std::path::PathBuf>,
    pub metadata_options: MetadataOptions,
    pub run_tags: BTreeMap<String, String>,
    pub placement: Placement,
    /// ARNs of license configurations.
    pub license_specifications: Vec<String>,
    pub capacity_reservation_preference: String,
    pub capacity_reservation_id: String,
    pub capacity_reservation_group_arn: String,
    pub pause_before_ssm: std::time::Duration,
}

impl RunOptions {
    /// Files beside the template that the instance is given.
    pub(in crate::builder::amazon) fn locals(&self) -> Vec<Local> {
        self.user_data_file.iter().map(Local::bytes).collect()
    }
}

pub(super) fn decode(fields: &mut Fields<'_>) -> RunOptions {
    let run = RunOptions {
        instance_type: fields.text("instance_type").unwrap_or_default(),
        source_ami: fields.text("source_ami").unwrap_or_default(),
        source_ami_filter: ami_filter(fields),
        network: network::decode(fields),
        spot: spot::decode(fields),
        iam_instance_profile: fields.text("iam_instance_profile").unwrap_or_default(),
        skip_profile_validation: fields.flag("skip_profile_validation").unwrap_or(false),
        temporary_iam_instance_profile_policy_document: policy(fields),
        shutdown_behavior: choice(fields, "shutdown_behavior", &["stop", "terminate"]).unwrap_or("stop".to_owned()),
        disable_stop_instance: fields.flag("disable_stop_instance").unwrap_or(false),
        ebs_optimized: fields.flag("ebs_optimized").unwrap_or(false),
        enable_nitro_enclave: fields.flag("enable_nitro_enclave").unwrap_or(false),
        enable_unlimited_credits: unlimited_credits(fields),
        user_data: fields.text("user_data").unwrap_or_default(),
        user_data_file: user_data_file(fields),
        metadata_options: metadata(fields),
        run_tags: tags::decode(fields, "run_tags", "run_tag", "key"),
        placement: placement(fields),
        license_specifications: licenses(fields),
        capacity_reservation_preference: fields.text("capacity_reservation_preference").unwrap_or_default(),
        capacity_reservation_id: fields.text("capacity_reservation_id").unwrap_or_default(),
        capacity_reservation_group_arn: fields.text("capacity_reservation_group_arn").unwrap_or_default(),
        pause_before_ssm: fields.duration("pause_before_ssm").unwrap_or_default(),
    };
    // Session Manager's stream needs no port of ours.
    fields.duration("windows_password_timeout");
    let port = fields.integer("session_manager_port").unwrap_or_default();
    if !(0..=65_535).contains(&port) {
        fields.error_at("session_manager_port", "\"session_manager_port\" is no port", "0 to 65535");
    }
    check_source(fields, &run.source_ami, run.source_ami_filter.as_ref());
    check_type(fields, &run);
    check_user_data(fields, &run);
    with_capacity(fields, run)
}

/// A text that must be one of a few; nothing when it is empty.
pub(super) fn choice(fields: &mut Fields<'_>, name: &'static str, choices: &[&'static str]) -> Option<String> {
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

pub(super) fn ami_filter(fields: &mut Fields<'_>) -> Option<AmiFilter> {
    let block = fields.block("source_ami_filter")?;
    let mut inner = fields.nested(block);
    let found = AmiFilter {
        filters: filter::decode(&mut inner, "key"),
        owners: inner.texts("owners").unwrap_or_default(),
        most_recent: inner.flag("most_recent").unwrap_or(false),
        include_deprecated: inner.flag("include_deprecated").unwrap_or(false),
    };
    inner.finish();
    (!found.filters.is_empty() || !found.owners.is_empty()).then_some(found)
}

/// Something must say which image the build starts from, and whose it is.
pub(super) fn check_source(fields: &mut Fields<'_>, source_ami: &str, filter: Option<&AmiFilter>) {
    if !source_ami.is_empty() {
        return;
    }
    match filter {
        None => fields.push(
            Diagnostic::error("neither \"source_ami\" nor \"source_ami_filter\"")
                .at(fields.block_span())
                .detail("one of them says which image the build starts from"),
        ),
        Some(filter) if filter.owners.is_empty() => fields.push(
            Diagnostic::error("\"source_ami_filter\" without \"owners\"")
                .at(fields.block_span())
                .detail("anybody can publish an image under any name")
                .help("owners = [\"099720109477\"] is Canonical, [\"amazon\"] AWS, [\"self\"] your account"),
        ),
        Some(_) => {}
    }
}

fn check_type(fields: &mut Fields<'_>, run: &RunOptions) {
    if fields.is_unknown("instance_type") || fields.is_unknown("spot_instance_types") {
        return;
    }
    let types = &run.spot.spot_instance_types;
    match (run.instance_type.is_empty(), types.is_empty()) {
        (true, true) => fields.push(
            Diagnostic::error("neither \"instance_type\" nor \"spot_instance_types\"")
                .at(fields.block_span())
                .detail("one of them says what kind of instance is launched"),
        ),
        (false, false) => fields.error_at(
            "spot_instance_types",
            "both \"instance_type\" and \"spot_instance_types\"",
            "put all types into spot_instance_types",
        ),
        _ => {}
    }
    let all = || types.iter().chain(Some(&run.instance_type)).filter(|kind| !kind.is_empty());
    if run.enable_nitro_enclave {
        if run.spot.is_wanted() {
            fields.error_at("enable_nitro_enclave", "a spot instance cannot have an enclave", "remove one of the two");
        }
        if let Some(kind) = all().find(|kind| kind.starts_with('t')) {
            fields.error_at("enable_nitro_enclave", format!("{kind} cannot have an enclave"), "choose another type");
        }
    }
    if run.enable_unlimited_credits {
        const BURSTABLE: [&str; 4] = ["t2.", "t3.", "t3a.", "t4g."];
        if let Some(kind) = all().find(|kind| !BURSTABLE.iter().any(|family| kind.starts_with(family))) {
            let summary = format!("{kind} has no CPU credits");
            fields.error_at("enable_unlimited_credits", summary, "only the families t2, t3, t3a and t4g have");
        }
        if run.spot.is_wanted() && all().any(|kind| kind.starts_with("t2.")) {
            let summary = "a spot instance of the family t2 cannot have unlimited credits";
            fields.error_at("enable_unlimited_credits", summary, "choose t3, or no spot instance");
        }
    }
}

fn unlimited_credits(fields: &mut Fields<'_>) -> bool {
    let old = fields.flag("enable_t2_unlimited").unwrap_or(false);
    if let Some(span) = fields.span_of("enable_t2_unlimited") {
        let warning = Diagnostic::warning("\"enable_t2_unlimited\" is an old name").at(span);
        fields.push(warning.help("write enable_unlimited_credits"));
    }
    fields.flag("enable_unlimited_credits").unwrap_or(false) || old
}

fn user_data_file(fields: &mut Fields<'_>) -> Option<std::path::PathBuf> {
    let given = fields.text("user_data_file").filter(|path| !path.is_empty())?;
    let path = fields.interpolation().cwd.join(given);
    if !fields.is_unknown("user_data_file") && !path.is_file() {
        let detail = format!("{} is not a file", path.display());
        fields.error_at("user_data_file", "the file of user data is not there", detail);
    }
    Some(path)
}

fn check_user_data(fields: &mut Fields<'_>, run: &RunOptions) {
    if !run.user_data.is_empty() && run.user_data_file.is_some() {
        fields.error_at("user_data_file", "both \"user_data\" and \"user_data_file\"", "one of them");
    }
}

/// The policy of the temporary profile, whose names are capitalised in templates as they are in AWS's JSON.
fn policy(fields: &mut Fields<'_>) -> Option<String> {
    let block = fields.block("temporary_iam_instance_profile_policy_document")?;
    let mut inner = fields.nested(block);
    let version = inner.text("Version").filter(|version| !version.is_empty()).unwrap_or("2012-10-17".to_owned());
    let mut statements = Vec::new();
    for block in inner.blocks("Statement") {
        let mut statement = inner.nested(block);
        statements.push(serde_json::json!({
            "Effect": statement.text("Effect").unwrap_or_default(),
            "Action": statement.texts("Action").unwrap_or_default(),
            "Resource": statement.texts("Resource").unwrap_or_default(),
        }));
        statement.finish();
    }
    inner.finish();
    Some(serde_json::json!({ "Version": version, "Statement": statements }).to_string())
}

fn metadata(fields: &mut Fields<'_>) -> MetadataOptions {
    let mut options = MetadataOptions {
        http_endpoint: "enabled".to_owned(),
        http_tokens: "optional".to_owned(),
        hop_limit: Some(1),
        // The account's own default.
        instance_tags: String::new(),
    };
    let Some(block) = fields.block("metadata_options") else { return options };
    let mut inner = fields.nested(block);
    let switch = ["enabled", "disabled"];
    if let Some(given) = choice(&mut inner, "http_endpoint", &switch) {
        options.http_endpoint = given;
    }
    if let Some(given) = choice(&mut inner, "http_tokens", &["optional", "required"]) {
        options.http_tokens = given;
    }
    if let Some(given) = choice(&mut inner, "instance_metadata_tags", &switch) {
        options.instance_tags = given;
    }
    if let Some(given) = inner.integer("http_put_response_hop_limit").filter(|given| *given != 0) {
        if !(1..=64).contains(&given) {
            let summary = "\"http_put_response_hop_limit\" is out of range";
            inner.error_at("http_put_response_hop_limit", summary, "1 to 64");
        }
        options.hop_limit = i32::try_from(given).ok();
    }
    inner.finish();
    options
}

fn placement(fields: &mut Fields<'_>) -> Placement {
    let mut placement = Placement::default();
    let old = choice(fields, "tenancy", &["default", "dedicated", "host"]);
    if let Some(block) = fields.block("placement") {
        let mut inner = fields.nested(block);
        placement.host_resource_group_arn = inner.text("host_resource_group_arn").unwrap_or_default();
        placement.host_id = inner.text("host_id").unwrap_or_default();
        placement.tenancy = choice(&mut inner, "tenancy", &["default", "dedicated", "host"]).unwrap_or_default();
        let (host, group) = (!placement.host_id.is_empty(), !placement.host_resource_group_arn.is_empty());
        if host && group {
            let summary = "both \"host_id\" and \"host_resource_group_arn\"";
            inner.error_at("host_id", summary, "the group chooses the host: one of them");
        }
        if (host || group) && !matches!(placement.tenancy.as_str(), "" | "host") && !inner.is_unknown("tenancy") {
            inner.error_at("tenancy", "a host is named, so the tenancy is \"host\"", "leave it out");
        }
        inner.finish();
    }
    if let Some(old) = old {
        if !placement.tenancy.is_empty() {
            fields.error_at("tenancy", "both \"tenancy\" and \"tenancy\" of the block placement", "keep the block's");
        }
        placement.tenancy = old;
    }
    placement
}

fn licenses(fields: &mut Fields<'_>) -> Vec<String> {
    let mut arns = Vec::new();
    for block in fields.blocks("license_specifications") {
        let mut inner = fields.nested(block);
        if let Some(request) = inner.block("license_configuration_request") {
            let mut request = inner.nested(request);
            arns.extend(request.required_text("license_configuration_arn"));
            request.finish();
        }
        inner.finish();
    }
    arns
}

/// A reservation is named or found by preference, never both; without either none is used.
fn with_capacity(fields: &mut Fields<'_>, mut run: RunOptions) -> RunOptions {
    let preference = run.capacity_reservation_preference.clone();
    let (id, group) = (!run.capacity_reservation_id.is_empty(), !run.capacity_reservation_group_arn.is_empty());
    if id && group {
        let summary = "both \"capacity_reservation_id\" and \"capacity_reservation_group_arn\"";
        fields.error_at("capacity_reservation_id", summary, "one of them");
    }
    if (id || group) && !preference.is_empty() {
        let summary = "\"capacity_reservation_preference\" beside a named reservation";
        fields.error_at("capacity_reservation_preference", summary, "leave it out");
    }
    let known = ["", "none", "open"].contains(&preference.as_str());
    if !known && !fields.is_unknown("capacity_reservation_preference") {
        let summary = format!("{preference:?} is no value of \"capacity_reservation_preference\"");
        fields.error_at("capacity_reservation_preference", summary, "none or open");
    }
    if !id && !group && preference.is_empty() {
        run.capacity_reservation_preference = "none".to_owned();
    }
    run
}
