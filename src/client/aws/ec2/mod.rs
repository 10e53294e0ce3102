//! EC2 of one region, with own types in and out.

mod convert;
mod fleet;
mod image;
mod import;
mod instance;
mod launch;
mod network;
mod request;
mod snapshot;
mod sweep;
pub(crate) mod types;
mod volume;

use aws_config::{Region, SdkConfig};
use aws_sdk_ec2::Client;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::error::AwsError;
use super::without_quota;

pub(crate) use sweep::Tagged;

/// Codes of a resource that is not there, not any more, or not yet.
pub(super) const NOT_FOUND: [&str; 12] = [
    "InvalidAMIID.NotFound",
    "InvalidAMIID.Unavailable",
    "InvalidGroup.NotFound",
    "InvalidGroupId.Malformed",
    "InvalidInstanceID.NotFound",
    "InvalidKeyPair.NotFound",
    "InvalidLaunchTemplateId.NotFound",
    "InvalidLaunchTemplateName.NotFoundException",
    "InvalidSnapshot.NotFound",
    "InvalidVolume.NotFound",
    "InvalidVpcID.NotFound",
    "InvalidSubnetID.NotFound",
];

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Ec2 {
    client: Client,
    region: String,
    /// Asked what an encoded refusal says, when the template wants it.
    decoder: Option<aws_sdk_sts::Client>,
}

impl Ec2 {
    pub(super) fn new(config: &SdkConfig, endpoint: Option<String>, region: &str, decoder: Option<&SdkConfig>) -> Self {
        let mut settings = aws_sdk_ec2::config::Builder::from(config).region(Region::new(region.to_owned()));
        settings = settings.retry_partition(without_quota());
        settings.set_endpoint_url(endpoint.or_else(|| config.endpoint_url().map(str::to_owned)));
        Self {
            client: Client::from_conf(settings.build()),
            region: region.to_owned(),
            decoder: decoder.map(aws_sdk_sts::Client::new),
        }
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The answer, or what went wrong in words.
    async fn answer<T, E>(
        &self,
        call: &'static str,
        answer: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, AwsError>
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.decoded(AwsError::of(call, &self.region, &error)).await),
        }
    }

    /// Replaces the encoded part of a refusal by what it says. What cannot be decoded stays as it is.
    async fn decoded(&self, mut error: AwsError) -> AwsError {
        const MARK: &str = "Encoded authorization failure message: ";
        let Some(decoder) = self.decoder.as_ref().filter(|_| error.is(&["UnauthorizedOperation"])) else {
            return error;
        };
        if let AwsError::Service { message, .. } = &mut error
            && let Some((words, blob)) = message.split_once(MARK)
        {
            let asked = decoder.decode_authorization_message().encoded_message(blob.trim()).send().await;
            if let Some(said) = asked.ok().and_then(|answer| answer.decoded_message) {
                *message = format!("{words}Authorization failure message: {said}");
            }
        }
        error
    }
}

/// Whether there was something to remove; the codes of [`NOT_FOUND`] say that there was not.
fn removed(done: Result<(), AwsError>) -> Result<bool, AwsError> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.is(&NOT_FOUND) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The text, unless it is empty: empty texts are not sent.
pub(super) fn text(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
