//! HashiCorp Consul: reads keys of its store with what Consul's own environment variables give.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use serde::Deserialize;

use super::web::{ServiceError, TlsNames, Variables, Web, one_line};

const ADDRESS: &str = "http://127.0.0.1:8500";

const TLS: TlsNames = TlsNames {
    authority_file: "CONSUL_CACERT",
    authority_text: None,
    authority_folder: "CONSUL_CAPATH",
    certificate: "CONSUL_CLIENT_CERT",
    key: "CONSUL_CLIENT_KEY",
    server_name: "CONSUL_TLS_SERVER_NAME",
};

pub(crate) struct Consul {
    web: Web,
    /// Namespace and partition, for every request.
    query: Vec<(&'static str, String)>,
}

/// An entry of the store: the one field that matters.
#[derive(Deserialize)]
struct Entry {
    /// In base64; nothing when the value is empty.
    #[serde(rename = "Value")]
    value: Option<String>,
}

impl Consul {
    /// Reads the settings; nothing is sent yet.
    pub(crate) fn new(variables: &Variables) -> Result<Self, ServiceError> {
        let encrypted = variables.flag("CONSUL_HTTP_SSL")? == Some(true);
        let verify = variables.flag("CONSUL_HTTP_SSL_VERIFY")? != Some(false);
        let address = address(variables.text("CONSUL_HTTP_ADDR").unwrap_or(ADDRESS), encrypted);
        let mut web = Web::new(("CONSUL_HTTP_ADDR", &address), &TLS, variables, verify, Ok)?;
        if let Some((token, source)) = token(variables)? {
            web.header("X-Consul-Token", &token, source)?;
        }
        if let Some(login) = variables.text("CONSUL_HTTP_AUTH") {
            let login = if login.contains(':') { login.to_owned() } else { format!("{login}:") };
            web.header("Authorization", &format!("Basic {}", STANDARD.encode(login)), "CONSUL_HTTP_AUTH")?;
        }
        let query = [("ns", "CONSUL_NAMESPACE"), ("partition", "CONSUL_PARTITION")];
        let query = query.into_iter().filter_map(|(name, variable)| Some((name, variables.text(variable)?.to_owned())));
        Ok(Self { web, query: query.collect() })
    }

    /// The value of a key, which is never empty.
    pub(crate) async fn read(&self, key: &str) -> Result<String, ServiceError> {
        let query: Vec<(&str, &str)> = self.query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = self
            .web
            .get(["v1", "kv"].into_iter().chain(key.strip_prefix('/').unwrap_or(key).split('/')), &query)
            .await?;
        let shown = &self.web.shown;
        match answer.status {
            StatusCode::NOT_FOUND => {
                return Err(ServiceError::new(format!("there is no key {key:?} in {shown}")));
            }
            status if !status.is_success() => {
                let said = one_line(&String::from_utf8_lossy(&answer.body));
                let error = ServiceError::new(format!("{shown} answered {status} for {key:?}: {said}"));
                return Err(match status {
                    StatusCode::FORBIDDEN => error.hint("CONSUL_HTTP_TOKEN needs a policy with read on the key"),
                    _ => error,
                });
            }
            _ => {}
        }
        let entries: Option<Vec<Entry>> = serde_json::from_slice(&answer.body).ok();
        let entry = entries.and_then(|mut entries| entries.pop());
        let entry = entry.ok_or_else(|| ServiceError::new(format!("{shown} gave no entry for {key:?}: no Consul?")))?;
        let value = STANDARD.decode(entry.value.unwrap_or_default()).unwrap_or_default();
        if value.is_empty() {
            return Err(ServiceError::new(format!("the value of key {key:?} in {shown} is empty")));
        }
        String::from_utf8(value)
            .map_err(|_| ServiceError::new(format!("the value of key {key:?} in {shown} is not UTF-8 text")))
    }
}

/// With a scheme; `encrypted` goes before a written `http`.
fn address(text: &str, encrypted: bool) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let scheme = if encrypted && scheme == "http" { "https" } else { scheme };
    format!("{scheme}://{rest}")
}

/// The token and the variable it comes from; a file goes before a text.
fn token(variables: &Variables) -> Result<Option<(String, &'static str)>, ServiceError> {
    const FILE: &str = "CONSUL_HTTP_TOKEN_FILE";
    if let Some(path) = variables.text(FILE) {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| ServiceError::setting(FILE, format!("{path}: {error}")))?;
        if !text.trim().is_empty() {
            return Ok(Some((text.trim().to_owned(), FILE)));
        }
    }
    Ok(variables.text("CONSUL_HTTP_TOKEN").map(|token| (token.to_owned(), "CONSUL_HTTP_TOKEN")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_with_and_without_a_scheme() {
        for (given, encrypted, shown) in [
            ("consul:8500", false, "http://consul:8500"),
            ("consul:8500", true, "https://consul:8500"),
            ("http://consul:8500/under", true, "https://consul:8500/under"),
            ("https://u:p@consul", false, "https://consul"),
            ("unix:///run/consul.sock", true, "unix:///run/consul.sock"),
            ("[::1]:8500", false, "http://[::1]:8500"),
        ] {
            let flag = if encrypted { "1" } else { "" };
            let found = Consul::new(&[("CONSUL_HTTP_ADDR", given), ("CONSUL_HTTP_SSL", flag)].into_iter().collect());
            assert_eq!(found.map_err(|error| error.reason).ok().unwrap().web.shown, shown, "{given}");
        }
        let refused = Consul::new(&[("CONSUL_HTTP_ADDR", "ftp://consul")].into_iter().collect());
        assert_eq!(refused.err().unwrap().reason, "CONSUL_HTTP_ADDR cannot be used: it is no address");
    }
}
