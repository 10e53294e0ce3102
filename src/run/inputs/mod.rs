//! What decides an image, by name: the digest of a build is made of it, and two lists of it say what has changed.

mod earlier;
mod files;
mod places;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub(crate) use earlier::{Difference, Earlier, EarlierImage, differences};
pub(crate) use files::{Hashes, Ignore, Local};
pub(crate) use places::Places;

/// Counts on when forge makes another image of the same template: every digest is a new one then.
const REVISION: &str = "1";
/// Name of the input that is the image a machine is made of.
const SOURCE: &str = "source image";
/// Letters of a value that are kept; the digest is over all of it.
const LONGEST_VALUE: usize = 4096;

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
        let mut value = value.into();
        let digest = Some(sha256(value.as_bytes()));
        if value.len() > LONGEST_VALUE {
            let end = (0..=LONGEST_VALUE).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
            value = format!("{} [... {} bytes in all]", &value[..end], value.len());
        }
        Self { name: name.into(), digest, value: Some(value) }
    }

    /// A secret, of which nothing is told.
    pub(crate) fn secret(name: impl Into<String>) -> Self {
        Self { name: name.into(), value: None, digest: None }
    }
}

/// What is known of a build's inputs when it is planned. Nothing of it depends on clock, machine or folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Planned {
    /// Options of the components, in the order in which these work.
    pub options: Vec<Input>,
    /// What the components read.
    pub locals: Vec<Local>,
    /// Names that the image gets whenever it is built.
    pub names: Vec<String>,
    /// Why there is more that decides the image and is not known.
    pub unknown: Option<String>,
}

/// All inputs of a build, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inputs {
    pub list: Vec<Input>,
    /// Why they are not all of them: there is no digest then.
    pub unknown: Option<String>,
}

impl Planned {
    /// Nothing is known, and why.
    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        Self { unknown: Some(why.into()), ..Self::default() }
    }

    /// Adds files whose paths are known. `<unknown>` stands for what only a running build has.
    pub(crate) fn add_locals(&mut self, locals: Vec<Local>) {
        self.locals.extend(locals.into_iter().filter(|local| !local.path.to_string_lossy().contains("<unknown>")));
    }

    /// With the files. Blocks while they are read.
    pub(crate) fn read(&self, places: &Places, hashes: &Hashes) -> Inputs {
        let mut list = vec![Input::text("forge revision", REVISION)];
        list.extend(self.options.iter().cloned());
        let (mut files, mut unknown) = (Vec::new(), self.unknown.clone());
        for local in &self.locals {
            match hashes.of(local, places) {
                Ok(input) => files.push(input),
                Err(error) => drop(unknown.get_or_insert(error)),
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        files.dedup();
        list.extend(files);
        Inputs { list, unknown }
    }
}

impl Inputs {
    /// With the image that the machine is made of, if there is one.
    pub(crate) fn with_source(mut self, source: Result<Option<String>, String>) -> Self {
        match source {
            Ok(source) => self.list.extend(source.map(|source| Input::text(SOURCE, source))),
            Err(error) => drop(self.unknown.get_or_insert(error)),
        }
        self
    }

    /// The digest of the build, if everything is known.
    pub(crate) fn digest(&self) -> Option<String> {
        self.unknown.is_none().then(|| digest(&self.list))
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
