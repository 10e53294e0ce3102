//! Credentials of a role that other credentials may take: the template's `assume_role` block.

use std::sync::Arc;

use aws_config::SdkConfig;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::Client;
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};

use super::access::AssumeRole;
use super::error::AwsError;
use super::oidc::{Refused, credentials, refused};
use crate::secret::Redactor;

/// A provider that takes the role with the credentials of `config`, again whenever they run out. `session` is the
/// session's name when the template gives none.
pub(super) fn provider(
    mut role: AssumeRole,
    session: &str,
    config: &SdkConfig,
    redactor: Redactor,
) -> SharedCredentialsProvider {
    if role.session_name.is_empty() {
        role.session_name = session.to_owned();
    }
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    let shared = Arc::new((Client::new(config), role, region, redactor));
    SharedCredentialsProvider::new(provide_credentials_fn(move || {
        let shared = Arc::clone(&shared);
        async move {
            let (client, role, region, redactor) = &*shared;
            assume(client, role, region, redactor).await.map_err(refused)
        }
    }))
}

async fn assume(
    client: &Client,
    role: &AssumeRole,
    region: &str,
    redactor: &Redactor,
) -> Result<aws_credential_types::Credentials, Refused> {
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
    match request.send().await {
        Ok(taken) => credentials(taken.credentials(), redactor),
        Err(error) => {
            let error = AwsError::of("AssumeRole", region, &error);
            Err(Refused(format!("the role {} could not be taken (assume_role): {error}", role.role_arn)))
        }
    }
}
