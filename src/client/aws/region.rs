//! Names of regions, checked before anybody is asked there.

use aws_config::SdkConfig;

use super::error::AwsError;
use super::{Access, CONNECT};

/// Regions that are known to be there. A newer one is found by its address.
const REGIONS: [&str; 34] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];

/// The region that was found.
pub(super) async fn checked(config: &SdkConfig, access: &Access) -> Result<String, AwsError> {
    let Some(region) = config.region().map(ToString::to_string) else {
        return Err(AwsError::Credentials(
            "no AWS region is given; set \"region\" in the source block, the variable AWS_REGION, the input aws-region, or \
             \"region\" of your profile in ~/.aws/config"
                .to_owned(),
        ));
    };
    if !is_region(&region) {
        return Err(AwsError::Credentials(format!("{region:?} is not the name of an AWS region, such as eu-west-1")));
    }
    if !reachable(&region, access).await {
        return Err(AwsError::Credentials(format!(
            "there is no AWS region {region}: {} is not known; correct \"region\"",
            host(&region)
        )));
    }
    Ok(region)
}

/// Whether there is such a region. Without this a slip in its name would be tried again for minutes.
async fn reachable(region: &str, access: &Access) -> bool {
    let given = !access.custom_endpoint_ec2.is_empty()
        || ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2"].iter().any(|name| std::env::var_os(name).is_some());
    if given || REGIONS.contains(&region) || region.starts_with("us-gov-") || region == "us-west-1" {
        return true;
    }
    let look = tokio::net::lookup_host((host(region), 443));
    tokio::time::timeout(CONNECT, look).await.is_ok_and(|found| found.is_ok())
}

/// Where EC2 of a region is.
fn host(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("ec2.{region}.{domain}")
}

/// Whether the text has the form of a region's name: `us-east-1`, `us-gov-west-1`, `cn-north-1`.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = parts.last().is_some_and(|last| !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()));
    parts.len() >= 3 && number && parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}
