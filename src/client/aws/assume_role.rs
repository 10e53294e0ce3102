//! Credentials of a role that other credentials may take: the template's `assume_role` block, or a role of a profile.

use std::sync::Arc;
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::Client;
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};

use super::access::AssumeRole;
use super::error::AwsError;
use super::keys::{Keys, Refused, renewing};
use super::oidc::lasts;
use super::without_quota;
use crate::secret::Redactor;

/// A provider that takes the role with the credentials of `config`, again whenever they run out. `from` is what names
/// the role, for people, and `session` the session's name when that gives none.
pub(super) fn provider(
    mut role: AssumeRole,
    (from, session): (&str, &str),
    config: &SdkConfig,
    redactor: Redactor,
) -> SharedCredentialsProvider {
    if role.session_name.is_empty() {
        role.session_name = session.to_owned();
    }
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    let settings = aws_sdk_sts::config::Builder::from(config).retry_partition(without_quota());
    let shared = Arc::new((Client::from_conf(settings.build()), role, from.to_owned(), region, redactor));
    renewing(move || {
        let shared = Arc::clone(&shared);
        async move {
            let (client, role, from, region, redactor) = &*shared;
            assume(client, (role, from), region, redactor).await
        }
    })
}

async fn assume(
    client: &Client,
    (role, from): (&AssumeRole, &str),
    region: &str,
    redactor: &Redactor,
) -> Result<Keys, Refused> {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut request = client
        .assume_role()
        .role_arn(&role.role_arn)
        .role_session_name(&role.session_name)
        .set_duration_seconds(role.duration_seconds)
        .set_external_id(text(&role.external_id))
        .set_policy(text(&role.policy));
    for arn in &role.policy_arns {
        request = request.policy_arns(PolicyDescriptorType::builder().arn(arn).build());
    }
    for (key, value) in &role.tags {
        let tag = Tag::builder().key(key).value(value).build();
        request = request.tags(tag.map_err(|error| Refused(error.to_string()))?);
    }
    for key in &role.transitive_tag_keys {
        request = request.transitive_tag_keys(key);
    }
    let life = (SystemTime::now(), lasts(role.duration_seconds));
    match request.send().await {
        Ok(taken) => Keys::of(taken.credentials(), life, redactor),
        Err(error) => {
            let error = AwsError::of("AssumeRole", region, &error);
            Err(Refused(format!("the role {} could not be taken ({from}): {error}", role.role_arn)))
        }
    }
}
