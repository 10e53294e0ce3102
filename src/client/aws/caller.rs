//! Whose credentials these are: asked once, before anything is made with them.

use aws_config::SdkConfig;

use super::error::AwsError;
use super::without_quota;

/// Id of the account. Needs no permission.
pub(super) async fn account(config: &SdkConfig, region: &str) -> Result<String, AwsError> {
    let settings = aws_sdk_sts::config::Builder::from(config).retry_partition(without_quota());
    let asked = aws_sdk_sts::Client::from_conf(settings.build()).get_caller_identity().send().await;
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
