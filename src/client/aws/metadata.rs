//! What the metadata service of EC2 tells a program about the instance that it runs on.

use aws_config::imds::Client;
use serde::Deserialize;

use super::error::AwsError;

/// The instance that we run on.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    pub instance_id: String,
    pub region: String,
    pub availability_zone: String,
}

/// Asks the service at its usual address, or at that of `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
pub(crate) async fn identity() -> Result<Identity, AwsError> {
    let failed = |reason: String| {
        AwsError::Credentials(format!(
            "this builder runs on an EC2 instance and asks its metadata service who that is: {reason}; run it on one \
             (a self-hosted runner, say), with metadata enabled"
        ))
    };
    let answer = Client::builder().build().get("/latest/dynamic/instance-identity/document").await;
    let document =
        answer.map_err(|error| failed(aws_smithy_types::error::display::DisplayErrorContext(&error).to_string()))?;
    serde_json::from_str(document.as_ref()).map_err(|error| failed(error.to_string()))
}
