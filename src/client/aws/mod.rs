//! AWS: one account reached in one way, and narrow clients of the services that components need.

mod access;
mod accounts;
mod assume_role;
mod caller;
mod credentials;
pub(crate) mod ec2;
mod error;
mod http;
mod iam;
mod keys;
mod metadata;
mod mfa;
mod oidc;
mod parameter;
mod previews;
mod profile;
mod region;
mod registry;
mod release;
mod retry;
mod s3;
mod secret;
mod session;
mod session_name;
mod sweep;
mod vault_engine;
pub(crate) mod wait;

use std::sync::Arc;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_ec2::config::SharedIdentityCache;
use aws_sdk_ec2::config::retry::{RetryPartition, TokenBucket};

pub(crate) use access::{Access, AssumeRole, VaultEngine};
pub(crate) use accounts::Accounts;
pub(crate) use error::AwsError;
pub(crate) use metadata::{Identity, identity};
pub(crate) use oidc::OidcRole;
pub(crate) use previews::Previews;
pub(crate) use s3::{Encryption, Object, S3, Upload};
pub(crate) use session_name::Session;
pub(crate) use sweep::{Found, Wanted};

use crate::run::aws::AwsReach;
use crate::secret::Redactor;
use credentials::Source;
use ec2::Ec2;
use iam::Iam;

/// Attempts of one call when the template does not say, as in the peer.
const ATTEMPTS: u32 = 10;
/// The least of a call that releases something.
const RELEASE_ATTEMPTS: u32 = 15;
/// Longest pause between two attempts.
const BACKOFF: Duration = Duration::from_secs(20);
/// An attempt that takes longer is given up and made again.
const ATTEMPT: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);
/// Credentials are waited for so long, whatever `max_retries` is: longer than an exchange with all its tries.
const CREDENTIALS: Duration = Duration::from_secs(180);

/// An account reached in one way. Cheap to clone; all clones share credentials, which renew themselves.
#[derive(Clone)]
pub(crate) struct Aws {
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Shared {
    config: SdkConfig,
    region: String,
    access: Access,
    /// Among the connections of this run, from 1.
    number: u32,
    /// Id of the account; empty when it was not asked for.
    account: String,
}

impl Aws {
    /// Finds region and source of credentials, and asks whose they are unless the template says not to. `session` is
    /// the name of sessions in which roles are taken that name none.
    async fn connect(
        access: &Access,
        number: u32,
        oidc: Option<&OidcRole>,
        (session, sessions): (&str, &mfa::Sessions),
        redactor: &Redactor,
    ) -> Result<Self, AwsError> {
        let source = Source::find(access, oidc, redactor).await?;
        let mut loader = basics(access)?;
        if let Some(region) = source.region() {
            loader = loader.region(Region::new(region.to_owned()));
        }
        if !access.profile.is_empty() {
            loader = loader.profile_name(&access.profile);
        }
        if let Some(files) = profile::files(access) {
            loader = loader.profile_files(files);
        }
        let config = source.first(loader).await?.load().await;
        let region = region::checked(&config, access).await?;
        let config = source.on_top(config, &region, (session, sessions)).await?;
        let access = Access { region: region.clone(), ..access.clone() };
        let mut aws = Self { shared: Arc::new(Shared { config, region, access, number, account: String::new() }) };
        if aws.shared.access.vault_engine.is_some() {
            vault_engine::wait_until_known(&aws).await?;
        }
        // A sweep of what such a session made has other credentials, so the account must be known; STS has answered.
        if !aws.shared.access.skip_credential_validation || source.has_code() {
            let account = caller::account(&aws.shared.config, aws.region()).await?;
            if let Some(shared) = Arc::get_mut(&mut aws.shared) {
                shared.account = account;
            }
        }
        Ok(aws)
    }

    /// The same with more attempts of each call than a build needs, for releasing: what stays costs money.
    pub(super) fn for_release(&self) -> Self {
        let given = self.shared.config.retry_config().map_or(ATTEMPTS, RetryConfig::max_attempts);
        let config = self.shared.config.to_builder().retry_config(retries(given.max(RELEASE_ATTEMPTS))).build();
        Self { shared: Arc::new(Shared { config, ..Shared::clone(&self.shared) }) }
    }

    /// Id of the account; empty when it was not asked for.
    pub(crate) fn account(&self) -> &str {
        &self.shared.account
    }

    /// The build region.
    pub(crate) fn region(&self) -> &str {
        &self.shared.region
    }

    pub(crate) fn reach(&self, region: &str) -> AwsReach {
        AwsReach {
            endpoint: self.endpoint(region).unwrap_or_default(),
            account: self.shared.account.clone(),
            connection: self.shared.number,
            ..self.shared.access.reach(region)
        }
    }

