//! Profiles of AWS's files, as far as the SDK's own reading of them does not do: it knows no `mfa_serial`.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::profile::{Profile, ProfileFileCredentialsProvider, ProfileSet, load};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use super::access::{Access, AssumeRole};
use super::error::{AwsError, causes};

/// The files of profiles, when the template names one. The peer reads that as a config file, where a section is called
/// `[profile x]`, and its name promises credentials, where it is called `[x]`: each kind takes the sections of its form.
pub(super) fn files(access: &Access) -> Option<EnvConfigFiles> {
    let given = Some(access.shared_credentials_file.as_str()).filter(|given| !given.is_empty())?;
    let home = std::env::var("HOME").ok().filter(|_| given.starts_with("~/"));
    let path = home.map_or_else(|| given.to_owned(), |home| given.replacen('~', &home, 1));
    let files = EnvConfigFiles::builder().include_default_config_file(true);
    let files = files.with_file(EnvConfigFileKind::Config, &path).with_file(EnvConfigFileKind::Credentials, &path);
    Some(files.build())
}

/// Refuses a profile that no file has: the credentials of somebody else would be found in its place.
pub(super) async fn check(access: &Access) -> Result<(), AwsError> {
    match Profiles::read(access).await?.has(&access.profile) {
        true => Ok(()),
        false => Err(AwsError::Credentials(format!(
            "there is no profile {:?} in AWS's files (~/.aws/config, ~/.aws/credentials, \"shared_credentials_file\"); \
             correct \"profile\", or leave it out where the job signs in otherwise",
            access.profile
        ))),
    }
}

/// The profiles of all files, among them the one that is meant.
pub(super) struct Profiles {
    set: ProfileSet,
    files: EnvConfigFiles,
}

/// What a profile leads to.
#[derive(Debug)]
pub(super) struct Chain {
    base: Base,
    /// The profile that the keys are of.
    pub name: String,
    /// Taken one after the other, each with the profile that names it.
    pub roles: Vec<(AssumeRole, String)>,
}

#[derive(Debug)]
enum Base {
    Keys(Credentials),
    Environment,
    /// A program prints them.
    Process,
}

impl Profiles {
    pub(super) async fn read(access: &Access) -> Result<Self, AwsError> {
        let files = files(access).unwrap_or_default();
        let named = Some(access.profile.clone()).filter(|name| !name.is_empty());
        let set = load(&Fs::real(), &Env::real(), &files, named.map(Into::into)).await;
        let set = set.map_err(|error| AwsError::Credentials(format!("profiles of AWS: {}", causes(&error))))?;
        Ok(Self { set, files })
    }

    /// Whether the files have the profile.
    pub(super) fn has(&self, name: &str) -> bool {
        self.set.get_profile(name).is_some()
    }

    /// The profile of the template, else of `AWS_PROFILE`, else `default`.
    pub(super) fn selected(&self) -> &str {
        self.set.selected_profile()
    }

    /// The device that the selected profile names, or one that it is based on, and which of them.
    pub(super) fn serial(&self) -> Option<(String, String)> {
        let mut seen = Vec::new();
        let mut next = Some(self.selected());
        while let Some(profile) = next.filter(|name| !seen.contains(name)).and_then(|name| self.set.get_profile(name)) {
            if let Some(serial) = set(profile, "mfa_serial") {
                return Some((serial.to_owned(), profile.name().to_owned()));
            }
            seen.push(profile.name());
            next = set(profile, "source_profile");
        }
        None
    }

