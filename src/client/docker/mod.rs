//! The Docker Engine (or what speaks its API, such as Podman): a narrow client with own types in and out.
//!
//! Connected on first use by [`super::Services`]. Long calls have no time limit but watch the build's stop token;
//! calls that create something are never dropped half-way.

mod address;
mod auth;
mod build;
mod container;
mod dockerignore;
mod error;
mod exec;
mod image;
mod reference;
mod spec;
#[cfg(test)]
mod tests;
mod transfer;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use address::Endpoint;
pub(super) use address::Environment;
pub(crate) use auth::{AuthError, Login};
pub(super) use auth::{Credentials, stored};
use bollard::errors::Error as ApiError;
pub(crate) use build::ImageBuild;
pub(crate) use dockerignore::Ignored;
pub(crate) use error::DockerError;
pub(crate) use exec::Exec;
pub(crate) use image::{Image, ImportOptions};
pub(super) use reference::HUB;
pub(crate) use reference::{Reference, ReferenceError, is_image_id};
pub(crate) use spec::{ContainerSpec, MountKind, MountSpec, PortSpec};

use crate::run::BuildContext;
use crate::run::cleanup::{ReleaseError, Released, Resource};

/// The engine's first answer: one that takes longer is not going to build anything.
const FIRST_ANSWER: Duration = Duration::from_secs(15);

/// The client library limits the time to an answer's head; a commit or an upload may take hours. In seconds.
const NO_LIMIT: u64 = u32::MAX as u64;

/// A connection to an engine. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Docker {
    api: bollard::Docker,
    endpoint: Endpoint,
    env: Environment,
    names: Arc<AtomicUsize>,
}

impl Docker {
    /// Connects to the engine that `DOCKER_HOST` or the current context names.
    pub(crate) async fn connect() -> Result<Self, DockerError> {
        let env = Environment::of_process();
        Self::open(address::current(&env)?, env).await
    }

    /// Connects to the engine at `host`, as [`Self::host`] gave it.
    pub(crate) async fn connect_to(host: &str) -> Result<Self, DockerError> {
        let env = Environment::of_process();
        Self::open(address::for_host(host, &env), env).await
    }

    async fn open(endpoint: Endpoint, env: Environment) -> Result<Self, DockerError> {
        let unreachable = |reason: String| DockerError::Unreachable { address: endpoint.host.clone(), reason };
        let api = client(&endpoint)?.map_err(|error| unreachable(connect_reason(&error)))?;
        // The library writes the header in the standard alphabet, the engine reads the URL-safe one: a password
        // with `?` or `~` in the wrong place would not arrive.
        let api = api.with_request_modifier(|mut request| {
            for name in ["x-registry-auth", "x-registry-config"] {
                let Some(value) = request.headers_mut().get_mut(name) else { continue };
                let safe = value.to_str().map(|text| text.replace('+', "-").replace('/', "_").parse());
                if let Ok(Ok(safe)) = safe {
                    *value = safe;
                }
            }
            request
        });
        let api = match tokio::time::timeout(FIRST_ANSWER, api.negotiate_version()).await {
            Ok(api) => api.map_err(|error| unreachable(connect_reason(&error)))?,
            Err(_) => return Err(unreachable(format!("no answer in {} s", FIRST_ANSWER.as_secs()))),
        };
        Ok(Self { api, endpoint, env, names: Arc::default() })
    }

    /// The engine's address: what a [`Resource`] remembers.
    pub(crate) fn host(&self) -> &str {
        &self.endpoint.host
    }

    /// Whether the engine sees our files: only over a socket. One in a container of its own may still not.
    pub(crate) fn is_local(&self) -> bool {
        self.endpoint.host.starts_with("unix://")
    }

    /// A container name of this run that nobody else uses: `forge-<start of the run's id>-<number>`.
    pub(crate) fn new_name(&self, run: &str) -> String {
        let short: String = run.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        format!("forge-{short}-{}", self.names.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Login for an image's registry: the template's if it is for that registry, else the stored one. Its secrets
    /// are registered with the redactor. A helper that fails is a warning: public images need no login.
    async fn credentials(
        &self,
        registry: &str,
        login: Option<&Login>,
        cx: &BuildContext,
    ) -> Result<Option<Credentials>, DockerError> {
        let found = match login.filter(|login| login.is_for(registry)) {
            Some(login) => Some(Credentials::of_login(login)),
            None => {
                if let Some(login) = login {
                    cx.warn(format!("the login for {:?} is not for {registry}, which the image names", login.server));
                }
                match stored(registry, self.env.config_dir.as_deref()).await {
                    Err(error @ AuthError::Helper { .. }) => {
                        cx.warn(format!("{error}; going on without a login"));
                        None
                    }
                    found => found?,
                }
            }
        };
        if let Some(credentials) = &found {
            credentials.secrets().for_each(|secret| cx.events.redactor().add(secret));
        }
        Ok(found)
    }

    /// Removes a container with its volumes, or an image; repeatable.
    pub(crate) async fn release(&self, resource: &Resource) -> Result<Released, ReleaseError> {
        let done = match resource {
            Resource::DockerContainer { name, .. } => self.remove_container(name).await,
            Resource::DockerImage { image, .. } => self.remove_image(image).await,
            other => Err(DockerError::Address(format!("{other} is not the Docker Engine's"))),
        };
        match done {
            Ok(()) => Ok(Released::Removed),
            Err(error) if error.is_not_found() => Ok(Released::Absent),
            Err(error) => Err(ReleaseError::new(resource, error.to_string())),
        }
    }
}

fn client(endpoint: &Endpoint) -> Result<Result<bollard::Docker, ApiError>, DockerError> {
    let version = bollard::API_DEFAULT_VERSION;
    let host = endpoint.host.as_str();
    let scheme = host.split_once("://").map_or("", |(scheme, _)| scheme);
    Ok(match (scheme, &endpoint.tls) {
        ("unix", _) => bollard::Docker::connect_with_unix(host, NO_LIMIT, version),
        ("tcp" | "http", None) => bollard::Docker::connect_with_http(host, NO_LIMIT, version),
        ("tcp" | "https", Some(dir)) => bollard::Docker::connect_with_ssl(
            host,
            &dir.join("key.pem"),
            &dir.join("cert.pem"),
            &dir.join("ca.pem"),
            NO_LIMIT,
            version,
        ),
        ("https", None) => {
            return Err(DockerError::Address(format!(
                "{host} needs certificates: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"
            )));
        }
        ("ssh", _) => {
            return Err(DockerError::Address(format!(
                "the engine's address {host} is reached by SSH, which is not supported; forward its socket with \"ssh -L\" and set DOCKER_HOST"
            )));
        }
        _ => {
            return Err(DockerError::Address(format!(
                "{host:?} is not an engine's address; it starts with unix:// or tcp://"
            )));
        }
    })
}

fn connect_reason(error: &ApiError) -> String {
    match error {
        ApiError::SocketNotFoundError(_) => "there is no such socket".to_owned(),
        other => {
            let reason = error::reason(other);
            match reason.contains("Permission denied") {
                true => format!("{reason}; is this user in the group \"docker\"?"),
                false => reason,
            }
        }
    }
}
