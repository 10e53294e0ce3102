//! Options of components as inputs of an image: evaluated with a frozen clock, in one form whatever they are written
//! like, without what only says how a machine or a registry is reached.

use std::collections::BTreeMap;

use serde_json::json;

use crate::eval::block::Body;
use crate::eval::fields::UNKNOWN;
use crate::eval::functions::STAND_IN;
use crate::eval::interpolate::{Data, Interpolation};
use crate::run::inputs::{Input, Places};
use crate::value::{Kind, Value};

/// How something is reached, with whose rights, how patiently: another such option makes no other image.
const REACH: &[&str] = &[
    "access_key",
    "assume_role",
    "assume_role_with_web_identity",
    "aws_access_key",
    "aws_force_use_public_ecr",
    "aws_polling",
    "aws_profile",
    "aws_secret_key",
    "aws_token",
    "custom_endpoint_ec2",
    "decode_authorization_messages",
    "docker_path",
    "ecr_login",
    "force_delete_snapshot",
    "force_deregister",
    "insecure_skip_tls_verify",
    "login",
    "login_password",
    "login_server",
    "login_username",
    "max_retries",
    "mfa_code",
    "pause_before_connecting",
    "profile",
    "secret_key",
    "shared_credentials_file",
    "skip_credential_validation",
    "skip_metadata_api_check",
    "skip_region_validation",
    "ssh_agent_auth",
    "ssh_certificate_file",
    "ssh_disable_agent_forwarding",
    "ssh_handshake_attempts",
    "ssh_interface",
    "ssh_keep_alive_interval",
    "ssh_password",
    "ssh_private_key_file",
    "ssh_read_write_timeout",
    "ssh_timeout",
    "ssh_wait_timeout",
    "start_retry_timeout",
    "token",
    "vault_aws_engine",
    "pause_after",
];
/// Beginnings of more such names.
const REACH_PREFIXES: &[&str] = &["ssh_bastion_", "ssh_proxy_"];

/// The options of a component; at least one input, so that a component without options counts.
pub(super) fn of(owner: &str, options: &Body, interpolation: &Interpolation, places: &Places) -> Vec<Input> {
    let mut inputs = Vec::new();
    add(&format!("{owner}: "), options, interpolation, places, &mut inputs);
    if inputs.is_empty() {
        inputs.push(Input::text(owner, ""));
    }
    inputs
}

fn add(prefix: &str, options: &Body, interpolation: &Interpolation, places: &Places, inputs: &mut Vec<Input>) {
    let reach =
        |name: &str| REACH.contains(&name) || REACH_PREFIXES.iter().any(|beginning| name.starts_with(beginning));
    let sorted: BTreeMap<&String, _> = options.attrs.iter().filter(|(name, _)| !reach(name)).collect();
    for (name, attr) in sorted.into_iter().filter(|(_, attr)| !attr.value.is_null()) {
        inputs.push(input(format!("{prefix}{name}"), &attr.value, interpolation, places));
    }
    for (at, block) in options.blocks.iter().enumerate().filter(|(_, block)| !reach(&block.kind)) {
        let like = |other: &&crate::eval::block::Block| other.kind == block.kind;
        let (before, all) =
            (options.blocks[..at].iter().filter(like).count(), options.blocks.iter().filter(like).count());
        let number = if all > 1 { format!(" {}", before + 1) } else { String::new() };
        let labels: String = block.labels.iter().map(|label| format!(" {label:?}")).collect();
        let known = inputs.len();
        let inner = format!("{prefix}{}{number}{labels}", block.kind);
        add(&format!("{inner}."), &block.body, interpolation, places, inputs);
        if inputs.len() == known {
            inputs.push(Input::text(inner, ""));
        }
    }
}

fn input(name: String, value: &Value, interpolation: &Interpolation, places: &Places) -> Input {
    match canonical(value, interpolation, places) {
        serde_json::Value::String(text) if text == STAND_IN => Input::secret(name),
        serde_json::Value::String(text) => Input::text(name, text),
        other => Input::text(name, other.to_string()),
    }
}

/// Numbers and truths are texts here, since a component takes either: `"8"` is `8`.
fn canonical(value: &Value, interpolation: &Interpolation, places: &Places) -> serde_json::Value {
    if value.sensitive {
        return json!(STAND_IN);
    }
    let text = |text: &str| places.text(&rendered(text, interpolation));
    match &value.kind {
        Kind::Null(_) => serde_json::Value::Null,
        Kind::Unknown(_) => json!(UNKNOWN),
        Kind::String(written) => json!(text(written)),
        Kind::Number(number) => json!(number.to_string()),
        Kind::Bool(flag) => json!(flag.to_string()),
        Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => {
            items.iter().map(|item| canonical(item, interpolation, places)).collect()
        }
        Kind::Map(_, entries) | Kind::Object(entries) => {
            let entries = entries.iter().map(|(key, item)| (text(key), canonical(item, interpolation, places)));
            entries.collect::<serde_json::Map<_, _>>().into()
        }
    }
}

/// The text as the component sees it. What has fields that only a running component fills in stays as it is written,
/// beside the user variables that it names.
fn rendered(text: &str, interpolation: &Interpolation) -> String {
    if let Ok(rendered) = interpolation.render(text, &Data::Map(BTreeMap::new())) {
        return rendered;
    }
    let variables = interpolation.legacy.iter().flat_map(|legacy| &legacy.variables);
    let named = variables.filter(|(name, _)| text.contains(name.as_str()));
    named.fold(text.to_owned(), |text, (name, value)| format!("{text} [{name} = {value}]"))
}
