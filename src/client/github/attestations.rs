//! The attestations that a repository has of a digest, by the REST interface. The job needs `attestations: read`.
//!
//! What they say is checked by nobody here: GitHub keeps what a job with the right to has sent.

use std::collections::VecDeque;

use octocrab::Octocrab;
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use super::retry::{ATTEMPTS, Effect, PAUSE, patiently};
use super::{GithubError, Repository};

/// Pages that are read, of a hundred each: a digest that is attested more often is nobody's image.
const PAGES: usize = 5;
/// Of a bundle, in bytes; GitHub takes 16 MB of what a statement says.
const LARGEST: usize = 32 << 20;
/// Of all bundles of a digest, in bytes, as they come and as they are unpacked.
const ALL: usize = 128 << 20;

#[derive(Deserialize)]
struct Listed {
    attestations: Vec<Attestation>,
}

#[derive(Debug, Deserialize)]
struct Attestation {
    /// Not in newer versions of the interface.
    bundle: Option<serde_json::Value>,
    /// Where it is as well, packed by Snappy; the address is signed.
    bundle_url: Option<String>,
}

/// The attestations of a digest, the newest first. Nothing is asked for before it is needed.
#[derive(Debug)]
pub(crate) struct Attestations<'a> {
    github: &'a Repository,
    route: String,
    kind: &'a str,
    waiting: VecDeque<Attestation>,
    /// The mark of the next page.
    after: Option<String>,
    /// Pages that may still be read.
    pages: usize,
    /// Bytes that may still be read.
    bytes: usize,
}

impl Repository {
    /// Those of a digest (`sha256:...`) with statements of that type.
    pub(crate) fn attestations<'a>(&'a self, digest: &str, kind: &'a str) -> Attestations<'a> {
        let route = self.route(&format!("attestations/{digest}"));
        Attestations { github: self, route, kind, waiting: VecDeque::new(), after: None, pages: PAGES, bytes: ALL }
    }
}

impl Attestations<'_> {
    /// The next Sigstore bundle as JSON, or why that one cannot be had; nothing after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Result<String, String>>, GithubError> {
        while self.waiting.is_empty() && self.pages > 0 {
            self.turn().await?;
        }
        let Some(attestation) = self.waiting.pop_front() else { return Ok(None) };
        Ok(Some(self.bundle(attestation).await.map_err(|error| error.to_string())))
    }

    async fn turn(&mut self) -> Result<(), GithubError> {
        let query = query(self.kind, self.after.as_deref());
        let asked = || page(&self.github.crab, format!("{}?{query}", self.route));
        let (text, next) = match patiently(Effect::None, asked).await {
            Ok(answer) => answer,
            // GitHub's way to say that there is none.
            Err(GithubError::Missing(_)) => {
                self.pages = 0;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let listed: Listed = serde_json::from_str(&text)
            .map_err(|error| GithubError::Invalid(format!("its list of attestations: {error}")))?;
        self.waiting.extend(listed.attestations);
        self.pages = if next.is_some() { self.pages - 1 } else { 0 };
        self.after = next;
        Ok(())
    }

    async fn bundle(&mut self, attestation: Attestation) -> Result<String, GithubError> {
        if let Some(bundle) = attestation.bundle {
            let bundle = bundle.to_string();
            self.take(bundle.len())?;
            return Ok(bundle);
        }
        let address = attestation.bundle_url.ok_or_else(|| wrong("GitHub does not say where it is"))?;
        let mut attempt = 1;
        let packed = loop {
            match self.stored(&address).await {
                Err(error) if !error.is_final() && attempt < ATTEMPTS => {
                    tokio::time::sleep(PAUSE * 2u32.pow(attempt - 1)).await;
                    attempt += 1;
                }
                answer => break answer?,
            }
        };
        let text = unpacked(&packed).map_err(|text| wrong(&text))?;
        self.take(text.len())?;
        Ok(text)
    }

    /// As the store has it. The address takes no token, and is not shown.
    async fn stored(&mut self, address: &str) -> Result<Vec<u8>, GithubError> {
        let failed = |error: reqwest::Error| GithubError::Unreachable(error.without_url().to_string());
        let mut answer = self.github.plain.get(address).send().await.map_err(failed)?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(wrong("its store does not have it")),
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(GithubError::Failing(format!("the store of an attestation answers {status}")));
            }
            status => return Err(wrong(&format!("its store answers {status}"))),
        }
        let mut packed = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(failed)? {
            self.take(part.len())?;
            packed.extend_from_slice(&part);
            if packed.len() > LARGEST {
                return Err(wrong(&format!("it has more than {LARGEST} bytes")));
            }
        }
        Ok(packed)
    }

    fn take(&mut self, bytes: usize) -> Result<(), GithubError> {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or_default();
        left.map(drop).ok_or_else(|| wrong(&format!("there are more than {ALL} bytes of them")))
    }
}

fn wrong(text: &str) -> GithubError {
    GithubError::Invalid(format!("an attestation: {text}"))
}

fn unpacked(packed: &[u8]) -> Result<String, String> {
    let length = snap::raw::decompress_len(packed).map_err(|error| error.to_string())?;
    if length > LARGEST {
        return Err(format!("it has more than {LARGEST} bytes"));
    }
    let plain = snap::raw::Decoder::new().decompress_vec(packed).map_err(|error| error.to_string())?;
    String::from_utf8(plain).map_err(|error| error.to_string())
}

/// A page, and the mark of the next one.
async fn page(crab: &Octocrab, route: String) -> octocrab::Result<(String, Option<String>)> {
    let answer = octocrab::map_github_error(crab._get(route).await?).await?;
    let links = answer.headers().get(reqwest::header::LINK).and_then(|links| links.to_str().ok()).and_then(next);
    Ok((crab.body_to_string(answer).await?, links))
}

fn query(kind: &str, after: Option<&str>) -> String {
    let mut query = vec![("per_page", "100"), ("predicate_type", kind)];
    query.extend(after.map(|after| ("after", after)));
    let encoded = Url::parse_with_params("https://query.invalid", query);
    encoded.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

/// The mark in the link to the next page. Only the mark: where to ask is known.
fn next(links: &str) -> Option<String> {
    let link = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    let (_, rest) = link.split_once('<')?;
    let (address, _) = rest.split_once('>')?;
    let url = Url::parse(address).ok()?;
    url.query_pairs().find(|(name, _)| name == "after").map(|(_, mark)| mark.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_where_the_link_says() {
        let links = "<https://api.github.com/repositories/1/attestations/sha256:a?per_page=1&after=Y3Vy%3D%3D>; \
                     rel=\"next\", <https://api.github.com/repositories/1/attestations/sha256:a?before=x>; rel=\"prev\"";
        assert_eq!(next(links).as_deref(), Some("Y3Vy=="));
        assert_eq!(next("<https://api.github.com/x?before=x>; rel=\"prev\""), None);
        assert_eq!(
            query("https://x/v1", Some("Y3Vy==")),
            "per_page=100&predicate_type=https%3A%2F%2Fx%2Fv1&after=Y3Vy%3D%3D"
        );
    }

    #[test]
    fn what_is_packed_has_a_limit() {
        let packed = |text: &str| snap::raw::Encoder::new().compress_vec(text.as_bytes()).unwrap();
        assert_eq!(unpacked(&packed("{\"a\":1}")).unwrap(), "{\"a\":1}");
        // A length of 4 GB in five bytes.
        assert!(unpacked(&[0xff, 0xff, 0xff, 0xff, 0x0f]).unwrap_err().contains("more than"));
        assert!(unpacked(b"{\"a\":1}").is_err());
    }
}
