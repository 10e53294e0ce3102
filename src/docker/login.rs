//! Logins at registries: a user and a password, or those that AWS makes for its own.

use crate::client::Services;
use crate::client::docker::Login;
use crate::eval::fields::Fields;
use crate::run::BuildContext;

/// Host of the public registry of AWS.
const PUBLIC: &str = "public.ecr.aws";
/// Where its passwords are made, wherever one is.
#[cfg(feature = "aws")]
const PUBLIC_REGION: &str = "us-east-1";

/// The login options.
#[derive(Debug, Clone)]
pub(crate) enum LoginOptions {
    Plain(Login),
    /// A registry of AWS, and the keys or the profile to ask with.
    Ecr(Ecr),
}

/// No `Debug` of its own parts: it may hold keys.
#[derive(Clone)]
pub(crate) struct Ecr {
    server: String,
    access_key: String,
    secret_key: String,
    token: String,
    profile: String,
    /// The registry is the public one.
    public: bool,
}

impl std::fmt::Debug for Ecr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ecr({:?})", self.server)
    }
}

/// Decodes them; nothing when no login is wanted.
pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<LoginOptions> {
    let plain = fields.flag("login").unwrap_or(false);
    let by_aws = fields.flag("ecr_login").unwrap_or(false);
    let server = fields.text("login_server").unwrap_or_default();
    let username = fields.text("login_username").unwrap_or_default();
    let password = fields.text("login_password").unwrap_or_default();
    let ecr = Ecr {
        server: server.clone(),
        access_key: fields.text("aws_access_key").unwrap_or_default(),
        secret_key: fields.text("aws_secret_key").unwrap_or_default(),
        token: fields.text("aws_token").unwrap_or_default(),
        profile: fields.text("aws_profile").unwrap_or_default(),
        public: fields.flag("aws_force_use_public_ecr").unwrap_or(false) || is_public(&server),
    };
    if !by_aws {
        return plain.then_some(LoginOptions::Plain(Login { server, username, password }));
    }
    if !ecr.public && !fields.is_unknown("login_server") && region(&server).is_none() {
        let detail = "\"ecr_login\" needs it, as in 123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let summary =
            if server.is_empty() { "\"login_server\" is missing" } else { "\"login_server\" is no registry of AWS" };
        fields.error_at("login_server", summary, detail);
    }
    Some(LoginOptions::Ecr(ecr))
}

fn is_public(server: &str) -> bool {
    let host = server.strip_prefix("https://").unwrap_or(server).split('/').next();
    host == Some(PUBLIC)
}

/// The region in the name of a registry of AWS.
fn region(server: &str) -> Option<&str> {
    let host = server.strip_prefix("https://").unwrap_or(server).split('/').next()?;
    let (account, rest) = host.split_once(".dkr.ecr.").or_else(|| host.split_once(".dkr.ecr-fips."))?;
    let (region, domain) = rest.split_once('.')?;
    let numbers = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    (numbers && domain.starts_with("amazonaws.com") && !region.is_empty()).then_some(region)
}

/// What to log in with. Its password is hidden from everything printed from here on. The error says what is missing.
pub(crate) async fn sign_in(
    options: Option<&LoginOptions>,
    services: &Services,
    cx: &BuildContext,
) -> Result<Option<Login>, String> {
    match options {
        None => Ok(None),
        Some(LoginOptions::Plain(login)) => {
            cx.events.redactor().add(&login.password);
            match login.username.is_empty() || login.password.is_empty() {
                true => Err("\"login\" is set, but \"login_username\" or \"login_password\" is empty".to_owned()),
                false => Ok(Some(login.clone())),
            }
        }
        Some(LoginOptions::Ecr(ecr)) => ask_aws(ecr, services, cx).await.map(Some),
    }
}

#[cfg(feature = "aws")]
async fn ask_aws(ecr: &Ecr, services: &Services, cx: &BuildContext) -> Result<Login, String> {
    cx.detail("Fetching ECR credentials...");
    let access = crate::client::aws::Access {
        access_key: ecr.access_key.clone(),
        secret_key: ecr.secret_key.clone(),
        token: ecr.token.clone(),
        profile: ecr.profile.clone(),
        region: if ecr.public { PUBLIC_REGION } else { region(&ecr.server).unwrap_or_default() }.to_owned(),
        ..crate::client::aws::Access::default()
    };
    let redactor = cx.events.redactor();
    let aws = services.aws.get(&access, redactor).await.map_err(|error| error.to_string())?;
    let asked = cx.cancel.unless_stopped(aws.registry_login(ecr.public)).await.map_err(|error| error.to_string())?;
    let (username, password) = asked.map_err(|error| error.to_string())?;
    redactor.add(&password);
    Ok(Login { server: ecr.server.clone(), username, password })
}

#[cfg(not(feature = "aws"))]
async fn ask_aws(ecr: &Ecr, _: &Services, _: &BuildContext) -> Result<Login, String> {
    let Ecr { server, access_key: _, secret_key: _, token: _, profile: _, public: _ } = ecr;
    Err(format!("{server}: this program was built without the feature \"aws\""))
}

/// A login at a registry of AWS, by what the run has; nothing for any other registry.
#[cfg(feature = "aws")]
pub(crate) async fn of_aws(
    server: &str,
    services: &Services,
    redactor: &crate::secret::Redactor,
) -> Result<Option<Login>, String> {
    let public = is_public(server);
    let Some(region) = public.then_some(PUBLIC_REGION).or_else(|| region(server)) else { return Ok(None) };
    let access = crate::client::aws::Access { region: region.to_owned(), ..crate::client::aws::Access::default() };
    let aws = services.aws.get(&access, redactor).await.map_err(|error| error.to_string())?;
    let (username, password) = aws.registry_login(public).await.map_err(|error| error.to_string())?;
    redactor.add(&password);
    Ok(Some(Login { server: server.to_owned(), username, password }))
}

#[cfg(test)]
mod tests {
    use super::region;

    #[test]
    fn a_registry_of_aws_names_its_region() {
        assert_eq!(region("123456789012.dkr.ecr.eu-west-1.amazonaws.com"), Some("eu-west-1"));
        assert_eq!(region("https://123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/"), Some("cn-north-1"));
        for other in ["", "docker.io", "x.dkr.ecr.eu-west-1.amazonaws.com", "123456789012.dkr.ecr.eu-west-1.evil.com"] {
            assert_eq!(region(other), None, "{other}");
        }
    }
}
