//! Sessions of users who prove themselves by the code of an MFA device: the template's `mfa_code`.
//!
//! AWS takes a code once. So it is used once in a process, for a session with the user's keys; all connections with the
//! same keys and code share that session, and roles are taken, and taken again, with its keys.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_credential_types::Credentials;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use tokio::sync::OnceCell;

use super::OidcRole;
use super::access::{Access, AssumeRole};
use super::error::AwsError;
use super::keys::{Keys, Refused, refused};
use super::profile::Profiles;
use crate::secret::Redactor;

/// What AWS gives when nobody says how long.
const LIFE: Duration = Duration::from_secs(12 * 3600);

/// Where there is no code for it, and what to do then.
const LEFT_OUT: &str = "leave \"mfa_code\" out, or give keys of a user: \"access_key\" and \"secret_key\", \
                        AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile with keys";

/// A user's keys, and what is known of the way on from there.
#[derive(Clone)]
pub(super) struct User {
    pub keys: Credentials,
    /// Where the keys are from, for people.
    from: String,
    /// The device, and the profile that names it.
    serial: Option<(String, String)>,
    /// Roles of profiles, taken one after the other, each with the profile that names it.
    pub roles: Vec<(AssumeRole, String)>,
}

impl User {
    /// The user who is meant, by the order of all credentials: the template's keys, the template's profile, the action's
    /// role, the environment, the usual profile.
    pub(super) async fn find(access: &Access, oidc: Option<&OidcRole>) -> Result<Self, AwsError> {
        let profiles = Profiles::read(access).await?;
        // A profile that nobody names says nothing of keys that are not its own.
        let named = !access.profile.is_empty() || std::env::var_os("AWS_PROFILE").is_some_and(|name| !name.is_empty());
        let serial = profiles.serial().filter(|_| named);
        let user = |keys, from: &str| Self { keys, from: from.to_owned(), serial: serial.clone(), roles: Vec::new() };
        let environment = EnvironmentVariableCredentialsProvider::new();
        let found = if access.vault_engine.is_some() {
            return Err(no_user("keys that Vault makes are of no user with an MFA device"));
        } else if !access.access_key.is_empty() {
            let token = access.session_token(std::env::var("AWS_SESSION_TOKEN").ok());
            user(Credentials::new(&access.access_key, &access.secret_key, token, None, "template"), "the template")
        } else if oidc.is_some() && access.profile.is_empty() {
            return Err(no_user("the role of aws-role is taken by the workflow's identity, which needs no code"));
        } else if !access.profile.is_empty()
            && let Some(of_profile) = Self::of(&profiles).await?
        {
            of_profile
        } else if let Ok(keys) = environment.provide_credentials().await {
            user(keys, "the environment")
        } else if let Some(of_profile) = Self::of(&profiles).await? {
            of_profile
        } else {
            return Err(no_user(&format!("neither the environment nor a profile {:?} has keys", profiles.selected())));
        };
        match found.keys.session_token() {
            None => Ok(found),
            Some(_) => Err(no_user(&format!(
                "the keys of {} are temporary already (a session token is beside them), and AWS takes no code for those",
                found.from
            ))),
        }
    }

    async fn of(profiles: &Profiles) -> Result<Option<Self>, AwsError> {
        let Some(chain) = profiles.chain().map_err(|why| no_user(&why))? else { return Ok(None) };
        let keys = profiles.keys(&chain).await.map_err(|why| no_user(&why))?;
        let from = format!("the profile {:?}", chain.name);
        Ok(Some(Self { keys, from, serial: profiles.serial(), roles: chain.roles }))
    }
}

fn no_user(why: &str) -> AwsError {
    AwsError::Credentials(format!("no session for \"mfa_code\": {why}; {LEFT_OUT}"))
}

/// What came of a code, once it is known.
type Made = Arc<OnceCell<Result<Keys, Refused>>>;

/// The sessions of a process, by the id of the user's key and the code.
#[derive(Default)]
pub(super) struct Sessions {
    made: Mutex<HashMap<(String, String), Made>>,
    /// Codes may be used; who only looks leaves them for whoever builds.
    used: AtomicBool,
}

