//! Requests to registries: who asks, and asking again after what may pass.
//!
//! A registry is asked without a login first and says what it wants (`challenge.rs`). What it then took is kept for the
//! next request of the same kind; when it is refused later (tokens live for minutes) it is made anew, once a request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Body, Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;

use super::challenge::Challenge;
use super::error::said;
use super::{RegistryError, Repository};
use crate::client::docker::{Credentials, Login, stored};
use crate::client::web::causes;
use crate::secret::Redactor;

const CONNECT: Duration = Duration::from_secs(10);
/// For all requests but those that carry layers.
const ANSWER: Duration = Duration::from_secs(60);
/// For those.
const LAYER: Duration = Duration::from_secs(3600);
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);
/// A registry that wants us to wait longer is an error: a person can start us again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Of an answer that is read as a whole, in bytes: manifests have at most 4 MiB, lists of tags less.
const LARGEST: usize = 16 << 20;

/// One request.
pub(super) struct Ask<'a> {
    pub method: Method,
    pub url: Url,
    pub repository: &'a Repository,
    pub access: Access<'a>,
    /// For messages: what it is about.
    pub what: String,
    pub headers: Vec<(HeaderName, String)>,
    pub body: Vec<u8>,
    /// It carries a layer, however long that takes.
    pub layer: bool,
}

/// What the request is allowed to do with the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access<'a> {
    Read,
    Write,
    /// Write here, and read there.
    WriteFrom(&'a Repository),
    Delete,
}

impl Access<'_> {
    fn scopes(self, repository: &Repository) -> Vec<String> {
        let scope = |repository: &Repository, actions: &str| format!("repository:{}:{actions}", repository.name);
        match self {
            Self::Read => vec![scope(repository, "pull")],
            Self::Write => vec![scope(repository, "pull,push")],
            Self::WriteFrom(from) => vec![scope(repository, "pull,push"), scope(from, "pull")],
            Self::Delete => vec![scope(repository, "pull,push,delete")],
        }
    }
}

#[derive(Deserialize)]
struct Token {
    #[serde(alias = "access_token")]
    token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct EngineSettings {
    #[serde(default)]
    insecure_registries: Vec<String>,
}

/// Connections and logins.
pub(super) struct Wire {
    client: Client,
    /// For this machine, which no proxy reaches.
    here: Client,
    config_dir: Option<PathBuf>,
    /// Registries that speak plain HTTP, as the engine's own settings name them.
    pub insecure: Vec<String>,
    logins: Mutex<Vec<Login>>,
    /// The header that worked, by registry and scopes.
    known: Mutex<BTreeMap<(String, Vec<String>), HeaderValue>>,
    redactor: Redactor,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl Wire {
    /// Logins are those that are stored in `config_dir`.
    pub(super) fn new(config_dir: Option<PathBuf>, redactor: &Redactor) -> Result<Self, String> {
        let builder = || Client::builder().connect_timeout(CONNECT).referer(false);
        let client = builder().build().map_err(|error| causes(&error))?;
        let here = builder().no_proxy().build().map_err(|error| causes(&error))?;
        let settings = std::fs::read(Path::new("/etc/docker/daemon.json")).ok();
        let settings: Option<EngineSettings> = settings.and_then(|json| serde_json::from_slice(&json).ok());
        let insecure = settings.map(|settings| settings.insecure_registries).unwrap_or_default();
        let (logins, known) = (Mutex::default(), Mutex::default());
        Ok(Self { client, here, config_dir, insecure, logins, known, redactor: redactor.clone() })
    }

    /// Goes before a stored one.
    pub(super) fn add_login(&self, login: Login) {
        self.redactor.add(&login.password);
        self.logins.lock().unwrap_or_else(PoisonError::into_inner).push(login);
    }

    /// The answer to a request that was not refused.
    pub(super) async fn send(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        let (mut attempt, mut asked_for_login) = (1, false);
        loop {
            let (fault, wait) = match self.request(ask).body(ask.body.clone()).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED && !asked_for_login => {
                    asked_for_login = true;
                    self.log_in(ask, &answer).await?;
                    continue;
                }
                Ok(answer) => {
                    let (status, wait) = (answer.status(), retry_after(&answer));
                    let fault = refused(ask, answer).await;
                    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
                        return Err(fault);
                    }
                    (fault, wait)
                }
                Err(error) => (unreachable(ask, error), None),
            };
            let wait = wait.unwrap_or(PAUSE * 2u32.pow(attempt - 1));
            if attempt == ATTEMPTS || wait > LONGEST_PAUSE {
                return Err(fault);
            }
            tracing::debug!(?wait, attempt, "a registry is asked again: {fault}");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Sends what can be read once only, with the login that an earlier request of the same kind had.
    pub(super) async fn stream(&self, ask: &Ask<'_>, body: impl Into<Body>) -> Result<Response, RegistryError> {
        let answer = self.request(ask).body(body).send().await.map_err(|error| unreachable(ask, error))?;
        if answer.status().is_success() { Ok(answer) } else { Err(refused(ask, answer).await) }
    }

    /// The same, as bytes.
    pub(super) async fn bytes(&self, ask: &Ask<'_>) -> Result<Vec<u8>, RegistryError> {
        read(self.send(ask).await?).await.map_err(|reason| invalid(ask, reason))
    }

    fn request(&self, ask: &Ask<'_>) -> RequestBuilder {
        let client = if ask.url.scheme() == "http" { &self.here } else { &self.client };
        let limit = if ask.layer { LAYER } else { ANSWER };
        let mut request = client.request(ask.method.clone(), ask.url.clone()).timeout(limit);
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        // An upload may be sent elsewhere, whose address then carries its own signature.
        let own = ask.repository.url("", &self.insecure).is_ok_and(|own| own.authority() == ask.url.authority());
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&key(ask)).filter(|_| own) {
            Some(login) => request.header(AUTHORIZATION, login),
            None => request,
        }
    }

