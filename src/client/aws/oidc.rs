//! Credentials from the identity that GitHub gives to a workflow: an ID token is exchanged for those of a role.
//!
//! An ID token lives five minutes, credentials an hour or so, a build longer than both. So a fresh token is asked for
//! at each try of an exchange, and credentials renew themselves as long as the job lasts.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{ConfigLoader, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_sdk_sts::Client;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::CONNECT;
use super::error::AwsError;
use super::keys::{Keys, Refused, renewing};
use crate::secret::Redactor;

/// Where the runner's identity service is, and the bearer that it wants.
const REQUEST_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const REQUEST_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// Tries of an exchange, each with a new token, and of asking for one.
const TRIES: u32 = 6;
/// Longest pause after the first try that failed; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// An answer of the identity service, or of STS, is waited for so long: all tries together take two minutes at most.
const PATIENCE: Duration = Duration::from_secs(15);

/// Errors of STS that pass by themselves, beside those of every service.
const PASSING: [&str; 5] =
    ["IDPCommunicationError", "ExpiredTokenException", "InternalFailure", "InternalError", "ServiceUnavailable"];

/// What a role gives when nobody says how long.
const USUAL: Duration = Duration::from_secs(3600);

/// The role that a workflow takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OidcRole {
    pub role_arn: String,
    /// Where builds go that name no region themselves; empty when nobody says.
    pub region: String,
    /// Seconds; nothing for an hour.
    pub duration: Option<i32>,
    pub session_name: String,
}

impl OidcRole {
    /// Where the role is taken: the region, if it is of the role's partition, else the partition's first one.
    pub(crate) fn exchange_region(&self) -> &str {
        let partition = self.role_arn.split(':').nth(1).unwrap_or_default();
        match (partition, self.region.as_str()) {
            ("aws-cn", region) if !region.starts_with("cn-") => "cn-north-1",
            ("aws-us-gov", region) if !region.starts_with("us-gov-") => "us-gov-west-1",
            ("aws", region) if region.is_empty() || region.starts_with("cn-") || region.starts_with("us-gov-") => {
                "us-east-1"
            }
            (_, "") => "us-east-1",
            (_, region) => region,
        }
    }

    /// The audience that the role's partition expects in the token.
    fn audience(&self) -> &'static str {
        match self.role_arn.split(':').nth(1) {
            Some("aws-cn") => "sts.amazonaws.com.cn",
            _ => "sts.amazonaws.com",
        }
    }
}

/// A provider for `role`. The SDK makes one attempt of each exchange, since a further one would bring the same token.
pub(super) async fn provider(role: OidcRole, settings: ConfigLoader, redactor: Redactor) -> SharedCredentialsProvider {
    let limits = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(PATIENCE).build();
    let settings = settings.retry_config(RetryConfig::disabled()).timeout_config(limits);
    let region = Region::new(role.exchange_region().to_owned());
    // The exchange is not signed.
    let config = settings.region(region).no_credentials().load().await;
    let shared = Arc::new((Client::new(&config), role, redactor));
    renewing(move || {
        let shared = Arc::clone(&shared);
        async move {
            let (client, role, redactor) = &*shared;
            exchange(client, role, redactor).await
        }
    })
}

async fn exchange(client: &Client, role: &OidcRole, redactor: &Redactor) -> Result<Keys, Refused> {
    let mut duration = role.duration;
    for tried in 1.. {
        // A new one for each try: retries must not outlive the token.
        let token = id_token(role.audience(), redactor).await?;
        let request = client
            .assume_role_with_web_identity()
            .role_arn(&role.role_arn)
            .role_session_name(&role.session_name)
            .set_duration_seconds(duration)
            .web_identity_token(&token);
        let address = Arc::new(OnceLock::new());
        let seen = Arc::clone(&address);
        let request = request.customize().mutate_request(move |request| drop(seen.set(request.uri().to_owned())));
        let life = (SystemTime::now(), lasts(duration));
        let error = match request.send().await {
            Ok(taken) => return Keys::of(taken.credentials(), life, redactor),
            Err(error) => AwsError::of("AssumeRoleWithWebIdentity", role.exchange_region(), &error),
        };
        if duration.is_some() && error.message_has("MaxSessionDuration") {
            tracing::warn!(?duration, "longer than the role allows, taking an hour at a time");
            duration = None;
            continue;
        }
        if !passes(&error) || tried >= TRIES {
            let address = address.get().map_or("an unknown address", String::as_str);
            return Err(Refused(explained(role, &token, address, &error)));
        }
        tracing::debug!(%error, tried, "exchange tried again");
        pause(tried).await;
    }
    Err(Refused("no exchange was tried".to_owned()))
}

/// Whether another try may do. What has no code is no answer, or none of AWS.
fn passes(error: &AwsError) -> bool {
    error.code().is_empty() || [&PASSING, THROTTLING_ERRORS, TRANSIENT_ERRORS].iter().any(|codes| error.is(codes))
}

/// Waits after try number `tried`, a random part of the time, so that jobs that failed together do not ask together.
async fn pause(tried: u32) {
    let longest = PAUSE * 2_u32.pow(tried.min(8) - 1);
    tokio::time::sleep(longest.mul_f64(rand::random_range(0.5..=1.0))).await;
}

/// How long a role is given, in seconds as they are asked for.
pub(super) fn lasts(duration: Option<i32>) -> Duration {
    duration.and_then(|seconds| u64::try_from(seconds).ok()).map_or(USUAL, Duration::from_secs)
}

