//! Registries of container images, as the OCI distribution specification has them: read manifests and tags, give images
//! further names, bring them to other repositories, take tags away.
//!
//! Unlike the engine's pull and push this moves no layers where the registry has them already.

mod blob;
mod challenge;
mod error;
mod manifest;
mod repository;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::ops::Add;
use std::pin::Pin;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LINK};
use reqwest::{Method, StatusCode};
use serde::Deserialize;

pub(crate) use error::RegistryError;
pub(crate) use manifest::Manifest;
pub(crate) use repository::Repository;

use crate::client::docker::{Environment, Login};
use crate::secret::Redactor;
use manifest::ACCEPTED;
use wire::{Access, Ask, Wire, invalid};

/// Pages of a list of tags: a list without end is none.
const PAGES: usize = 1000;
/// An index may name indexes; nobody nests them deeper.
const DEEPEST: usize = 4;

/// The registries of a run.
#[derive(Debug)]
pub(crate) struct Registries {
    wire: Wire,
}

/// What a copy took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Blobs that the registry took from another of its repositories.
    pub mounted: usize,
    /// Blobs that went through this machine, and their size.
    pub carried: usize,
    pub bytes: u64,
}

impl Add for Moved {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            mounted: self.mounted + other.mounted,
            carried: self.carried + other.carried,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// What became of a tag that was to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Untagged {
    Removed,
    Absent,
    /// The registry takes whole images away only, and this other tag has the same one.
    Shared(String),
}

/// What an image says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub labels: BTreeMap<String, String>,
    /// When it was made (RFC 3339).
    pub created: Option<String>,
}

#[derive(Deserialize)]
struct TagList {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
struct ImageConfig {
    #[serde(default)]
    config: Option<Configured>,
    #[serde(default)]
    created: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Configured {
    labels: Option<BTreeMap<String, String>>,
}

impl Registries {
    /// With the logins that the docker command has stored.
    pub(crate) fn new(redactor: &Redactor) -> Result<Self, String> {
        Ok(Self { wire: Wire::new(Environment::of_process().config_dir, redactor)? })
    }

    pub(crate) fn add_login(&self, login: Login) {
        self.wire.add_login(login);
    }

    /// Whether there is a login for a registry.
    pub(crate) async fn has_login(&self, registry: &str) -> Result<bool, RegistryError> {
        Ok(self.wire.credentials(registry).await?.is_some())
    }

    /// The manifest of a tag or digest.
    pub(crate) async fn manifest(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Result<Option<Manifest>, RegistryError> {
        let ask = self.ask_manifest(Method::GET, repository, reference)?;
        let answer = match self.wire.send(&ask).await {
            Ok(answer) => answer,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error),
        };
        let (said, media_type) = (header(answer.headers(), DIGEST), header(answer.headers(), CONTENT_TYPE.as_str()));
        let mut bytes = Vec::new();
        let mut answer = answer;
        while let Some(chunk) = answer.chunk().await.map_err(|error| invalid(&ask, error.without_url().to_string()))? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LARGEST {
                return Err(invalid(&ask, "the manifest is larger than any may be"));
            }
        }
        let mut manifest = Manifest::new(&media_type.unwrap_or_default(), bytes);
        let expected = if reference.contains(':') { Some(reference.to_owned()) } else { said };
        // Of another kind of digest only the registry can tell.
        if let Some(expected) = expected.filter(|expected| *expected != manifest.digest) {
            if expected.starts_with("sha256:") {
                let got = &manifest.digest;
                return Err(invalid(&ask, format!("what it gave has the digest {got}, not {expected}")));
            }
            manifest.digest = expected;
        }
        let inner = manifest.parts().map_err(|error| invalid(&ask, format!("the manifest: {error}")))?.media_type;
        manifest.media_type = inner.filter(|kind| !kind.is_empty()).unwrap_or(manifest.media_type);
        Ok(Some(manifest))
    }

