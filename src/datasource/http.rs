//! Data source `http`: one request, its body and headers.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};

use super::{DataSource, Entry, Found, Reading};
use crate::eval::fields::Fields;
use crate::value::{Type, Value};

const METHODS: [&str; 7] = ["HEAD", "GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
/// A server that takes longer to begin an answer, or stops in the middle of one, is not waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Largest body, in bytes.
const LARGEST: usize = 64 << 20;

pub(super) const ENTRY: Entry = Entry {
    name: "http",
    decode,
    outputs: || {
        vec![("url", Type::String), ("body", Type::String), ("request_headers", Type::Map(Box::new(Type::String)))]
    },
};

#[derive(Debug)]
struct Http {
    url: String,
    method: Method,
    headers: HeaderMap,
    body: String,
}

fn decode(fields: &mut Fields<'_>) -> Option<Box<dyn DataSource>> {
    let before = fields.error_count();
    let url = fields.required_text("url").unwrap_or_default();
    if !fields.is_unknown("url") && fields.is_set("url") && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        fields.error_at("url", "\"url\" is no address of a web server", "it begins with http:// or https://");
    }
    let method = fields.text("method").filter(|method| !method.is_empty()).unwrap_or_else(|| "GET".to_owned());
    if !METHODS.contains(&method.as_str()) {
        fields.error_at("method", format!("{method:?} is no method"), format!("one of {}", METHODS.join(", ")));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in fields.text_map("request_headers").unwrap_or_default() {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            (Ok(name), Ok(value)) => drop(headers.insert(name, value)),
            // The value is not shown: headers carry passwords.
            _ => {
                fields.error_at("request_headers", format!("{name:?} is no header"), "its name or value cannot be sent")
            }
        }
    }
    let body = fields.text("request_body").unwrap_or_default();
    if fields.error_count() > before {
        return None;
    }
    let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
    Some(Box::new(Http { url, method, headers, body }))
}

#[async_trait]
impl DataSource for Http {
    async fn read(&self, _: &Reading<'_>) -> Result<Found, String> {
        let failed = |error: &reqwest::Error| format!("{} {}: {}", self.method, self.url, causes(error));
        let client = Client::builder().connect_timeout(PATIENCE).read_timeout(PATIENCE).build();
        let client = client.map_err(|error| failed(&error))?;
        let mut request = client.request(self.method.clone(), &self.url).headers(self.headers.clone());
        if !self.body.is_empty() {
            request = request.body(self.body.clone());
        }
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        if !response.status().is_success() {
            return Err(format!("{} {}: the server answered {}", self.method, self.url, response.status()));
        }
        let mut warnings = Vec::new();
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !is_text(kind) {
            warnings.push(format!("{} is of type {kind:?}, which may be no text", self.url));
        }
        let headers = joined(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(format!("the answer of {} is larger than {} MiB", self.url, LARGEST >> 20));
            }
        }
        let body = String::from_utf8(body).map_err(|_| format!("the answer of {} is not UTF-8 text", self.url))?;
        let value = BTreeMap::from([
            ("url".to_owned(), self.url.as_str().into()),
            ("body".to_owned(), body.into()),
            // The answer's headers: the name is the peer's and has a history.
            ("request_headers".to_owned(), Value::map(Type::String, headers)),
        ]);
        Ok(Found { value: Value::object(value), warnings })
    }
}

fn is_text(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.is_empty() || kind.starts_with("text/") || ["application/json", "application/samlmetadata+xml"].contains(&kind)
}

/// Headers by name in the usual spelling; one that comes several times has its values joined.
fn joined(headers: &HeaderMap) -> BTreeMap<String, Value> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        texts.entry(canonical(name.as_str())).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    texts.into_iter().map(|(name, values)| (name, values.join(", ").into())).collect()
}

/// `content-type` as `Content-Type`.
fn canonical(name: &str) -> String {
    let part = |part: &str| {
        let mut chars = part.chars();
        chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

/// An error with its causes; the outermost repeats the address, which is said already.
fn causes(error: &reqwest::Error) -> String {
    let mut texts = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        texts.push(inner.to_string());
        cause = inner.source();
    }
    if texts.is_empty() { error.to_string() } else { texts.join(": ") }
}
