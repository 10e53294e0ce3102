//! Where the engine is, as the `docker` command finds it: `DOCKER_HOST`, else the context, else the default socket.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::DockerError;

pub(super) const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";

/// An engine's address with the files for its TLS, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub host: String,
    /// Folder with `ca.pem`, `cert.pem` and `key.pem`.
    pub tls: Option<PathBuf>,
}

/// The parts of the environment that matter here; a plain value so that tests can make one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    pub docker_host: Option<String>,
    pub docker_context: Option<String>,
    pub tls_verify: bool,
    pub cert_path: Option<PathBuf>,
    /// `DOCKER_CONFIG`, else `~/.docker`.
    pub config_dir: Option<PathBuf>,
}

impl Environment {
    pub(crate) fn of_process() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            tls_verify: text("DOCKER_TLS_VERIFY").is_some() || text("DOCKER_TLS").is_some(),
            cert_path: text("DOCKER_CERT_PATH").map(PathBuf::from),
            config_dir: text("DOCKER_CONFIG")
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(text("HOME")?).join(".docker"))),
        }
    }
}

/// The engine that the environment names.
pub(super) fn current(env: &Environment) -> Result<Endpoint, DockerError> {
    if let Some(host) = &env.docker_host {
        return Ok(from_host(host, env));
    }
    let name = env.docker_context.clone().or_else(|| configured_context(env.config_dir.as_deref()?));
    match name.as_deref() {
        None | Some("default") => Ok(from_host(DEFAULT_HOST, env)),
        Some(name) => {
            contexts(env).into_iter().find(|(known, _)| known == name).map(|(_, endpoint)| endpoint).ok_or_else(|| {
                DockerError::Address(format!(
                    "the Docker context {name:?} does not exist; \"docker context ls\" lists them"
                ))
            })
        }
    }
}

/// The endpoint whose address is `host`: a resource knows only that, so TLS files are looked up again.
pub(super) fn for_host(host: &str, env: &Environment) -> Endpoint {
    match current(env) {
        Ok(endpoint) if endpoint.host == host => endpoint,
        _ => contexts(env)
            .into_iter()
            .map(|(_, endpoint)| endpoint)
            .find(|endpoint| endpoint.host == host)
            .unwrap_or_else(|| from_host(host, env)),
    }
}

fn from_host(host: &str, env: &Environment) -> Endpoint {
    let tls = (env.tls_verify && !host.starts_with("unix://"))
        .then(|| env.cert_path.clone().or_else(|| env.config_dir.clone()))
        .flatten();
    Endpoint { host: host.to_owned(), tls }
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

fn configured_context(config_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(config_dir.join("config.json")).ok()?;
    let file: ConfigFile = serde_json::from_str(&text).ok()?;
    file.current_context.filter(|name| !name.is_empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    endpoints: std::collections::BTreeMap<String, MetaEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetaEndpoint {
    host: Option<String>,
}

/// Every stored context; its folder is named by the SHA-256 of its name, for the metadata and for the TLS files.
fn contexts(env: &Environment) -> Vec<(String, Endpoint)> {
    let Some(root) = env.config_dir.as_ref().map(|dir| dir.join("contexts")) else { return Vec::new() };
    let Ok(folders) = std::fs::read_dir(root.join("meta")) else { return Vec::new() };
    let mut found: Vec<_> = folders
        .flatten()
        .filter_map(|folder| {
            let text = std::fs::read_to_string(folder.path().join("meta.json")).ok()?;
            let mut meta: Meta = serde_json::from_str(&text).ok()?;
            let host = meta.endpoints.remove("docker")?.host?;
            let tls = root.join("tls").join(folder.file_name()).join("docker");
            Some((meta.name, Endpoint { host, tls: tls.is_dir().then_some(tls) }))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_context(dir: &Path) -> Environment {
        let meta = dir.join("contexts/meta/abc");
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::create_dir_all(dir.join("contexts/tls/abc/docker")).unwrap();
        let text =
            r#"{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://far:2376","SkipTLSVerify":false}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        std::fs::write(dir.join("config.json"), r#"{"currentContext":"far"}"#).unwrap();
        Environment { config_dir: Some(dir.to_owned()), ..Environment::default() }
    }

    #[test]
    fn host_wins_over_context_and_context_over_default() {
        let dir = tempfile::tempdir().unwrap();
        let mut env = with_context(dir.path());
        let far = current(&env).unwrap();
        assert_eq!(far.host, "tcp://far:2376");
        assert_eq!(far.tls, Some(dir.path().join("contexts/tls/abc/docker")));
        assert_eq!(
            for_host("tcp://far:2376", &Environment { docker_context: Some("default".into()), ..env.clone() }),
            far
        );
        env.docker_context = Some("default".to_owned());
        assert_eq!(current(&env).unwrap().host, DEFAULT_HOST);
        env.docker_context = Some("gone".to_owned());
        assert!(current(&env).unwrap_err().to_string().contains("gone"));
        env.docker_host = Some("tcp://here:2376".to_owned());
        assert_eq!(current(&env).unwrap(), Endpoint { host: "tcp://here:2376".into(), tls: None });
        env.tls_verify = true;
        assert_eq!(current(&env).unwrap().tls, env.config_dir);
    }
}