/// Asks the runner's identity service for a token.
async fn id_token(audience: &str, redactor: &Redactor) -> Result<String, Refused> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(url), Some(bearer)) = (variable(REQUEST_URL), variable(REQUEST_TOKEN)) else {
        return Err(Refused(no_permission(variable("GITHUB_EVENT_NAME").as_deref())));
    };
    redactor.add(&bearer);
    let failed = |reason: String| Refused(format!("the runner's identity service gave no token: {reason}"));
    let mut url = reqwest::Url::parse(&url).map_err(|error| failed(format!("{REQUEST_URL}: {error}")))?;
    url.query_pairs_mut().append_pair("audience", audience);
    let client = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| failed(error.to_string()))?;
    for tried in 1.. {
        let (passing, reason) = match answered(client.get(url.clone()).bearer_auth(&bearer)).await {
            Ok(Ok(token)) => {
                redactor.add(&token);
                return Ok(token);
            }
            Ok(Err(status)) if status.is_success() => (true, "its answer holds none".to_owned()),
            Ok(Err(status)) => (status.is_server_error() || status.as_u16() == 429, format!("it answered {status}")),
            Err(error) => (true, super::error::causes(&error.without_url())),
        };
        if !passing || tried == TRIES {
            return Err(failed(reason));
        }
        pause(tried).await;
    }
    Err(failed("it was not asked".to_owned()))
}

/// The token of an answer, or the status of one without.
async fn answered(request: reqwest::RequestBuilder) -> Result<Result<String, reqwest::StatusCode>, reqwest::Error> {
    let answer = request.send().await?;
    let status = answer.status();
    if !status.is_success() {
        return Ok(Err(status));
    }
    // Half an answer is none; a page of somebody between us and the service is no JSON.
    let answer: Value = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
    let token = answer.get("value").and_then(Value::as_str).filter(|token| !token.is_empty());
    Ok(token.map(str::to_owned).ok_or(status))
}

fn no_permission(event: Option<&str>) -> String {
    let text = "the job may not ask for an identity token, so the role aws-role cannot be taken; give it the permission \
                in the workflow:\n    permissions:\n      id-token: write\n      contents: read";
    match event {
        Some("pull_request") => format!(
            "{text}\nFor a pull request from a fork GitHub never gives it: build those without AWS (validate only)"
        ),
        Some(_) => text.to_owned(),
        None => format!("{text}\nOutside of GitHub Actions leave --aws-role out and use keys, a profile or SSO"),
    }
}

/// What AWS's words do not say: what to do, and for a refusal what the role's trust policy was asked to accept.
fn explained(role: &OidcRole, token: &str, address: &str, error: &AwsError) -> String {
    let account = role.role_arn.split(':').nth(4).unwrap_or_default();
    let advice = match error.code() {
        "AccessDenied" => format!(
            "\n{}\nthe role must exist in account {account}, and its trust policy must allow \
             sts:AssumeRoleWithWebIdentity for exactly this sub and aud; a job with \"environment:\" has another sub \
             than one without",
            claims(token)
        ),
        "InvalidIdentityToken" | "IDPRejectedClaim" => format!(
            "\n{}\naccount {account} must have an IAM OIDC identity provider for this iss, with this aud among its \
             audiences",
            claims(token)
        ),
        "IDPCommunicationError" => {
            format!("\nin {TRIES} tries AWS did not reach GitHub for the keys that its tokens are signed with")
        }
        "RegionDisabledException" => {
            format!("\nactivate STS for this region in account {account}, or name another one in aws-region")
        }
        "" => {
            format!("\n{TRIES} tries, each at {address}: the runner must reach AWS's STS there, or through its proxy")
        }
        code if THROTTLING_ERRORS.contains(&code) => {
            format!("\n{TRIES} tries were too many for AWS at this moment: start fewer jobs at once")
        }
        _ => String::new(),
    };
    format!("the role {} could not be taken by this workflow: {error}{advice}", role.role_arn)
}

/// What a token says of who asks, without its signature.
fn claims(token: &str) -> String {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok());
    let claims: Value = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let claim = |name: &str| match claims.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "(none)".to_owned(),
    };
    format!("the token said:\n    sub: {}\n    aud: {}\n    iss: {}", claim("sub"), claim("aud"), claim("iss"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_taken_in_its_partition() {
        for (partition, region, expected) in [
            ("aws", "", "us-east-1"),
            ("aws", "eu-west-1", "eu-west-1"),
            ("aws", "cn-north-1", "us-east-1"),
            ("aws-cn", "", "cn-north-1"),
            ("aws-cn", "cn-northwest-1", "cn-northwest-1"),
            ("aws-cn", "eu-west-1", "cn-north-1"),
            ("aws-us-gov", "us-east-1", "us-gov-west-1"),
            ("aws-us-gov", "us-gov-east-1", "us-gov-east-1"),
            ("aws-iso", "us-iso-east-1", "us-iso-east-1"),
        ] {
            let role = OidcRole {
                role_arn: format!("arn:{partition}:iam::1:role/x"),
                region: region.to_owned(),
                duration: None,
                session_name: String::new(),
            };
            assert_eq!(role.exchange_region(), expected, "{partition} {region}");
        }
    }

    #[test]
    fn the_audience_is_that_of_the_partition() {
        let role = |arn: &str| OidcRole {
            role_arn: arn.to_owned(),
            region: String::new(),
            duration: None,
            session_name: String::new(),
        };
        assert_eq!(role("arn:aws:iam::1:role/x").audience(), "sts.amazonaws.com");
        assert_eq!(role("arn:aws-us-gov:iam::1:role/x").audience(), "sts.amazonaws.com");
        assert_eq!(role("arn:aws-cn:iam::1:role/x").audience(), "sts.amazonaws.com.cn");
    }
}
