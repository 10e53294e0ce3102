//! A repository of a registry: where it is asked and by which name.

use reqwest::Url;

use super::RegistryError;
use crate::client::docker::{HUB, Reference};

/// Where Docker Hub's registry is, whose name in image names is another.
const HUB_HOST: &str = "registry-1.docker.io";

/// One repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Repository {
    /// Host and port, `docker.io` for Docker Hub.
    pub registry: String,
    /// Its name within the registry.
    pub name: String,
    /// As it stands in the names of its images.
    written: String,
}

impl std::fmt::Display for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.written)
    }
}

impl Repository {
    /// A name without tag and digest.
    pub(crate) fn parse(name: &str) -> Result<Self, RegistryError> {
        let reference = Reference::parse(name)?;
        if reference.tag.is_some() || reference.digest.is_some() {
            let text = format!("{name:?} names an image; a repository has neither tag nor digest");
            return Err(RegistryError::NotARepository(text));
        }
        Ok(Self::of(&reference))
    }

    /// The repository of an image.
    pub(crate) fn of(reference: &Reference) -> Self {
        let written = reference.repository.clone();
        let below = match written.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => rest,
            _ => &written,
        };
        let official = reference.registry == HUB && !below.contains('/');
        let name = if official { format!("library/{below}") } else { below.to_owned() };
        Self { registry: reference.registry.clone(), name, written }
    }

    /// `what` below the repository. Registries on loopback and those that the engine's settings name speak plain HTTP.
    pub(super) fn url(&self, what: &str, insecure: &[String]) -> Result<Url, RegistryError> {
        let host = if self.registry == HUB { HUB_HOST } else { &self.registry };
        let scheme = if is_loopback(host) || insecure.iter().any(|known| known == host) { "http" } else { "https" };
        let text = format!("{scheme}://{host}/v2/{}/{what}", self.name);
        Url::parse(&text).map_err(|error| RegistryError::NotARepository(format!("{}: {error}", self.written)))
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |p| p.0);
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_repository_is_asked() {
        for (name, url) in [
            ("ghcr.io/org/web", "https://ghcr.io/v2/org/web/tags/list"),
            ("debian", "https://registry-1.docker.io/v2/library/debian/tags/list"),
            ("docker.io/me/app", "https://registry-1.docker.io/v2/me/app/tags/list"),
            ("index.docker.io/debian", "https://registry-1.docker.io/v2/library/debian/tags/list"),
            ("127.0.0.1:5000/a", "http://127.0.0.1:5000/v2/a/tags/list"),
            ("localhost/a/b", "http://localhost/v2/a/b/tags/list"),
            ("lab.internal:5000/a", "http://lab.internal:5000/v2/a/tags/list"),
            ("10.0.0.1:5000/a", "https://10.0.0.1:5000/v2/a/tags/list"),
        ] {
            let found = Repository::parse(name).unwrap().url("tags/list", &["lab.internal:5000".to_owned()]).unwrap();
            assert_eq!(found.as_str(), url);
        }
        for wrong in ["a:1", "a@sha256:1", "", "A"] {
            assert!(Repository::parse(wrong).is_err(), "{wrong}");
        }
    }
}
