//! Whose credentials a connection has: the template's own keys or profile come first, then the action's role, then what
//! AWS's chain of environment, files and machine roles gives. With a code of an MFA device they are exchanged for a
//! session; roles are taken on top.

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use super::access::Access;
use super::error::AwsError;
use super::oidc::OidcRole;
use super::{assume_role, basics, cache, http, mfa, oidc, patience, profile, vault_engine};
use crate::secret::Redactor;

/// Where the credentials of a connection come from.
pub(super) struct Source<'a> {
    access: &'a Access,
    oidc: Option<&'a OidcRole>,
    /// Whose code of an MFA device is used.
    user: Option<mfa::User>,
    redactor: &'a Redactor,
}

impl<'a> Source<'a> {
    pub(super) async fn find(
        access: &'a Access,
        oidc: Option<&'a OidcRole>,
        redactor: &'a Redactor,
    ) -> Result<Self, AwsError> {
        let written = [&access.secret_key, &access.token, &access.mfa_code].map(String::clone);
        let variables =
            ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"].map(|name| std::env::var(name).unwrap_or_default());
        for secret in written.iter().chain(&variables).filter(|secret| !secret.is_empty()) {
            redactor.add(secret);
        }
        let mut source = Self { access, oidc, user: None, redactor };
        if source.is_profile() {
            profile::check(access).await?;
        }
        if !access.mfa_code.is_empty() {
            let user = mfa::User::find(access, oidc).await?;
            redactor.add(user.keys.secret_access_key());
            source.user = Some(user);
        }
        Ok(source)
    }

    /// The region that comes with it; nothing leaves it to AWS's variables and files.
    pub(super) fn region(&self) -> Option<&str> {
        let of_role = self.oidc.map(|role| role.region.as_str()).unwrap_or_default();
        [self.access.region.as_str(), of_role].into_iter().find(|region| !region.is_empty())
    }

    pub(super) fn has_code(&self) -> bool {
        self.user.is_some()
    }

    /// The profile that the template names is asked for keys.
    fn is_profile(&self) -> bool {
        let access = self.access;
        !access.profile.is_empty() && access.access_key.is_empty() && access.vault_engine.is_none()
    }

    /// What all begins with.
    pub(super) async fn first(&self, loader: ConfigLoader) -> Result<ConfigLoader, AwsError> {
        let access = self.access;
        Ok(if let Some(user) = &self.user {
            loader.credentials_provider(user.keys.clone())
        } else if let Some(engine) = &access.vault_engine {
            loader.credentials_provider(vault_engine::keys(engine, self.redactor).await?)
        } else if !access.access_key.is_empty() {
            let token = access.session_token(std::env::var("AWS_SESSION_TOKEN").ok());
            let keys = Credentials::new(&access.access_key, &access.secret_key, token, None, "template");
            loader.credentials_provider(keys)
        } else if let Some(role) = self.oidc.filter(|_| access.profile.is_empty()) {
            loader.credentials_provider(oidc::provider(role.clone(), basics(access)?, self.redactor.clone()).await)
        } else if access.skip_metadata_api_check {
            loader.credentials_provider(without_metadata(access, self.region()).await?)
        } else {
            loader
        })
    }

    /// What is taken with those: the profile before the environment, the session that a code begins, roles.
    pub(super) async fn on_top(
        &self,
        mut config: SdkConfig,
        region: &str,
        (session, sessions): (&str, &mfa::Sessions),
    ) -> Result<SdkConfig, AwsError> {
        let (access, redactor) = (self.access, self.redactor);
        let with = |config: SdkConfig, provider| {
            config.into_builder().credentials_provider(provider).identity_cache(cache()).build()
        };
        if let (true, None, Some(rest)) = (self.is_profile(), &self.user, config.credentials_provider()) {
            // The SDK asks the environment first.
            let named = profiles(access, &settings(access, Some(region))?);
            let chain = CredentialsProviderChain::first_try("profile", named).or_else("others", rest);
            config = with(config, SharedCredentialsProvider::new(chain));
        }
        if let Some(user) = &self.user {
            let began = sessions.get(user, &access.mfa_code, &config, redactor).await?;
            config = with(config, began);
            for (role, profile) in &user.roles {
                let from = format!("role_arn of the profile {profile:?}");
                let taken = assume_role::provider(role.clone(), (&from, session), &config, redactor.clone());
                config = with(config, taken);
            }
        }
        if let Some(role) = &access.assume_role {
            let taken = assume_role::provider(role.clone(), ("assume_role", session), &config, redactor.clone());
            config = with(config, taken);
        }
        Ok(config)
    }
}

/// The default chain, with a metadata service that is not asked. The chain itself cannot be told of files, so those of
/// the template are asked at the place that profiles have in it: after the environment.
async fn without_metadata(access: &Access, region: Option<&str>) -> Result<CredentialsProviderChain, AwsError> {
    let nowhere = aws_config::imds::Client::builder().max_attempts(1).endpoint("http://127.0.0.1:1");
    let nowhere = nowhere.map_err(|error| AwsError::Unexpected(error.to_string()))?.build();
    let settings = settings(access, region)?;
    let mut rest = DefaultCredentialsChain::builder().configure(settings.clone()).imds_client(nowhere);
    if !access.profile.is_empty() {
        rest = rest.profile_name(&access.profile);
    }
    Ok(CredentialsProviderChain::first_try("environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("profile", profiles(access, &settings))
        .or_else("others", rest.build().await))
}

/// What sources of credentials work with.
fn settings(access: &Access, region: Option<&str>) -> Result<ProviderConfig, AwsError> {
    let (retries, limits) = patience(access);
    let settings = ProviderConfig::without_region().with_region(region.map(|region| Region::new(region.to_owned())));
    let settings = settings.with_retry_config(retries).with_timeout_config(limits);
    Ok(match http::client(access.insecure)? {
        Some(client) => settings.with_http_client(client),
        None => settings,
    })
}

/// The template's profile, or the usual one, of the template's files.
fn profiles(access: &Access, settings: &ProviderConfig) -> ProfileFileCredentialsProvider {
    let mut profiles = ProfileFileCredentialsProvider::builder().configure(settings);
    if !access.profile.is_empty() {
        profiles = profiles.profile_name(&access.profile);
    }
    if let Some(files) = profile::files(access) {
        profiles = profiles.profile_files(files);
    }
    profiles.build()
}