    /// Where the keys of the selected profile are from, and which roles it takes with them; in the order of the SDK.
    /// Nothing where there is no such profile, or none that says where.
    pub(super) fn chain(&self) -> Result<Option<Chain>, String> {
        let (mut roles, mut seen) = (Vec::new(), Vec::new());
        let mut name = self.selected();
        let base = loop {
            let Some(profile) = self.set.get_profile(name) else {
                let Some(by) = seen.last() else { return Ok(None) };
                return Err(format!("there is no profile {name:?}, the source_profile of {by:?}, in AWS's files"));
            };
            if seen.contains(&name) {
                return Err(format!("the profile {name:?} is its own source_profile, by {:?}", seen.join(", ")));
            }
            let keys = own_keys(profile);
            if let (Some(keys), false) = (&keys, seen.is_empty()) {
                break Base::Keys(keys.clone());
            }
            seen.push(name);
            let Some(role) = role(profile) else {
                match base(profile, keys)? {
                    Some(base) => break base,
                    None if roles.is_empty() => return Ok(None),
                    None => return Err(without_keys(name)),
                }
            };
            roles.push((role, name.to_owned()));
            match (set(profile, "source_profile"), set(profile, "credential_source")) {
                (Some(source), None) if source != name => name = source,
                (Some(_), None) => break keys.map(Base::Keys).ok_or_else(|| without_keys(name))?,
                (None, Some("Environment")) => break Base::Environment,
                (None, Some(source)) => return Err(temporary(name, &format!("credential_source = {source}"))),
                _ => {
                    return Err(format!(
                        "the profile {name:?} has a role_arn, and needs source_profile or credential_source beside it"
                    ));
                }
            }
        };
        roles.reverse();
        Ok(Some(Chain { base, name: name.to_owned(), roles }))
    }

    /// The keys that a chain begins with.
    pub(super) async fn keys(&self, chain: &Chain) -> Result<Credentials, String> {
        let asked = match &chain.base {
            Base::Keys(keys) => return Ok(keys.clone()),
            Base::Environment => EnvironmentVariableCredentialsProvider::new().provide_credentials().await,
            Base::Process => {
                let profile = ProfileFileCredentialsProvider::builder().profile_name(&chain.name);
                profile.profile_files(self.files.clone()).build().provide_credentials().await
            }
        };
        asked.map_err(|error| format!("the profile {:?}: {}", chain.name, causes(&error)))
    }
}

fn set<'a>(profile: &'a Profile, key: &str) -> Option<&'a str> {
    profile.get(key).map(str::trim).filter(|value| !value.is_empty())
}

fn own_keys(profile: &Profile) -> Option<Credentials> {
    let (id, secret) = (set(profile, "aws_access_key_id")?, set(profile, "aws_secret_access_key")?);
    Some(Credentials::new(id, secret, set(profile, "aws_session_token").map(str::to_owned), None, "profile"))
}

fn role(profile: &Profile) -> Option<AssumeRole> {
    let arn = set(profile, "role_arn").filter(|_| set(profile, "web_identity_token_file").is_none())?;
    let text = |key| set(profile, key).unwrap_or_default().to_owned();
    Some(AssumeRole {
        role_arn: arn.to_owned(),
        external_id: text("external_id"),
        session_name: text("role_session_name"),
        ..AssumeRole::default()
    })
}

/// What a profile without another one gives: as in the SDK its own keys come last.
fn base(profile: &Profile, keys: Option<Credentials>) -> Result<Option<Base>, String> {
    for key in ["web_identity_token_file", "sso_session", "sso_start_url", "sso_account_id", "login_session"] {
        if set(profile, key).is_some() {
            return Err(temporary(profile.name(), key));
        }
    }
    match (set(profile, "credential_source"), set(profile, "credential_process"), keys) {
        (Some("Environment"), ..) => Ok(Some(Base::Environment)),
        (Some(source), ..) => Err(temporary(profile.name(), &format!("credential_source = {source}"))),
        (None, Some(_), _) => Ok(Some(Base::Process)),
        (None, None, keys) => Ok(keys.map(Base::Keys)),
    }
}

fn temporary(profile: &str, why: &str) -> String {
    format!("the credentials of the profile {profile:?} are temporary already ({why}), and AWS takes no code for those")
}

fn without_keys(profile: &str) -> String {
    format!("the profile {profile:?} has no aws_access_key_id and aws_secret_access_key")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn profiles(config: &str, name: &'static str) -> Profiles {
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, config).build();
        let set = load(&Fs::real(), &Env::real(), &files, Some(name.into())).await.unwrap();
        Profiles { set, files }
    }

    const CONFIG: &str = "
