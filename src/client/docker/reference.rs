//! Names of images by Docker's rules: which part is the registry, which the tag or digest.

/// Docker Hub's name in image names, and the key under which logins for it are stored.
pub(crate) const HUB: &str = "docker.io";
pub(crate) const HUB_KEY: &str = "https://index.docker.io/v1/";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not the name of an image: {reason}")]
pub(crate) struct ReferenceError {
    name: String,
    reason: &'static str,
}

/// A parsed image name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Everything before tag and digest, as written.
    pub repository: String,
    pub tag: Option<String>,
    /// `sha256:...`
    pub digest: Option<String>,
    /// Host and port, `docker.io` when none is written.
    pub registry: String,
}

impl Reference {
    pub(crate) fn parse(name: &str) -> Result<Self, ReferenceError> {
        let error = |reason| ReferenceError { name: name.to_owned(), reason };
        let (rest, digest) = match name.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (name, None),
        };
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(error("after \"@\" a digest like sha256:<64 hex digits> is expected"));
        }
        // A colon before the last slash belongs to a port.
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(error(
                "a tag has letters, digits, \"_\", \".\" and \"-\", at most 128, and starts with neither \".\" nor \"-\"",
            ));
        }
        let (registry, path) = match repository.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (first, path),
            _ => (HUB, repository),
        };
        if path.is_empty() {
            return Err(error("it has no repository"));
        }
        if path.chars().any(|c| c.is_ascii_uppercase()) {
            return Err(error("a repository must be lower-case"));
        }
        let host_ok = registry.chars().all(|c| c.is_ascii_alphanumeric() || ".:-_[]".contains(c));
        if !host_ok || !path.split('/').all(is_component) {
            return Err(error(
                "a repository has lower-case letters, digits, and single \".\", \"_\", \"-\" or \"/\" between",
            ));
        }
        let registry = if registry == "index.docker.io" { HUB } else { registry };
        Ok(Self {
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
            registry: registry.to_owned(),
        })
    }

    /// What the engine wants beside the repository: the digest, the tag, or `latest`.
    pub(crate) fn version(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The name without its digest, with `latest` when no tag is written: what is pushed.
    pub(crate) fn tagged(&self) -> String {
        format!("{}:{}", self.repository, self.tag.as_deref().unwrap_or("latest"))
    }
}

/// Whether the text is an image id (`sha256:...` or at least 12 hex digits), not a name.
pub(crate) fn is_image_id(text: &str) -> bool {
    is_digest(text) || (text.len() >= 12 && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

fn is_component(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    edge(text.chars().next())
        && edge(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_tag_and_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (name, registry, repository, version) in [
            ("debian", HUB, "debian", "latest"),
            ("debian:12", HUB, "debian", "12"),
            ("library/debian", HUB, "library/debian", "latest"),
            ("index.docker.io/library/debian:12", HUB, "index.docker.io/library/debian", "12"),
            ("localhost/a:b", "localhost", "localhost/a", "b"),
            ("127.0.0.1:5000/lab/app", "127.0.0.1:5000", "127.0.0.1:5000/lab/app", "latest"),
            ("ghcr.io/o/a__b-c:v1.2", "ghcr.io", "ghcr.io/o/a__b-c", "v1.2"),
        ] {
            let parsed = Reference::parse(name).unwrap();
            assert_eq!(
                (parsed.registry.as_str(), parsed.repository.as_str(), parsed.version()),
                (registry, repository, version)
            );
        }
        let parsed = Reference::parse(&format!("a/b:1@{digest}")).unwrap();
        assert_eq!((parsed.version(), parsed.tagged().as_str()), (digest.as_str(), "a/b:1"));
    }

    #[test]
    fn names_that_are_none() {
        for name in ["", ":", "Debian", "a b", "a//b", "a:", "a:-x", "a@sha256:12", "ghcr.io/", "a/b?x", "-a"] {
            assert!(Reference::parse(name).is_err(), "{name}");
        }
    }
}
