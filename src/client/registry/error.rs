//! What a registry refuses, in its own words: the status, its code and its text, and never a login.

use reqwest::StatusCode;
use serde::Deserialize;

use crate::client::docker::{AuthError, ReferenceError};

/// Why a registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error(transparent)]
    Name(#[from] ReferenceError),
    #[error("{0}")]
    NotARepository(String),
    #[error(transparent)]
    Login(#[from] AuthError),
    #[error("registry {registry} refused {what}: {said}")]
    Refused { registry: String, what: String, status: StatusCode, said: String },
    #[error("registry {registry} cannot be reached for {what}: {reason}")]
    Unreachable { registry: String, what: String, reason: String },
    #[error("registry {registry} and forge do not understand each other about {what}: {reason}")]
    Invalid { registry: String, what: String, reason: String },
}

impl RegistryError {
    /// Whether it says that something is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }
}

#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// `403 DENIED: requested access to the resource is denied`; a page of a proxy is left out but for its status.
pub(super) fn said(status: StatusCode, body: &[u8]) -> String {
    let mut text = status.as_u16().to_string();
    match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) if !refusal.errors.is_empty() => {
            for Reason { code, message } in refusal.errors.iter().take(3) {
                text.push_str(&format!(" {code}: {message};"));
            }
            text.pop();
        }
        _ => text.push_str(&format!(" {}", status.canonical_reason().unwrap_or_default())),
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_code_and_text() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no\nway","detail":{}},{"code":"X","message":"y"}]}"#;
        assert_eq!(said(StatusCode::FORBIDDEN, body), "403 DENIED: no way; X: y");
        assert_eq!(said(StatusCode::BAD_GATEWAY, b"<html>"), "502 Bad Gateway");
        assert_eq!(said(StatusCode::NOT_FOUND, b"{\"errors\":[]}"), "404 Not Found");
    }
}