    /// EC2 of the build region.
    pub(crate) fn ec2(&self) -> Ec2 {
        self.ec2_in(self.region())
    }

    pub(crate) fn ec2_in(&self, region: &str) -> Ec2 {
        let decoder = self.shared.access.decode_authorization_messages.then(|| self.config_in(region));
        Ec2::new(&self.config_in(region), self.endpoint(region), region, decoder.as_ref())
    }

    pub(crate) fn iam(&self) -> Iam {
        Iam::new(&self.shared.config, self.region())
    }

    pub(crate) fn s3(&self, region: &str) -> S3 {
        S3::new(&self.config_in(region), region)
    }

    /// The keys themselves, for a program elsewhere that signs requests: key id, secret and token.
    pub(crate) async fn keys(&self) -> Result<(String, String, String), AwsError> {
        let none = || AwsError::Credentials("there are no AWS credentials to hand over".to_owned());
        let provider = self.shared.config.credentials_provider().ok_or_else(none)?;
        let keys = aws_credential_types::provider::ProvideCredentials::provide_credentials(&provider).await;
        let keys = keys.map_err(|error| AwsError::Credentials(error.to_string()))?;
        let token = keys.session_token().unwrap_or_default().to_owned();
        Ok((keys.access_key_id().to_owned(), keys.secret_access_key().to_owned(), token))
    }

    /// A secret of Secrets Manager; the current version without id and stage.
    pub(crate) async fn secret(&self, name: &str, version: &str, stage: &str) -> Result<secret::Secret, AwsError> {
        secret::read(&self.shared.config, self.region(), name, version, stage).await
    }

    /// User and password for the account's container registries, or for the public one.
    pub(crate) async fn registry_login(&self, public: bool) -> Result<(String, String), AwsError> {
        match public {
            true => registry::public_login(&self.shared.config, self.region()).await,
            false => registry::login(&self.shared.config, self.region()).await,
        }
    }

    /// A parameter of Systems Manager.
    pub(crate) async fn parameter(&self, name: &str, decrypt: bool) -> Result<parameter::Parameter, AwsError> {
        parameter::read(&self.shared.config, self.region(), name, decrypt).await
    }

    /// The image that a parameter of a region names.
    pub(crate) async fn image_parameter(&self, region: &str, name: &str) -> Result<Option<String>, AwsError> {
        parameter::image(&self.config_in(region), region, name).await
    }

    pub(crate) async fn set_image_parameter(&self, region: &str, name: &str, id: &str) -> Result<(), AwsError> {
        parameter::set_image(&self.config_in(region), region, name, id).await
    }

    /// What SDK clients of other services in `region` are made of.
    pub(super) fn config_in(&self, region: &str) -> SdkConfig {
        self.shared.config.clone().into_builder().region(Region::new(region.to_owned())).build()
    }

    /// Address of EC2 in `region`, when it is not AWS's usual one. The template names that of the build region: one
    /// that has this region in its name, such as that of an endpoint in a VPC, exists for no other.
    fn endpoint(&self, region: &str) -> Option<String> {
        let given = Some(&self.shared.access.custom_endpoint_ec2).filter(|given| !given.is_empty())?;
        if region != self.region() && given.contains(self.region()) {
            return None;
        }
        Some(if given.contains("://") { given.clone() } else { format!("https://{given}") })
    }
}

/// What is the same for every way in.
fn basics(access: &Access) -> Result<ConfigLoader, AwsError> {
    let (retries, limits) = patience(access);
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retries)
        .timeout_config(limits)
        .identity_cache(cache());
    Ok(match http::client(access.insecure)? {
        Some(client) => loader.http_client(client),
        None => loader,
    })
}

/// How often a call is tried, and for how long.
fn patience(access: &Access) -> (RetryConfig, TimeoutConfig) {
    let attempts = if access.max_retries == 0 { ATTEMPTS } else { access.max_retries };
    let limits = TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
    (retries(attempts), limits)
}

fn retries(attempts: u32) -> RetryConfig {
    RetryConfig::standard().with_max_attempts(attempts).with_max_backoff(BACKOFF)
}

/// Without the quota of retries that all clients of a region would share: a build that is throttled must not use up the
/// attempts of those beside it, nor of the release. Attempts and pauses bound every call.
fn without_quota() -> RetryPartition {
    RetryPartition::custom("forge").token_bucket(TokenBucket::unlimited()).build()
}

fn cache() -> SharedIdentityCache {
    IdentityCache::lazy().load_timeout(CREDENTIALS).build()
}