    /// The digest of a tag, where there is one.
    pub(crate) async fn digest(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Result<Option<String>, RegistryError> {
        let ask = self.ask_manifest(Method::HEAD, repository, reference)?;
        match self.wire.send(&ask).await {
            // Some old ones say it with the manifest only.
            Ok(answer) => match header(answer.headers(), DIGEST) {
                Some(digest) => Ok(Some(digest)),
                None => Ok(self.manifest(repository, reference).await?.map(|manifest| manifest.digest)),
            },
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Labels of the image, or of the first image of an index.
    pub(crate) async fn labels(
        &self,
        repository: &Repository,
        manifest: &Manifest,
    ) -> Result<BTreeMap<String, String>, RegistryError> {
        Ok(self.said(repository, manifest).await?.labels)
    }

    /// What the image says of itself, or the first image of an index.
    pub(crate) async fn said(&self, repository: &Repository, manifest: &Manifest) -> Result<Said, RegistryError> {
        let ImageConfig { config, created } = self.image_config(repository, manifest).await?;
        Ok(Said { labels: config.unwrap_or_default().labels.unwrap_or_default(), created })
    }

    /// That of the first image of an index; an empty one where there is none.
    async fn image_config(&self, repository: &Repository, manifest: &Manifest) -> Result<ImageConfig, RegistryError> {
        let mut image = manifest.clone();
        for _ in 0..DEEPEST {
            let ask = self.ask_manifest(Method::GET, repository, &image.digest)?;
            let parts = image.parts().map_err(|error| invalid(&ask, error))?;
            if let Some(config) = parts.config {
                let what = format!("the configuration of {repository}@{}", image.digest);
                let path = format!("blobs/{}", config.digest);
                let ask = self.ask(Method::GET, repository, &path, Access::Read, what)?;
                let bytes = self.wire.bytes(&ask).await?;
                if manifest::digest(&bytes) != config.digest {
                    return Err(invalid(&ask, "what it gave has another digest"));
                }
                return serde_json::from_slice(&bytes).map_err(|error| invalid(&ask, error.to_string()));
            }
            let Some(inner) = parts.image() else { break };
            image = self.expected(repository, &inner.digest).await?;
        }
        Ok(ImageConfig::default())
    }

    /// All tags; none where the repository is not there.
    pub(crate) async fn tags(&self, repository: &Repository) -> Result<BTreeSet<String>, RegistryError> {
        let mut ask =
            self.ask(Method::GET, repository, "tags/list", Access::Read, format!("the tags of {repository}"))?;
        ask.url.query_pairs_mut().append_pair("n", "1000");
        let mut tags = BTreeSet::new();
        for _ in 0..PAGES {
            let answer = match self.wire.send(&ask).await {
                Ok(answer) => answer,
                Err(error) if error.is_missing() => return Ok(tags),
                Err(error) => return Err(error),
            };
            let next = header(answer.headers(), LINK.as_str()).and_then(|link| next_page(&link).map(str::to_owned));
            let bytes = answer.bytes().await.map_err(|error| invalid(&ask, error.without_url().to_string()))?;
            let page: TagList = serde_json::from_slice(&bytes).map_err(|error| invalid(&ask, error.to_string()))?;
            tags.extend(page.tags.unwrap_or_default());
            let Some(next) = next.and_then(|next| ask.url.join(&next).ok()) else { return Ok(tags) };
            // A login goes along: the list cannot go on elsewhere.
            if next.origin() != ask.url.origin() {
                return Err(invalid(&ask, "its list of tags goes on at another address"));
            }
            ask.url = next;
        }
        Err(invalid(&ask, "its list of tags has no end"))
    }

    /// Gives a manifest a name: a tag, or its digest.
    pub(crate) async fn put_manifest(
        &self,
        repository: &Repository,
        reference: &str,
        manifest: &Manifest,
    ) -> Result<(), RegistryError> {
        let what = named(repository, reference);
        let mut ask = self.ask(Method::PUT, repository, &format!("manifests/{reference}"), Access::Write, what)?;
        ask.headers.push((CONTENT_TYPE, manifest.media_type.clone()));
        ask.body.clone_from(&manifest.bytes);
        self.wire.send(&ask).await.map(drop)
    }

    /// Brings an image, or an index with all its images, to another repository, without giving it a tag.
    pub(crate) async fn copy(
        &self,
        from: &Repository,
        manifest: &Manifest,
        to: &Repository,
    ) -> Result<Moved, RegistryError> {
        if from == to {
            return Ok(Moved::default());
        }
        self.copy_tree(from, manifest, to, 0).await
    }

    fn copy_tree<'a>(
        &'a self,
        from: &'a Repository,
        manifest: &'a Manifest,
        to: &'a Repository,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Moved, RegistryError>> + Send + 'a>> {
        Box::pin(async move {
            let ask = self.ask_manifest(Method::GET, from, &manifest.digest)?;
            if depth > DEEPEST {
                return Err(invalid(&ask, "its indexes are nested too deeply"));
            }
            if self.digest(to, &manifest.digest).await?.is_some() {
                return Ok(Moved::default());
            }
            let parts = manifest.parts().map_err(|error| invalid(&ask, error))?;
            let mut moved = Moved::default();
            for inner in &parts.manifests {
                let inner = self.expected(from, &inner.digest).await?;
                moved = moved + self.copy_tree(from, &inner, to, depth + 1).await?;
            }
            let blobs: Vec<_> = parts.blobs().cloned().collect();
            moved = moved + self.bring(from, &blobs, to).await?;
            self.put_manifest(to, &manifest.digest, manifest).await?;
            Ok(moved)
        })
    }

    /// Takes a tag away. Some registries take a whole image away only: they are asked to when no other tag has it, but
    /// for those that are `going` too.
    pub(crate) async fn delete(
        &self,
        repository: &Repository,
        tag: &str,
        going: &BTreeSet<String>,
    ) -> Result<Untagged, RegistryError> {
        let Some(digest) = self.digest(repository, tag).await? else { return Ok(Untagged::Absent) };
        let delete = |reference: &str| {
            let path = format!("manifests/{reference}");
            self.ask(Method::DELETE, repository, &path, Access::Delete, format!("to delete {repository}:{tag}"))
        };
        match self.wire.send(&delete(tag)?).await {
            Ok(_) => return Ok(Untagged::Removed),
            Err(error) if error.is_missing() => return Ok(Untagged::Absent),
            Err(RegistryError::Refused {
                status: StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED,
                ..
            }) => {}
            Err(error) => return Err(error),
        }
        for other in self.tags(repository).await?.into_iter().filter(|other| other != tag && !going.contains(other)) {
            if self.digest(repository, &other).await?.as_deref() == Some(digest.as_str()) {
                return Ok(Untagged::Shared(other));
            }
        }
        match self.wire.send(&delete(&digest)?).await {
            Ok(_) => Ok(Untagged::Removed),
            Err(error) if error.is_missing() => Ok(Untagged::Absent),
            Err(error) => Err(error),
        }
    }

    /// A manifest that another one names.
    async fn expected(&self, repository: &Repository, digest: &str) -> Result<Manifest, RegistryError> {
        let ask = self.ask_manifest(Method::GET, repository, digest)?;
        self.manifest(repository, digest).await?.ok_or_else(|| invalid(&ask, "it has only a part of the image"))
    }

    fn ask_manifest<'a>(
        &self,
        method: Method,
        repository: &'a Repository,
        reference: &str,
    ) -> Result<Ask<'a>, RegistryError> {
        let what = named(repository, reference);
        let mut ask = self.ask(method, repository, &format!("manifests/{reference}"), Access::Read, what)?;
        ask.headers.push((ACCEPT, ACCEPTED.to_owned()));
        Ok(ask)
    }

    fn ask<'a>(
        &self,
        method: Method,
        repository: &'a Repository,
        path: &str,
        access: Access<'a>,
        what: String,
    ) -> Result<Ask<'a>, RegistryError> {
        let url = repository.url(path, &self.wire.insecure)?;
        Ok(Ask { method, url, repository, access, what, headers: Vec::new(), body: Vec::new(), layer: false })
    }
}

/// Of a manifest, in bytes.
const LARGEST: usize = 8 << 20;
const DIGEST: &str = "docker-content-digest";

fn named(repository: &Repository, reference: &str) -> String {
    let join = if reference.contains(':') { '@' } else { ':' };
    format!("{repository}{join}{reference}")
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The address of `<...>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    (rest.contains("rel=\"next\"") || rest.contains("rel=next")).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_names() {
        assert_eq!(next_page("</v2/a/tags/list?n=2&last=b>; rel=\"next\""), Some("/v2/a/tags/list?n=2&last=b"));
        assert_eq!(next_page("<x>; rel=\"prev\""), None);
        let repository = Repository::parse("ghcr.io/o/a").unwrap();
        assert_eq!(named(&repository, "1"), "ghcr.io/o/a:1");
        assert_eq!(named(&repository, "sha256:1"), "ghcr.io/o/a@sha256:1");
    }
}
