//! Requests to services that are set up by environment variables: where they are, whom to trust, how long to wait, and
//! errors that show neither tokens nor the passwords of addresses.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Certificate, Client, ClientBuilder, Identity, RequestBuilder, StatusCode, Url};
use tokio::time::{Instant, sleep, timeout_at};

/// An answer is waited for so long, all tries together.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// After a failure that may pass, so many more tries.
pub(super) const RETRIES: u32 = 2;
/// From a failure to the next try.
const PAUSE: Duration = Duration::from_secs(1);
/// Largest answer, in bytes.
const LARGEST: usize = 32 << 20;

/// Why a service gave no answer, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct ServiceError {
    pub reason: String,
    pub hint: Option<String>,
}

impl ServiceError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A setting that cannot be used; its value is shown by `reason` alone, since it may be a secret.
    pub(super) fn setting(name: &str, reason: impl Display) -> Self {
        Self::new(format!("{name} cannot be used: {reason}"))
    }
}

/// The text of a public page. The error says what went wrong.
#[cfg(feature = "aws")]
pub(crate) async fn text(url: &str) -> Result<String, String> {
    let client = Client::builder().timeout(PATIENCE).build().map_err(|error| causes(&error))?;
    let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    answer.map_err(|error| causes(&error))?.text().await.map_err(|error| causes(&error))
}

/// Environment variables that are set and not empty.
#[derive(Clone, Default)]
pub(crate) struct Variables(BTreeMap<String, String>);

