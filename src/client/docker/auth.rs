//! Logins for registries: given in the template, else those that `docker login` stored, helpers included.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use super::reference::{HUB, HUB_KEY};
use crate::run::local_command;

/// A helper that asks a key ring or a cloud should answer in seconds; one that waits for a person never will.
const HELPER_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error("could not read {path}: {reason}")]
    Config { path: String, reason: String },
    #[error("the credential helper {program} failed for {server}: {reason}")]
    Helper { program: String, server: String, reason: String },
}

/// A login as the template gives it. The password must be registered with the redactor by who made this.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// Empty for Docker Hub.
    pub server: String,
    pub username: String,
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Login({} at {:?})", self.username, self.server)
    }
}

impl Login {
    /// Whether this login is for the registry of an image.
    pub(crate) fn is_for(&self, registry: &str) -> bool {
        if self.server.is_empty() { registry == HUB } else { registry_of_key(&self.server) == registry }
    }
}

/// What is sent to the engine for one registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub server: String,
    pub username: String,
    pub password: String,
    pub identity_token: String,
    pub registry_token: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({} at {:?})", self.username, self.server)
    }
}

impl Credentials {
    pub(crate) fn of_login(login: &Login) -> Self {
        let server = if login.server.is_empty() { HUB_KEY.to_owned() } else { login.server.clone() };
        Self { server, username: login.username.clone(), password: login.password.clone(), ..Self::default() }
    }