    /// Makes what the refusal asks for.
    async fn log_in(&self, ask: &Ask<'_>, refusal: &Response) -> Result<(), RegistryError> {
        let headers = refusal.headers().get_all(WWW_AUTHENTICATE);
        let challenges: Vec<Challenge> =
            headers.iter().filter_map(|header| Challenge::parse(header.to_str().ok()?)).collect();
        let bearer = challenges.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
        let Some(challenge) = bearer.or(challenges.first()) else {
            return Err(invalid(ask, "it asks for a login of a kind that is not known here"));
        };
        let credentials = self.credentials(&ask.repository.registry).await?;
        let header = match (challenge, credentials) {
            (Challenge::Basic, None) => {
                let said = "401: it wants a login, and none is stored for it".to_owned();
                return Err(refusal_of(ask, StatusCode::UNAUTHORIZED, said));
            }
            (Challenge::Basic, Some(credentials)) => basic(&credentials),
            (Challenge::Bearer { .. }, Some(Credentials { registry_token, .. })) if !registry_token.is_empty() => {
                format!("Bearer {registry_token}")
            }
            (Challenge::Bearer { realm, service, scope }, credentials) => {
                let asked = (realm.as_str(), service.as_deref(), scope.as_deref());
                format!("Bearer {}", self.token(ask, asked, credentials).await?)
            }
        };
        let Ok(mut header) = HeaderValue::from_str(&header) else {
            return Err(invalid(ask, "its login has characters that cannot be sent"));
        };
        header.set_sensitive(true);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key(ask), header);
        Ok(())
    }

    pub(super) async fn credentials(&self, registry: &str) -> Result<Option<Credentials>, RegistryError> {
        let given = {
            let logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
            logins.iter().find(|login| login.is_for(registry)).map(Credentials::of_login)
        };
        let found = match given {
            Some(given) => Some(given),
            None => stored(registry, self.config_dir.as_deref()).await?,
        };
        found.iter().flat_map(Credentials::secrets).for_each(|secret| self.redactor.add(secret));
        Ok(found)
    }