/// Values may be secrets.
impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Variables({})", self.0.len())
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Variables {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(all: I) -> Self {
        let set = all.into_iter().filter(|(_, value)| !value.is_empty());
        Self(set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl Variables {
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ServiceError> {
        match self.text(name) {
            None => Ok(None),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
            Some(other) => Err(ServiceError::setting(name, format!("{other:?} is neither true nor false"))),
        }
    }

    fn file(&self, name: &str) -> Result<Option<Vec<u8>>, ServiceError> {
        self.text(name).map(|path| read(name, Path::new(path))).transpose()
    }
}

fn read(name: &str, path: &Path) -> Result<Vec<u8>, ServiceError> {
    std::fs::read(path).map_err(|error| ServiceError::setting(name, format!("{}: {error}", path.display())))
}

/// The variables of one service that say whom to trust and who we are.
pub(super) struct TlsNames {
    pub authority_file: &'static str,
    /// PEM text instead of a file.
    pub authority_text: Option<&'static str>,
    pub authority_folder: &'static str,
    pub certificate: &'static str,
    pub key: &'static str,
    pub server_name: &'static str,
}

impl TlsNames {
    /// A client that trusts what the variables say, else what the system trusts.
    fn client(&self, variables: &Variables, verify: bool) -> Result<ClientBuilder, ServiceError> {
        if variables.text(self.server_name).is_some() {
            let error = ServiceError::setting(self.server_name, "it is not supported yet");
            return Err(error.hint("unset it, and name the server in the address as its certificate names it"));
        }
        let mut client = Client::builder().tls_danger_accept_invalid_certs(!verify);
        if let Some((name, pem)) = self.authorities(variables)? {
            let trusted =
                Certificate::from_pem_bundle(&pem).map_err(|error| ServiceError::setting(name, causes(&error)))?;
            if trusted.is_empty() {
                return Err(ServiceError::setting(name, "it holds no certificate in PEM format"));
            }
            client = client.tls_certs_only(trusted);
        }
        match (variables.file(self.certificate)?, variables.file(self.key)?) {
            (Some(mut pem), Some(key)) => {
                pem.push(b'\n');
                pem.extend(key);
                let identity = Identity::from_pem(&pem).map_err(|error| {
                    ServiceError::setting(&format!("{} or {}", self.certificate, self.key), causes(&error))
                })?;
                Ok(client.identity(identity))
            }
            (None, None) => Ok(client),
            (Some(_), None) => Err(ServiceError::setting(self.certificate, format!("{} is not set", self.key))),
            (None, Some(_)) => Err(ServiceError::setting(self.key, format!("{} is not set", self.certificate))),
        }
    }

    /// Certificates of trusted authorities, with the variable that gave them: a file goes before a text, that before
    /// a folder.
    fn authorities(&self, variables: &Variables) -> Result<Option<(&'static str, Vec<u8>)>, ServiceError> {
        if let Some(pem) = variables.file(self.authority_file)? {
            return Ok(Some((self.authority_file, pem)));
        }
        if let Some((name, pem)) = self.authority_text.and_then(|name| Some((name, variables.text(name)?))) {
            return Ok(Some((name, pem.into())));
        }
        let name = self.authority_folder;
        let Some(folder) = variables.text(name) else { return Ok(None) };
        let mut all = Vec::new();
        for entry in walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name() {
            let entry = entry.map_err(|error| ServiceError::setting(name, error))?;
            if entry.file_type().is_file() {
                all.extend(read(name, entry.path())?);
                all.push(b'\n');
            }
        }
        Ok(Some((name, all)))
    }
}

/// One service, at one address.
pub(super) struct Web {
    client: Client,
    base: Url,
    /// The address without its password, for messages.
    pub shown: String,
    /// The variable that says the address.
    name: String,
    /// The variable that names a file with the certificate of whom to trust.
    authority: &'static str,
    /// Headers of every request.
    pub headers: HeaderMap,
    pub patience: Duration,
    pub retries: u32,
}

impl Web {
    /// `address` is what the variable `name` says, or the service's default.
    pub(super) fn new(
        (name, address): (&str, &str),
        tls: &TlsNames,
        variables: &Variables,
        verify: bool,
        tune: impl FnOnce(ClientBuilder) -> Result<ClientBuilder, ServiceError>,
    ) -> Result<Self, ServiceError> {
        let mut client = tls.client(variables, verify)?.referer(false).redirect(Policy::custom(one_redirect));
        let socket = address.strip_prefix("unix://");
        let base = match socket {
            Some(path) => {
                client = through_socket(client, name, path)?;
                "http://localhost"
            }
            None => address,
        };
        // The text may hold a password and is not shown.
        let base = Url::parse(base).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        let base = base.ok_or_else(|| {
            ServiceError::setting(name, "it is no address").hint("write it like https://host:port or unix:///path")
        })?;
        if is_here(&base) {
            client = client.no_proxy();
        }
        let client = tune(client)?.build().map_err(|error| ServiceError::new(causes(&error)))?;
        let shown = socket.map_or_else(|| without_secrets(&base), |_| address.to_owned());
        let authority = tls.authority_file;
        Ok(Self {
            client,
            base,
            shown,
            name: name.to_owned(),
            authority,
            headers: HeaderMap::new(),
            patience: PATIENCE,
            retries: RETRIES,
        })
    }

    /// Adds a header to every request. `source` is where its value comes from.
    pub(super) fn header(&mut self, name: &str, value: &str, source: &str) -> Result<(), ServiceError> {
        let (Ok(name), Ok(mut value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) else {
            let error = ServiceError::setting(source, "it has characters that cannot be sent");
            return Err(error.hint("look for a line end or blank that was copied along"));
        };
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(())
    }

    /// Asks for what is at a path below the address.
    pub(super) async fn get(
        &self,
        path: impl Iterator<Item = &str>,
        query: &[(&str, &str)],
    ) -> Result<Answer, ServiceError> {
        let mut url = self.at(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.tried(|| self.client.get(url.clone()).headers(self.headers.clone())).await
    }

    /// Writes JSON to a path below the address.
    pub(super) async fn put(&self, path: impl Iterator<Item = &str>, json: &str) -> Result<Answer, ServiceError> {
        let url = self.at(path);
        self.tried(|| self.client.put(url.clone()).headers(self.headers.clone()).body(json.to_owned())).await
    }

    fn at(&self, path: impl Iterator<Item = impl AsRef<str>>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Sends until there is an answer that is no passing failure, or no try or time is left.
    async fn tried(&self, request: impl Fn() -> RequestBuilder) -> Result<Answer, ServiceError> {
        let end = Instant::now() + self.patience;
        let mut left = self.retries;
        loop {
            let Ok(outcome) = timeout_at(end, answer(request())).await else {
                let waited = self.patience.as_secs_f64();
                let error = ServiceError::new(format!("{} gave no answer within {waited} s", self.shown));
                return Err(error.hint(format!("{} says where to ask", self.name)));
            };
            if let Ok(answer) = &outcome {
                tracing::debug!(status = answer.status.as_u16(), "{} answered", self.shown);
            }
            let done = left == 0 || Instant::now() + PAUSE >= end;
            match outcome {
                Ok(answer) if done || !may_pass(answer.status) => return Ok(answer),
                Err(failure) if done => return Err(self.failed(&failure)),
                Ok(_) => {}
                Err(failure) => tracing::debug!("{} could not be asked, trying again: {}", self.shown, failure.text()),
            }
            left -= 1;
            sleep(PAUSE).await;
        }
    }

    fn failed(&self, failure: &Failure) -> ServiceError {
        let text = failure.text();
        let error = ServiceError::new(format!("{} could not be asked: {text}", self.shown));
        if text.contains("InvalidContentType") {
            return error.hint(format!("the server does not seem to speak TLS: write http:// in {}", self.name));
        }
        if text.contains("CaUsedAsEndEntity") {
            return error.hint("the server shows an authority's certificate; give it one that the authority signed");
        }
        if text.contains("UnknownIssuer") {
            return error.hint(format!("{} can name the authority that signed the certificate", self.authority));
        }
        error.hint(format!("{} says where to ask", self.name))
    }
}

/// What a service said.
pub(super) struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

enum Failure {
    Request(reqwest::Error),
    TooLarge,
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Self::Request(error) => causes(error),
            Self::TooLarge => format!("its answer is larger than {} MiB", LARGEST >> 20),
        }
    }
}

async fn answer(request: RequestBuilder) -> Result<Answer, Failure> {
    let mut response = request.send().await.map_err(Failure::Request)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::Request)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err(Failure::TooLarge);
        }
    }
    Ok(Answer { status, body })
}

/// Whether a later try may bring something else: the service is overloaded, starting or changing its leader.
fn may_pass(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// Follows one redirect, such as from a standby server to the active one, but not out of TLS: the token goes along.
fn one_redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let plain = attempt.url().scheme() != "https";
    match attempt.previous() {
        [first] if plain && first.scheme() == "https" => attempt.error("it sent us from https to http"),
        [_] => attempt.follow(),
        _ => attempt.stop(),
    }
}

#[cfg(unix)]
fn through_socket(client: ClientBuilder, _: &str, path: &str) -> Result<ClientBuilder, ServiceError> {
    Ok(client.unix_socket(path))
}

#[cfg(not(unix))]
fn through_socket(_: ClientBuilder, name: &str, _: &str) -> Result<ClientBuilder, ServiceError> {
    Err(ServiceError::setting(name, "there are no Unix sockets on this system"))
}

/// What a service says may be laid out over several lines, or be a whole page.
pub(super) fn one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Whether an address is of this machine, which no proxy reaches.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn without_secrets(url: &Url) -> String {
    let mut url = url.clone();
    // Only addresses without a host refuse these.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.as_str().trim_end_matches('/').to_owned()
}

/// The causes of an error, without those that say only that there are causes; the outermost repeats the address.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !text.starts_with("client error") && !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        cause = inner.source();
    }
    if texts.is_empty() { "the request failed".to_owned() } else { texts.join(": ") }
}
