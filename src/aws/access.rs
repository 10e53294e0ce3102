//! The access options: credentials, region, endpoint, the role to assume, and `aws_polling`.

use std::time::Duration;

use crate::client::aws::wait::Polling;
use crate::client::aws::{Access, AssumeRole, VaultEngine};
use crate::eval::fields::Fields;

/// Decodes the options of [`Access`].
pub(crate) fn decode(fields: &mut Fields<'_>) -> Access {
    let access = Access {
        access_key: fields.text("access_key").unwrap_or_default(),
        secret_key: fields.text("secret_key").unwrap_or_default(),
        token: fields.text("token").unwrap_or_default(),
        region: fields.text("region").unwrap_or_default(),
        profile: fields.text("profile").unwrap_or_default(),
        shared_credentials_file: fields.text("shared_credentials_file").unwrap_or_default(),
        custom_endpoint_ec2: fields.text("custom_endpoint_ec2").unwrap_or_default(),
        skip_credential_validation: fields.flag("skip_credential_validation").unwrap_or(false),
        skip_metadata_api_check: fields.flag("skip_metadata_api_check").unwrap_or(false),
        decode_authorization_messages: fields.flag("decode_authorization_messages").unwrap_or(false),
        insecure: fields.flag("insecure_skip_tls_verify").unwrap_or(false),
        max_retries: max_retries(fields),
        assume_role: assume_role(fields),
        vault_engine: vault_engine(fields),
        mfa_code: fields.text("mfa_code").unwrap_or_default(),
    };
    if access.vault_engine.is_some() && !access.access_key.is_empty() {
        fields.error_at("access_key", "\"access_key\" beside the block vault_aws_engine", "one of them gives the keys");
    }
    if access.access_key.is_empty() != access.secret_key.is_empty() {
        let written = if access.access_key.is_empty() { "secret_key" } else { "access_key" };
        fields.error_at(written, "\"access_key\" and \"secret_key\" go together", "one of them is empty");
    }
    if !access.mfa_code.is_empty() {
        check_code(&access, fields);
    }
    access
}

/// What can be said of a code before it is used. AWS takes one for keys of a user alone.
fn check_code(access: &Access, fields: &mut Fields<'_>) {
    if access.mfa_code.len() != 6 || !access.mfa_code.bytes().all(|b| b.is_ascii_digit()) {
        let detail = "six digits, as text: a number loses the zeros that it begins with";
        fields.error_at("mfa_code", "\"mfa_code\" is no code of an MFA device", detail);
    }
    if access.vault_engine.is_some() {
        let detail = "keys that Vault makes are of no user with an MFA device; leave one of them out";
        fields.error_at("mfa_code", "\"mfa_code\" beside the block vault_aws_engine", detail);
    }
    if !access.token.is_empty() {
        let detail = "keys with a session token are temporary already, and AWS takes a code for keys of a user alone; \
                      leave one of them out";
        fields.error_at("mfa_code", "\"mfa_code\" beside \"token\"", detail);
    }
}

fn max_retries(fields: &mut Fields<'_>) -> u32 {
    let given = fields.integer("max_retries").unwrap_or_default();
    u32::try_from(given).unwrap_or_else(|_| {
        fields.error_at("max_retries", "\"max_retries\" is out of range", "0 or more; 0 means the default of 10");
        0
    })
}

fn assume_role(fields: &mut Fields<'_>) -> Option<AssumeRole> {
    let block = fields.block("assume_role")?;
    let mut inner = fields.nested(block);
    let seconds = inner.integer("duration_seconds").filter(|seconds| *seconds != 0);
    let role = AssumeRole {
        role_arn: inner.text("role_arn").unwrap_or_default(),
        duration_seconds: seconds.and_then(|seconds| i32::try_from(seconds).ok()),
        external_id: inner.text("external_id").unwrap_or_default(),
        policy: inner.text("policy").unwrap_or_default(),
        policy_arns: inner.texts("policy_arns").unwrap_or_default(),
        session_name: inner.text("session_name").unwrap_or_default(),
        tags: inner.text_map("tags").unwrap_or_default(),
        transitive_tag_keys: inner.texts("transitive_tag_keys").unwrap_or_default(),
    };
    if seconds.is_some_and(|seconds| !(900..=43_200).contains(&seconds)) {
        inner.error_at("duration_seconds", "\"duration_seconds\" is out of range", "900 to 43200 seconds");
    }
    inner.finish();
    (!role.role_arn.is_empty()).then_some(role)
}

fn vault_engine(fields: &mut Fields<'_>) -> Option<VaultEngine> {
    let block = fields.block("vault_aws_engine")?;
    let mut inner = fields.nested(block);
    let engine_name = inner.text("engine_name").unwrap_or_default();
    let engine = VaultEngine {
        name: inner.text("name").unwrap_or_default(),
        role_arn: inner.text("role_arn").unwrap_or_default(),
        ttl: inner.text("ttl").unwrap_or_default(),
        engine_name: if engine_name.is_empty() { "aws".to_owned() } else { engine_name.clone() },
    };
    let asks = [&engine.name, &engine.role_arn, &engine.ttl, &engine_name].iter().any(|text| !text.is_empty());
    if asks && engine.name.is_empty() && !inner.is_unknown("name") {
        inner.error_at("name", "option \"name\" is missing", "the role in Vault that gives the keys");
    }
    inner.finish();
    asks.then_some(engine)
}

/// The block `aws_polling`, completed by the environment's variables.
pub(crate) fn polling(fields: &mut Fields<'_>) -> Polling {
    let mut polling = Polling::default();
    if let Some(block) = fields.block("aws_polling") {
        let mut inner = fields.nested(block);
        let mut number = |name| {
            let given = inner.integer(name).filter(|given| *given != 0)?;
            let number = u32::try_from(given).ok();
            if number.is_none() {
                inner.error_at(name, format!("\"{name}\" is out of range"), "a whole number above 0");
            }
            number
        };
        polling.delay = number("delay_seconds").map(|seconds| Duration::from_secs(seconds.into()));
        polling.attempts = number("max_attempts");
        inner.finish();
    }
    polling.or_environment(|name| std::env::var(name).ok())
}