[profile keys]
aws_access_key_id = AKIAOFKEYS
aws_secret_access_key = s
[profile device]
source_profile = keys
role_arn = arn:aws:iam::1:role/first
mfa_serial = arn:aws:iam::1:mfa/alice
external_id = x
[profile twice]
source_profile = device
role_arn = arn:aws:iam::2:role/second
role_session_name = mine
[profile self]
source_profile = self
role_arn = arn:aws:iam::1:role/own
aws_access_key_id = AKIAOFSELF
aws_secret_access_key = s
[profile of-self]
source_profile = self
role_arn = arn:aws:iam::1:role/other
[profile environment]
credential_source = Environment
role_arn = arn:aws:iam::1:role/other
[profile process]
credential_process = /bin/true
[profile instance]
credential_source = Ec2InstanceMetadata
role_arn = arn:aws:iam::1:role/other
[profile sso]
sso_start_url = https://octo.awsapps.example/start
[profile round]
source_profile = about
role_arn = arn:aws:iam::1:role/other
[profile about]
source_profile = round
role_arn = arn:aws:iam::1:role/other
[profile lost]
source_profile = nowhere
role_arn = arn:aws:iam::1:role/other
[profile empty]
region = eu-west-1
[profile of-empty]
source_profile = empty
role_arn = arn:aws:iam::1:role/other
[profile half]
role_arn = arn:aws:iam::1:role/other
";

    #[tokio::test]
    async fn a_profile_leads_to_keys_and_roles_as_in_the_sdk() {
        for (name, key, of, roles, serial) in [
            ("keys", "AKIAOFKEYS", "keys", &[][..], None),
            ("device", "AKIAOFKEYS", "keys", &["first"], Some("device")),
            ("twice", "AKIAOFKEYS", "keys", &["first", "second"], Some("device")),
            ("self", "AKIAOFSELF", "self", &["own"], None),
            ("of-self", "AKIAOFSELF", "self", &["other"], None),
        ] {
            let profiles = profiles(CONFIG, name).await;
            let chain = profiles.chain().unwrap().unwrap();
            let keys = profiles.keys(&chain).await.unwrap();
            assert_eq!((keys.access_key_id(), chain.name.as_str()), (key, of), "{name}");
            let taken: Vec<&str> =
                chain.roles.iter().map(|(role, _)| role.role_arn.split('/').nth(1).unwrap()).collect();
            assert_eq!(taken, roles, "{name}");
            assert_eq!(profiles.serial().map(|(_, by)| by).as_deref(), serial, "{name}");
        }
        let twice = profiles(CONFIG, "twice").await.chain().unwrap().unwrap();
        let [(first, _), (second, by)] = &twice.roles[..] else { panic!("{twice:?}") };
        assert_eq!((first.external_id.as_str(), first.session_name.as_str()), ("x", ""));
        assert_eq!((second.session_name.as_str(), by.as_str()), ("mine", "twice"));
        for (name, base) in [("environment", "Environment"), ("process", "Process")] {
            let chain = profiles(CONFIG, name).await.chain().unwrap().unwrap();
            assert_eq!(format!("{:?}", chain.base), base);
        }
        for name in ["empty", "unknown"] {
            assert!(profiles(CONFIG, name).await.chain().unwrap().is_none(), "{name}");
        }
        for (name, part) in [
            ("instance", "temporary already (credential_source = Ec2InstanceMetadata)"),
            ("sso", "temporary already (sso_start_url)"),
            ("round", "its own source_profile"),
            ("lost", "there is no profile \"nowhere\", the source_profile of \"lost\","),
            ("of-empty", "the profile \"empty\" has no aws_access_key_id"),
            ("half", "needs source_profile or credential_source"),
        ] {
            let error = profiles(CONFIG, name).await.chain().unwrap_err();
            assert!(error.contains(part), "{name}: {error}");
        }
    }
}
