//! The password for AWS's container registries.

use aws_config::SdkConfig;
use aws_sdk_ecr::Client;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::AwsError;

/// User and password, valid for twelve hours.
pub(super) async fn login(config: &SdkConfig, region: &str) -> Result<(String, String), AwsError> {
    let asked = Client::new(config).get_authorization_token().send().await;
    let found = asked.map_err(|error| AwsError::of("GetAuthorizationToken", region, &error))?;
    split(found.authorization_data.unwrap_or_default().into_iter().find_map(|data| data.authorization_token), region)
}

pub(super) async fn public_login(config: &SdkConfig, region: &str) -> Result<(String, String), AwsError> {
    let asked = aws_sdk_ecrpublic::Client::new(config).get_authorization_token().send().await;
    let found = asked.map_err(|error| AwsError::of("GetAuthorizationToken", region, &error))?;
    split(found.authorization_data.and_then(|data| data.authorization_token), region)
}

/// The token is base64 of `user:password`.
fn split(token: Option<String>, region: &str) -> Result<(String, String), AwsError> {
    let wrong = || AwsError::Unexpected(format!("GetAuthorizationToken in {region}: an answer without a password"));
    let text = STANDARD.decode(token.ok_or_else(wrong)?).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(wrong)?;
    let (user, password) = text.split_once(':').ok_or_else(wrong)?;
    Ok((user.to_owned(), password.to_owned()))
}