    /// Everything in it that must never be shown.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        [&self.password, &self.identity_token, &self.registry_token]
            .into_iter()
            .map(String::as_str)
            .filter(|s| !s.is_empty())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigFile {
    auths: BTreeMap<String, StoredAuth>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StoredAuth {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

/// The stored login for `registry` (host and port, or `docker.io`), if there is one.
pub(crate) async fn stored(registry: &str, config_dir: Option<&Path>) -> Result<Option<Credentials>, AuthError> {
    let Some(file) = read(config_dir)? else { return Ok(None) };
    let key = if registry == HUB { HUB_KEY } else { registry };
    let helper = file.cred_helpers.get(registry).or_else(|| file.cred_helpers.get(key)).or(file.creds_store.as_ref());
    match helper.filter(|name| !name.is_empty()) {
        Some(name) => ask_helper(name, key).await,
        None => Ok(from_auths(&file.auths, key)),
    }
}

/// Servers for which a login is stored in the file or has a helper of its own.
pub(crate) fn known_servers(config_dir: Option<&Path>) -> Result<Vec<String>, AuthError> {
    let Some(file) = read(config_dir)? else { return Ok(Vec::new()) };
    let mut servers: Vec<String> =
        file.auths.keys().chain(file.cred_helpers.keys()).map(|key| registry_of_key(key)).collect();
    servers.sort();
    servers.dedup();
    Ok(servers)
}

fn read(config_dir: Option<&Path>) -> Result<Option<ConfigFile>, AuthError> {
    let Some(path) = config_dir.map(|dir| dir.join("config.json")) else { return Ok(None) };
    let error = |reason: String| AuthError::Config { path: path.display().to_string(), reason };
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|e| error(e.to_string())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(error(e.to_string())),
    }
}

fn registry_of_key(key: &str) -> String {
    match host_of(key) {
        "index.docker.io" => HUB.to_owned(),
        host => host.to_owned(),
    }
}

/// Keys were written as hosts and as URLs over the years: the exact key wins, then the same host.
fn from_auths(auths: &BTreeMap<String, StoredAuth>, key: &str) -> Option<Credentials> {
    let stored = auths.get(key).or_else(|| {
        let same = auths.iter().find(|(known, _)| host_of(known) == host_of(key));
        same.map(|(_, auth)| auth)
    })?;
    let mut credentials = Credentials {
        server: key.to_owned(),
        username: stored.username.clone(),
        password: stored.password.clone(),
        identity_token: stored.identitytoken.clone(),
        registry_token: stored.registrytoken.clone(),
    };
    if !stored.auth.is_empty() {
        let decoded = STANDARD.decode(stored.auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok())?;
        let (username, password) = decoded.split_once(':')?;
        credentials.username = username.to_owned();
        credentials.password = password.trim_end_matches('\0').to_owned();
    }
    // An entry without contents stands for "the helper has it".
    let empty = credentials.username.is_empty() && credentials.secrets().next().is_none();
    (!empty).then_some(credentials)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// Runs `docker-credential-NAME get` with the server on its stdin.
async fn ask_helper(name: &str, server: &str) -> Result<Option<Credentials>, AuthError> {
    let program = format!("docker-credential-{name}");
    let error = |reason: String| AuthError::Helper { program: program.clone(), server: server.to_owned(), reason };
    let mut command = tokio::process::Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child =
        local_command::starting(|| command.spawn()).map_err(|e| error(format!("could not start it: {e}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read has ended, and says why by itself.
        let _ = stdin.write_all(server.as_bytes()).await;
    }
    let output = tokio::time::timeout(HELPER_LIMIT, child.wait_with_output())
        .await
        .map_err(|_| error(format!("no answer in {} s", HELPER_LIMIT.as_secs())))?
        .map_err(|e| error(e.to_string()))?;
    if !output.status.success() {
        // Helpers report on stdout; "not found" means that there is no login, not that something is wrong.
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        return match text.to_lowercase().contains("credentials not found") {
            true => Ok(None),
            false => Err(error(format!("{}: {}", output.status, text.trim()))),
        };
    }
    // The answer itself is never part of an error: it may hold the secret.
    let answer: HelperAnswer = serde_json::from_slice(&output.stdout)
        .map_err(|_| error("its answer is not what a helper prints".to_owned()))?;
    let mut credentials = Credentials { server: server.to_owned(), ..Credentials::default() };
    if answer.username == "<token>" {
        credentials.identity_token = answer.secret;
    } else {
        credentials.username = answer.username;
        credentials.password = answer.secret;
    }
    Ok((!credentials.username.is_empty() || credentials.secrets().next().is_some()).then_some(credentials))
}

/// Host and port of a server that may be written as a URL.
fn host_of(server: &str) -> &str {
    let rest = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://")).unwrap_or(server);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn look_up(json: &str, registry: &str) -> Option<Credentials> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), json).unwrap();
        stored(registry, Some(dir.path())).await.unwrap()
    }

    #[tokio::test]
    async fn stored_logins_by_key_and_by_host() {
        let json = format!(
            r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{}"}},"https://r.example:5000/v2/":{{"auth":"{}"}},
               "token.example":{{"identitytoken":"t0ken","auth":"{}"}},"empty.example":{{}}}}}}"#,
            STANDARD.encode("hub:p:w"),
            STANDARD.encode("me:secret\0"),
            STANDARD.encode("u:"),
        );
        let hub = look_up(&json, HUB).await.unwrap();
        assert_eq!((hub.username.as_str(), hub.password.as_str()), ("hub", "p:w"));
        let own = look_up(&json, "r.example:5000").await.unwrap();
        assert_eq!((own.username.as_str(), own.password.as_str()), ("me", "secret"));
        assert_eq!(look_up(&json, "token.example").await.unwrap().identity_token, "t0ken");
        assert_eq!(look_up(&json, "empty.example").await, None);
        assert_eq!(look_up(&json, "r.example").await, None);
        assert_eq!(stored(HUB, Some(Path::new("/nowhere"))).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_missing_helper_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), r#"{"credHelpers":{"r.example":"no-such-one"}}"#).unwrap();
        let error = stored("r.example", Some(dir.path())).await.unwrap_err().to_string();
        assert!(error.contains("docker-credential-no-such-one"), "{error}");
        assert_eq!(stored("other.example", Some(dir.path())).await.unwrap(), None);
    }

    #[test]
    fn a_login_is_for_one_registry() {
        let login = |server: &str| Login { server: server.to_owned(), username: "u".into(), password: "p".into() };
        assert!(login("").is_for(HUB) && login(HUB_KEY).is_for(HUB) && !login("").is_for("ghcr.io"));
        assert!(login("ghcr.io").is_for("ghcr.io"));
        assert!(login("http://127.0.0.1:5000/v2/").is_for("127.0.0.1:5000"));
    }
}
