//! Layers and configurations: kept as they are where the registry has them, mounted from another repository of the same
//! registry, and streamed from one registry to another where nothing else is left.

use futures_util::StreamExt as _;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};

use super::manifest::Descriptor;
use super::wire::{Access, Ask, invalid};
use super::{Moved, Registries, RegistryError, Repository};

/// Layers on the way at once.
const AT_ONCE: usize = 4;
/// What breaks half-way is begun anew so often.
const ATTEMPTS: u32 = 3;

impl Registries {
    /// Sees to it that the repository has the blobs.
    pub(super) async fn bring(
        &self,
        from: &Repository,
        blobs: &[Descriptor],
        to: &Repository,
    ) -> Result<Moved, RegistryError> {
        let mut each = Vec::new();
        for blob in blobs {
            each.push(self.bring_one(from, blob, to));
        }
        let mut done = futures_util::stream::iter(each).buffer_unordered(AT_ONCE);
        let mut sum = Moved::default();
        while let Some(one) = done.next().await {
            sum = sum + one?;
        }
        Ok(sum)
    }

    async fn bring_one(&self, from: &Repository, blob: &Descriptor, to: &Repository) -> Result<Moved, RegistryError> {
        if self.has_blob(to, &blob.digest).await? {
            return Ok(Moved::default());
        }
        let mut attempt = 1;
        loop {
            let moved = match self.begin(from, blob, to).await? {
                None => return Ok(Moved { mounted: 1, ..Moved::default() }),
                Some(place) => self.carry(from, blob, to, place).await,
            };
            match moved {
                Err(error @ (RegistryError::Unreachable { .. } | RegistryError::Refused { .. }))
                    if attempt < ATTEMPTS && !error.is_missing() =>
                {
                    tracing::debug!(attempt, "a layer is carried again: {error}");
                    attempt += 1;
                }
                moved => return moved,
            }
        }
    }

    async fn has_blob(&self, repository: &Repository, digest: &str) -> Result<bool, RegistryError> {
        let what = format!("the layer {repository}@{digest}");
        let ask = self.ask(Method::HEAD, repository, &format!("blobs/{digest}"), Access::Write, what)?;
        match self.wire.send(&ask).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Mounts the blob where that can be; else where to upload it.
    async fn begin(&self, from: &Repository, blob: &Descriptor, to: &Repository) -> Result<Option<Url>, RegistryError> {
        let (same, what) = (from.registry == to.registry, format!("the layer {} for {to}", blob.digest));
        let access = if same { Access::WriteFrom(from) } else { Access::Write };
        let mut ask = self.ask(Method::POST, to, "blobs/uploads/", access, what)?;
        if same {
            ask.url.query_pairs_mut().append_pair("mount", &blob.digest).append_pair("from", &from.name);
        }
        ask.headers.push((CONTENT_LENGTH, "0".to_owned()));
        let answer = self.wire.send(&ask).await?;
        if answer.status() == StatusCode::CREATED { Ok(None) } else { place(&ask, &answer).map(Some) }
    }

    /// From one registry to the other without keeping it: the target compares what it got with the digest.
    async fn carry(
        &self,
        from: &Repository,
        blob: &Descriptor,
        to: &Repository,
        place_of_upload: Url,
    ) -> Result<Moved, RegistryError> {
        let what = format!("the layer {} of {from}", blob.digest);
        let mut ask = self.ask(Method::GET, from, &format!("blobs/{}", blob.digest), Access::Read, what)?;
        ask.layer = true;
        let layer = self.wire.send(&ask).await?;
        let what = format!("the layer {} for {to}", blob.digest);
        let same = from.registry == to.registry;
        let access = if same { Access::WriteFrom(from) } else { Access::Write };
        let mut ask = self.ask(Method::PATCH, to, "", access, what)?;
        ask.url = place_of_upload;
        ask.layer = true;
        ask.headers.push((CONTENT_TYPE, "application/octet-stream".to_owned()));
        let sent = self.wire.stream(&ask, layer).await?;
        ask.url = place(&ask, &sent)?;
        ask.url.query_pairs_mut().append_pair("digest", &blob.digest);
        ask.method = Method::PUT;
        ask.headers = vec![(CONTENT_LENGTH, "0".to_owned())];
        self.wire.stream(&ask, Vec::new()).await?;
        Ok(Moved { carried: 1, bytes: blob.size, ..Moved::default() })
    }
}

/// Where an upload goes on.
fn place(ask: &Ask<'_>, answer: &Response) -> Result<Url, RegistryError> {
    let place = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok());
    let place = place.and_then(|place| ask.url.join(place).ok());
    let place = place.filter(|place| place.scheme() == "https" || ask.url.scheme() == "http");
    place.ok_or_else(|| invalid(ask, "it does not say where to upload"))
}
