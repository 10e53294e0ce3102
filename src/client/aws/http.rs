//! HTTP for the SDK over reqwest, where the SDK's own client does not do: it knows no proxies of the environment, and
//! checks every certificate.

use std::net::IpAddr;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::CONNECT;
use super::error::AwsError;

/// What makes other programs go through a proxy, in either case of letters.
const PROXIES: [&str; 3] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];

/// A client of its own, when the environment or the template needs one.
pub(super) fn client(insecure: bool) -> Result<Option<SharedHttpClient>, AwsError> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let proxied = PROXIES.iter().any(|name| is_set(name) || is_set(&name.to_lowercase()));
    if !insecure && !proxied {
        return Ok(None);
    }
    let built = |direct: bool| {
        let builder = reqwest::Client::builder().connect_timeout(CONNECT).tls_danger_accept_invalid_certs(insecure);
        let builder = builder.redirect(reqwest::redirect::Policy::none());
        let client = if direct { builder.no_proxy() } else { builder }.build();
        client.map_err(|error| AwsError::Unexpected(format!("no HTTP client: {error}")))
    };
    let connector = SharedHttpConnector::new(Web { usual: built(false)?, direct: built(true)? });
    Ok(Some(http_client_fn(move |_, _| connector.clone())))
}

#[derive(Debug, Clone)]
struct Web {
    usual: reqwest::Client,
    /// For what is on this machine or its own network: credentials of machines and containers.
    direct: reqwest::Client,
}

impl HttpConnector for Web {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = if is_local(request.uri()) { self.direct.clone() } else { self.usual.clone() };
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (head, body) = request.into_parts();
            let body = ByteStream::new(body).collect().await.map_err(|error| ConnectorError::user(error.into()))?;
            let sent = client.request(head.method, head.uri.to_string()).headers(head.headers);
            let mut answer = sent.body(body.into_bytes()).send().await.map_err(failed)?;
            let status = StatusCode::try_from(answer.status().as_u16());
            let headers = std::mem::take(answer.headers_mut());
            let body = answer.bytes().await.map_err(failed)?;
            let status = status.map_err(|error| ConnectorError::other(error.into(), None))?;
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            for (name, value) in &headers {
                if let Ok(value) = value.to_str() {
                    response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(response)
        })
    }
}

fn failed(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

/// The metadata services have addresses of this machine alone, which no proxy knows.
fn is_local(uri: &str) -> bool {
    let host = uri.split("://").nth(1).unwrap_or(uri).split('/').next().unwrap_or_default();
    let host = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.segments().starts_with(&[0xfd00, 0xec2]),
        Err(_) => host == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn metadata_is_asked_directly() {
        for (uri, local) in [
            ("http://169.254.169.254/latest/api/token", true),
            ("http://[fd00:ec2::254]/latest", true),
            ("http://127.0.0.1:5000/", true),
            ("http://localhost:4566", true),
            ("https://ec2.eu-west-1.amazonaws.com/", false),
            ("https://127.example.org/", false),
        ] {
            assert_eq!(is_local(uri), local, "{uri}");
        }
    }
}
