//! What decides an image, by name: the digest of a build is made of it, and two lists of it say what has changed.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// One thing that an image is made of: an option of a component, a file, a source image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Input {
    /// Such as `builder image`, `provisioner 1 shell: inline`, `file setup.sh`, `source image`.
    pub name: String,
    /// As people read it; nothing where it is a secret or no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// SHA-256 of its canonical form, in hexadecimal; of a secret there is none, since a short one could be guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Input {
    /// A text that may be shown.
    pub(crate) fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        Self { name: name.into(), digest: Some(sha256(value.as_bytes())), value: Some(value) }
    }
}

/// The digest of a build: the same for the same inputs in the same order, `sha256:` and 64 hexadecimal digits.
pub(crate) fn digest(inputs: &[Input]) -> String {
    let mut hash = Sha256::new();
    for input in inputs {
        // Lengths first, so that no two lists are the same bytes.
        for part in [Some(input.name.as_str()), input.digest.as_deref()] {
            let part = part.unwrap_or_default();
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    format!("sha256:{}", hex(&hash.finalize()))
}

/// In hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_lists_apart() {
        let pair = |a: &str, b: &str| digest(&[Input::text(a, b)]);
        assert_eq!(pair("a", "b"), pair("a", "b"));
        assert_ne!(pair("a", "b"), pair("a", "c"));
        assert_ne!(pair("ab", "c"), pair("a", "bc"));
        assert_ne!(digest(&[]), digest(&[Input { name: String::new(), value: None, digest: None }]));
        assert!(pair("a", "b").starts_with("sha256:") && pair("a", "b").len() == 71);
    }
}
