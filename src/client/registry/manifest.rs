//! Manifests: what an image or an index of images is made of, as the exact bytes that its digest is of.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// What is understood, most general first: an index is wanted where there is one.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// A manifest as its registry keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// `sha256:...`
    pub digest: String,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// What a manifest names.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Parts {
    /// Of an index.
    pub manifests: Vec<Descriptor>,
    pub config: Option<Descriptor>,
    pub layers: Vec<Descriptor>,
    pub media_type: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    /// Where a layer is that no registry keeps.
    pub urls: Vec<String>,
    pub platform: Option<Platform>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Platform {
    pub os: String,
}

impl Manifest {
    pub(super) fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { digest: digest(&bytes), media_type: media_type.to_owned(), bytes }
    }

    pub(super) fn parts(&self) -> Result<Parts, String> {
        let parts: Parts = serde_json::from_slice(&self.bytes).map_err(|error| error.to_string())?;
        let all = parts.manifests.iter().chain(&parts.config).chain(&parts.layers);
        match all.map(|part| &part.digest).find(|digest| !is_digest(digest)) {
            Some(wrong) => Err(format!("{wrong:?} is no digest")),
            None => Ok(parts),
        }
    }
}

impl Parts {
    /// What a copy has to bring along: layers from elsewhere are not kept by registries.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        self.config.iter().chain(&self.layers).filter(|blob| blob.urls.is_empty())
    }

    /// The image of an index that tells of it: attestations, which are of no system, do not.
    pub(super) fn image(&self) -> Option<&Descriptor> {
        let of_system = |part: &&Descriptor| part.platform.as_ref().is_none_or(|p| p.os != "unknown");
        self.manifests.iter().find(of_system).or(self.manifests.first())
    }
}

/// The digest of bytes.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// Digests become parts of addresses.
fn is_digest(text: &str) -> bool {
    let hexadecimal = |hex: &str| hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    text.split_once(':').is_some_and(|(kind, hex)| kind.bytes().all(|b| b.is_ascii_alphanumeric()) && hexadecimal(hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_images_and_indexes() {
        let (a, b) = (digest(b"a"), digest(b"b"));
        let json = format!(
            r#"{{"config":{{"digest":"{a}","size":1}},"layers":[{{"digest":"{b}"}},{{"digest":"{b}","urls":["x"]}}]}}"#
        );
        let parts = Manifest::new("m", json.into_bytes()).parts().unwrap();
        assert_eq!(parts.blobs().map(|blob| blob.digest.clone()).collect::<Vec<_>>(), [a.clone(), b.clone()]);
        let json = format!(
            r#"{{"manifests":[{{"digest":"{a}","platform":{{"os":"unknown","architecture":"unknown"}}}},
                {{"digest":"{b}","platform":{{"os":"linux"}}}}]}}"#
        );
        assert_eq!(Manifest::new("m", json.into_bytes()).parts().unwrap().image().unwrap().digest, b);
        for wrong in [r#"{"config":{"digest":"sha256:../../x"}}"#, r#"{"layers":[{"digest":""}]}"#, "7", ""] {
            assert!(Manifest::new("m", wrong.as_bytes().to_vec()).parts().is_err(), "{wrong}");
        }
    }
}