    /// Asks the registry's own server of tokens.
    async fn token(
        &self,
        ask: &Ask<'_>,
        (realm, service, scope): (&str, Option<&str>, Option<&str>),
        credentials: Option<Credentials>,
    ) -> Result<String, RegistryError> {
        let url = Url::parse(realm).ok().filter(|url| url.has_host());
        let plain = ask.url.scheme() == "http";
        // A password is never sent in clear text because a registry says so.
        let Some(mut url) = url.filter(|url| url.scheme() == "https" || (plain && url.scheme() == "http")) else {
            return Err(invalid(ask, "the address of its server of tokens cannot be used"));
        };
        let mut scopes = ask.access.scopes(ask.repository);
        if let Some(scope) = scope.filter(|_| scopes.len() == 1) {
            scopes = vec![scope.to_owned()];
        }
        let client = if url.scheme() == "http" { &self.here } else { &self.client };
        let refresh = credentials.as_ref().map(|found| found.identity_token.as_str()).filter(|token| !token.is_empty());
        let request = if let Some(refresh) = refresh {
            let mut form = url.clone();
            form.query_pairs_mut().clear().extend_pairs([
                ("grant_type", "refresh_token"),
                ("client_id", "forge"),
                ("service", service.unwrap_or_default()),
                ("scope", &scopes.join(" ")),
                ("refresh_token", refresh),
            ]);
            let form = form.query().unwrap_or_default().to_owned();
            client.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)
        } else {
            let service = service.map(|service| ("service", service));
            url.query_pairs_mut().extend_pairs(service);
            url.query_pairs_mut().extend_pairs(scopes.iter().map(|scope| ("scope", scope.as_str())));
            let request = client.get(url);
            match &credentials {
                Some(credentials) => request.header(AUTHORIZATION, basic(credentials)),
                None => request,
            }
        };
        let answer = request.timeout(ANSWER).send().await.map_err(|error| unreachable(ask, error))?;
        let status = answer.status();
        let body = read(answer).await.map_err(|reason| invalid(ask, reason))?;
        if !status.is_success() {
            let known = if credentials.is_some() { "the stored login" } else { "reading without a login" };
            let said = format!("{} (its server of tokens, for {known})", said(status, &body));
            return Err(refusal_of(ask, status, said));
        }
        let token: Token =
            serde_json::from_slice(&body).map_err(|_| invalid(ask, "its server of tokens gave no token"))?;
        self.redactor.add(&token.token);
        Ok(token.token)
    }
}

fn key(ask: &Ask<'_>) -> (String, Vec<String>) {
    (ask.repository.registry.clone(), ask.access.scopes(ask.repository))
}

fn basic(credentials: &Credentials) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", credentials.username, credentials.password)))
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn read(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| causes(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err(format!("its answer is larger than {} MiB", LARGEST >> 20));
        }
    }
    Ok(body)
}

async fn refused(ask: &Ask<'_>, answer: Response) -> RegistryError {
    let status = answer.status();
    let body = read(answer).await.unwrap_or_default();
    refusal_of(ask, status, said(status, &body))
}

fn refusal_of(ask: &Ask<'_>, status: StatusCode, said: String) -> RegistryError {
    RegistryError::Refused { registry: ask.repository.registry.clone(), what: ask.what.clone(), status, said }
}

pub(super) fn invalid(ask: &Ask<'_>, reason: impl Into<String>) -> RegistryError {
    let registry = ask.repository.registry.clone();
    RegistryError::Invalid { registry, what: ask.what.clone(), reason: reason.into() }
}

fn unreachable(ask: &Ask<'_>, error: reqwest::Error) -> RegistryError {
    // Addresses may carry signatures.
    let error = error.without_url();
    let reason = if error.is_timeout() { "it does not answer in time".to_owned() } else { causes(&error) };
    RegistryError::Unreachable { registry: ask.repository.registry.clone(), what: ask.what.clone(), reason }
}
