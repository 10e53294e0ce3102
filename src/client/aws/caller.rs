//! Whose credentials these are: asked once, before anything is made with them.

use aws_config::SdkConfig;

use super::error::AwsError;

/// Id of the account. Needs no permission.
pub(super) async fn account(config: &SdkConfig, region: &str) -> Result<String, AwsError> {
    let asked = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let answer = asked.map_err(|error| match AwsError::of("GetCallerIdentity", region, &error) {
        AwsError::Transport { call, region, reason } => AwsError::Transport {
            call,
            region,
            reason: format!("{reason}; where STS cannot be reached, set skip_credential_validation = true"),
        },
        other => other,
    });
    Ok(answer?.account.unwrap_or_default())
}