impl Sessions {
    pub(super) fn use_codes(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// The keys of the session, made with those of `config` by the first who asks.
    pub(super) async fn get(
        &self,
        user: &User,
        code: &str,
        config: &SdkConfig,
        redactor: &Redactor,
    ) -> Result<SharedCredentialsProvider, AwsError> {
        let failed = |Refused(why): Refused| AwsError::Credentials(why);
        let cell = {
            let mut made = self.made.lock().map_err(|error| AwsError::Unexpected(error.to_string()))?;
            Arc::clone(made.entry((user.keys.access_key_id().to_owned(), code.to_owned())).or_default())
        };
        if !self.used.load(Ordering::Relaxed) {
            return Err(AwsError::Credentials(
                "AWS takes the code of \"mfa_code\" once, and it is left for the build: nothing is asked of AWS with it \
                 here"
                    .to_owned(),
            ));
        }
        let (user, code, config, redactor) = (user.clone(), code.to_owned(), config.clone(), redactor.clone());
        // Whoever waits may give up; what came of the code is kept all the same.
        let work = async move { cell.get_or_init(|| make(&user, &code, &config, &redactor)).await.clone() };
        let made = tokio::spawn(work).await.map_err(|error| AwsError::Unexpected(error.to_string()))?;
        Ok(provider(made.map_err(failed)?))
    }
}

/// A provider of keys that nobody can renew.
fn provider(keys: Keys) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(provide_credentials_fn(move || {
        let given = match keys.ends.duration_since(SystemTime::now()) {
            Ok(_) => Ok(keys.until(keys.ends)),
            Err(_) => Err(refused(Refused(
                "the session that \"mfa_code\" began is over, and a new one needs a new code: start the build again; \
                 what it left is removed by forge sweep"
                    .to_owned(),
            ))),
        };
        std::future::ready(given)
    }))
}

async fn make(user: &User, code: &str, config: &SdkConfig, redactor: &Redactor) -> Result<Keys, Refused> {
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    let serial = match &user.serial {
        Some((serial, _)) => serial.clone(),
        None => device(user, config, &region).await?,
    };
    // A second attempt would bring the same code.
    let once = config.clone().into_builder().retry_config(RetryConfig::disabled()).build();
    let request = aws_sdk_sts::Client::new(&once).get_session_token().serial_number(&serial).token_code(code);
    let asked = SystemTime::now();
    match request.send().await {
        Ok(made) => Keys::of(made.credentials(), (asked, LIFE), redactor),
        Err(error) => {
            let error = AwsError::of("GetSessionToken", &region, &error);
            Err(Refused(explained(user, &serial, &error)))
        }
    }
}

/// The serial number of the user's only device.
async fn device(user: &User, config: &SdkConfig, region: &str) -> Result<String, Refused> {
    let from = &user.from;
    let advice = "name the device that shows the code: mfa_serial = ... in a profile of ~/.aws/config, which is \
                  \"profile\" of the template or AWS_PROFILE";
    let answer = aws_sdk_iam::Client::new(config).list_mfa_devices().send().await.map_err(|error| {
        let error = AwsError::of("ListMFADevices", region, &error);
        Refused(format!("which MFA device the user of the keys of {from} has cannot be asked: {error}\n{advice}"))
    })?;
    let all: Vec<String> = answer.mfa_devices.into_iter().map(|device| device.serial_number).collect();
    // Security keys and passkeys.
    let (silent, shown): (Vec<String>, Vec<String>) = all.into_iter().partition(|serial| serial.contains(":u2f/"));
    match (&shown[..], &silent[..]) {
        ([serial], _) => Ok(serial.clone()),
        ([], []) => Err(Refused(format!(
            "the user of the keys of {from} has no MFA device: assign one, or leave \"mfa_code\" out"
        ))),
        ([], silent) => Err(Refused(format!(
            "the user of the keys of {from} has no MFA device that shows codes ({} is a security key): assign an \
             authenticator app, or leave \"mfa_code\" out",
            silent.join(", ")
        ))),
        (several, _) => Err(Refused(format!(
            "the user of the keys of {from} has several MFA devices: {}\n{advice}",
            several.join(", ")
        ))),
    }
}

/// What AWS's words do not say: what to do.
fn explained(user: &User, serial: &str, error: &AwsError) -> String {
    let by = user.serial.as_ref().map(|(_, profile)| format!(", the mfa_serial of the profile {profile:?}"));
    let by = by.unwrap_or_default();
    let advice = if error.message_has("unable to validate") {
        format!("\nthe device must be one of the user whose keys are those of {}", user.from)
    } else if error.code() == "AccessDenied" && error.message_has("MultiFactorAuthentication") {
        "\na code lasts 30 seconds and is taken once, whichever program brings it: start again with the next one that the \
         device shows; if that is refused too, set the clock of the device"
            .to_owned()
    } else if error.code().is_empty() {
        "\nit is not known whether AWS has seen the code, so it is not sent again: start again with the next one"
            .to_owned()
    } else {
        "\nthe code is not sent again: start again with the next one".to_owned()
    };
    format!("no session for \"mfa_code\" (device {serial}{by}): {error}{advice}")
}
