//! Parameters of Systems Manager's store.

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

/// The id of the image that a parameter names; nothing where there is no such parameter.
pub(super) async fn image(config: &SdkConfig, region: &str, name: &str) -> Result<Option<String>, AwsError> {
    match read(config, region, name, false).await {
        Ok(found) => Ok(Some(found.value)),
        Err(error) if error.is(&["ParameterNotFound"]) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a parameter name an image. Of this type a launch template can take it, and AWS looks whether there is such an
/// image.
pub(super) async fn set_image(config: &SdkConfig, region: &str, name: &str, id: &str) -> Result<(), AwsError> {
    let request = Client::new(config).put_parameter().name(name).value(id).overwrite(true);
    let request = request.r#type(aws_sdk_ssm::types::ParameterType::String).data_type("aws:ec2:image");
    request.send().await.map(drop).map_err(|error| AwsError::of("PutParameter", region, &error))
}
