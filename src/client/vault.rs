//! HashiCorp Vault: reads secrets with the token and the address that Vault's own environment variables give.

use std::time::Duration;

use reqwest::{Proxy, StatusCode};
use serde_json::{Map, Value};

use super::web::{Answer, ServiceError, TlsNames, Variables, Web, one_line};

const ADDRESS: &str = "https://127.0.0.1:8200";

const TLS: TlsNames = TlsNames {
    authority_file: "VAULT_CACERT",
    authority_text: Some("VAULT_CACERT_BYTES"),
    authority_folder: "VAULT_CAPATH",
    certificate: "VAULT_CLIENT_CERT",
    key: "VAULT_CLIENT_KEY",
    server_name: "VAULT_TLS_SERVER_NAME",
};

pub(crate) struct Vault {
    web: Web,
}

impl Vault {
    /// Reads the settings; nothing is sent yet.
    pub(crate) fn new(variables: &Variables) -> Result<Self, ServiceError> {
        let Some(token) = variables.text("VAULT_TOKEN") else {
            return Err(ServiceError::new("VAULT_TOKEN is not set").hint("set it to a token that may read the secret"));
        };
        if variables.flag("VAULT_SRV_LOOKUP")? == Some(true) {
            return Err(ServiceError::setting("VAULT_SRV_LOOKUP", "it is not supported yet"));
        }
        let given = ["VAULT_AGENT_ADDR", "VAULT_ADDR"];
        let given = given.into_iter().find_map(|name| Some((name, variables.text(name)?)));
        let verify = variables.flag("VAULT_SKIP_VERIFY")? != Some(true);
        let follow = variables.flag("VAULT_DISABLE_REDIRECTS")? != Some(true);
        let mut web = Web::new(given.unwrap_or(("VAULT_ADDR", ADDRESS)), &TLS, variables, verify, |client| {
            let client = if follow { client } else { client.redirect(reqwest::redirect::Policy::none()) };
            let proxies = ["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY"];
            let Some((name, proxy)) = proxies.into_iter().find_map(|name| Some((name, variables.text(name)?))) else {
                return Ok(client);
            };
            let proxy = Proxy::all(proxy).map_err(|_| ServiceError::setting(name, "it is no address"))?;
            Ok(client.proxy(proxy))
        })?;
        web.header("X-Vault-Request", "true", "X-Vault-Request")?;
        web.header("X-Vault-Token", token, "VAULT_TOKEN")?;
        if let Some(namespace) = variables.text("VAULT_NAMESPACE") {
            web.header("X-Vault-Namespace", namespace, "VAULT_NAMESPACE")?;
        }
        more_headers(&mut web, variables)?;
        if let Some(text) = variables.text("VAULT_CLIENT_TIMEOUT") {
            let wait = patience(text).ok_or_else(|| {
                ServiceError::setting("VAULT_CLIENT_TIMEOUT", "it is no time; write it like 30 (seconds), 30s or 1m")
            })?;
            web.patience = wait;
        }
        if let Some(text) = variables.text("VAULT_MAX_RETRIES") {
            let retries = text.parse();
            web.retries = retries.map_err(|error| ServiceError::setting("VAULT_MAX_RETRIES", error))?;
        }
        Ok(Self { web })
    }

    /// What is at a path, such as `secret/data/app`.
    pub(crate) async fn read(&self, path: &str) -> Result<Secret, ServiceError> {
        let answer = self.web.get(["v1"].into_iter().chain(parts(path)), &[]).await?;
        self.secret(path, &answer)
    }

    /// What an engine makes of `json` at a path, such as keys of a cloud.
    #[cfg(feature = "aws")]
    pub(crate) async fn write(&self, path: &str, json: &str) -> Result<Secret, ServiceError> {
        let answer = self.web.put(["v1"].into_iter().chain(parts(path)), json).await?;
        self.secret(path, &answer)
    }

    fn secret(&self, path: &str, answer: &Answer) -> Result<Secret, ServiceError> {
        let json = answer.json().unwrap_or_default();
        if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND {
            let data = json.get("data").and_then(Value::as_object).filter(|data| !data.is_empty());
            return match data {
                Some(data) => Ok(Secret { path: path.to_owned(), data: data.clone() }),
                None => Err(self.nothing(path, &json)),
            };
        }
        Err(self.refused(path, answer, &json))
    }

    fn nothing(&self, path: &str, json: &Value) -> ServiceError {
        let said = [words(json, "warnings"), words(json, "errors")].concat();
        let said = if said.is_empty() { String::new() } else { format!(": {}", said.join("; ")) };
        let error = ServiceError::new(format!("there is no secret at {path:?} in {}{said}", self.web.shown));
        if parts(path).any(|part| part == "data") {
            return error;
        }
        let (mount, rest) = path.trim_matches('/').split_once('/').unwrap_or((path, "name"));
        error.hint(format!(
            "in a key/value engine of version 2 \"data\" stands behind the mount's name: \"{mount}/data/{rest}\""
        ))
    }

    fn refused(&self, path: &str, answer: &Answer, json: &Value) -> ServiceError {
        let said = words(json, "errors");
        let said = if said.is_empty() { String::new() } else { format!(": {}", said.join("; ")) };
        let error = ServiceError::new(format!("{} answered {} for {path:?}{said}", self.web.shown, answer.status));
        match answer.status {
            StatusCode::FORBIDDEN => error.hint(
                "the token may be old, or its policies may not grant \"read\" on the path; in a key/value engine of \
                 version 2 the path has \"data\" behind the mount's name",
            ),
            StatusCode::SERVICE_UNAVAILABLE => error.hint("the server may be sealed"),
            _ => error,
        }
    }
}

