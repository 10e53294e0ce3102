//! A parameter of Systems Manager's store.

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;

use super::error::AwsError;

/// No `Debug`: it may be a secret.
pub(crate) struct Parameter {
    pub value: String,
    pub version: i64,
    pub arn: String,
}

pub(super) async fn read(config: &SdkConfig, region: &str, name: &str, decrypt: bool) -> Result<Parameter, AwsError> {
    let request = Client::new(config).get_parameter().name(name).with_decryption(decrypt);
    let found = request.send().await.map_err(|error| AwsError::of("GetParameter", region, &error))?;
    let Some(parameter) = found.parameter else {
        return Err(AwsError::Unexpected(format!("GetParameter in {region}: an answer without a parameter")));
    };
    Ok(Parameter {
        value: parameter.value.unwrap_or_default(),
        version: parameter.version,
        arn: parameter.arn.unwrap_or_default(),
    })
}
