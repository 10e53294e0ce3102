//! A secret of Secrets Manager.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;

use super::error::AwsError;

/// No `Debug`: it is a secret.
pub(crate) struct Secret {
    /// Nothing for a binary one.
    pub text: Option<String>,
    pub binary: Option<Vec<u8>>,
    pub version_id: String,
}

pub(super) async fn read(
    config: &SdkConfig,
    region: &str,
    name: &str,
    version: &str,
    stage: &str,
) -> Result<Secret, AwsError> {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let request = Client::new(config)
        .get_secret_value()
        .secret_id(name)
        .set_version_id(given(version))
        .set_version_stage(given(stage));
    let found = request.send().await.map_err(|error| AwsError::of("GetSecretValue", region, &error))?;
    Ok(Secret {
        text: found.secret_string,
        binary: found.secret_binary.map(aws_sdk_secretsmanager::primitives::Blob::into_inner),
        version_id: found.version_id.unwrap_or_default(),
    })
}