/// Headers as a JSON object in `VAULT_HEADERS`; Vault's own are not to be set by it.
fn more_headers(web: &mut Web, variables: &Variables) -> Result<(), ServiceError> {
    const NAME: &str = "VAULT_HEADERS";
    let Some(text) = variables.text(NAME) else { return Ok(()) };
    let wrong = || ServiceError::setting(NAME, "it is no JSON object of texts");
    let headers: Map<String, Value> = serde_json::from_str(text).map_err(|_| wrong())?;
    for (name, value) in &headers {
        if name.to_ascii_lowercase().starts_with("x-vault-") {
            return Err(ServiceError::setting(NAME, format!("{name} is Vault's own header")));
        }
        web.header(name, value.as_str().ok_or_else(wrong)?, NAME)?;
    }
    Ok(())
}

/// Seconds, or a number with a unit.
fn patience(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let seconds = number.parse::<f64>().ok()? * factor;
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| !wait.is_zero())
}

/// Slashes count once.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// A list of texts in an answer, each on one line.
fn words(json: &Value, name: &str) -> Vec<String> {
    let list = json.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|word| Some(one_line(word.as_str()?))).collect()
}

/// What a path holds.
#[derive(Clone)]
pub(crate) struct Secret {
    path: String,
    data: Map<String, Value>,
}

impl Secret {
    /// The text of a key. A key/value engine of version 2 has the keys one level down, beside facts of the version.
    pub(crate) fn text(&self, key: &str) -> Result<String, ServiceError> {
        let path = &self.path;
        let keys = match self.data.get("data") {
            Some(Value::Object(inner)) => inner,
            Some(Value::Null) if self.data.contains_key("metadata") => {
                return Err(ServiceError::new(format!("the latest version of the secret at {path:?} is deleted")));
            }
            _ => &self.data,
        };
        match keys.get(key) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => {
                let error = format!("key {key:?} of the secret at {path:?} holds {}, not a text", kind(other));
                Err(ServiceError::new(error).hint("store it as a text, in quotes"))
            }
            None => {
                let known: Vec<&str> = keys.keys().map(String::as_str).collect();
                let error = ServiceError::new(format!("the secret at {path:?} has no key {key:?}"));
                Err(error.hint(format!("it has: {}", known.join(", "))))
            }
        }
    }
}

/// What a JSON value is, for messages that must not show it.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(data: &str) -> Secret {
        Secret { path: "p".to_owned(), data: serde_json::from_str(data).unwrap() }
    }

    #[test]
    fn both_versions_of_the_engine_are_read() {
        let second = secret(r#"{"data": {"user": "u", "n": 5}, "metadata": {"version": 1}}"#);
        assert_eq!(second.text("user").unwrap(), "u");
        let reason = |secret: &Secret, key: &str| secret.text(key).unwrap_err().reason;
        assert_eq!(reason(&second, "n"), "key \"n\" of the secret at \"p\" holds a number, not a text");
        let missing = second.text("usr").unwrap_err();
        assert_eq!(missing.reason, "the secret at \"p\" has no key \"usr\"");
        assert_eq!(missing.hint.as_deref(), Some("it has: user, n"));
        let first = secret(r#"{"user": "u", "data": "a key of that name"}"#);
        assert_eq!(first.text("user").unwrap(), "u");
        assert_eq!(first.text("data").unwrap(), "a key of that name");
        let deleted = secret(r#"{"data": null, "metadata": {"deletion_time": "2024-01-01T00:00:00Z"}}"#);
        assert_eq!(reason(&deleted, "user"), "the latest version of the secret at \"p\" is deleted");
    }

    #[test]
    fn settings_are_checked_before_anything_is_sent() {
        let with = |more: &[(&'static str, &'static str)]| {
            let all = [("VAULT_TOKEN", "hvs.token")].into_iter().chain(more.iter().copied());
            Vault::new(&all.collect()).map(|vault| vault.web)
        };
        let web = with(&[]).ok().unwrap();
        assert_eq!((web.shown.as_str(), web.patience), (ADDRESS, Duration::from_secs(30)));
        let web = with(&[("VAULT_ADDR", "https://u:p@vault:1/x/?q#f"), ("VAULT_CLIENT_TIMEOUT", "90")]).ok().unwrap();
        assert_eq!((web.shown.as_str(), web.patience), ("https://vault:1/x", Duration::from_secs(90)));
        let refused = |more: &[(&'static str, &'static str)]| with(more).err().unwrap().reason;
        assert_eq!(Vault::new(&Variables::default()).err().unwrap().reason, "VAULT_TOKEN is not set");
        for (name, value, reason) in [
            ("VAULT_ADDR", "user:secret@host", "it is no address"),
            ("VAULT_TOKEN", "token\n", "it has characters that cannot be sent"),
            ("VAULT_SKIP_VERIFY", "yes", "\"yes\" is neither true nor false"),
            ("VAULT_CLIENT_TIMEOUT", "soon", "it is no time"),
            ("VAULT_MAX_RETRIES", "-1", "invalid digit"),
            ("VAULT_CACERT", "/nowhere.pem", "/nowhere.pem: No such file"),
            ("VAULT_CACERT_BYTES", "x", "it holds no certificate"),
            ("VAULT_CLIENT_CERT", "/dev/null", "VAULT_CLIENT_KEY is not set"),
            ("VAULT_TLS_SERVER_NAME", "x", "it is not supported yet"),
            ("VAULT_HEADERS", "{\"X-Vault-Token\": \"x\"}", "X-Vault-Token is Vault's own header"),
            ("VAULT_HEADERS", "{\"A\": 1}", "it is no JSON object of texts"),
        ] {
            let found = refused(&[(name, value)]);
            assert!(found.starts_with(&format!("{name} cannot be used: {reason}")), "{name}: {found}");
        }
    }
}
