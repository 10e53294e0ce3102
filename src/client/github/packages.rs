//! GitHub's registry of container images, as far as GitHub's own interface has it: the versions of a package, each a
//! manifest with its tags. The registry itself refuses to delete. The job needs `packages: write`.

use octocrab::models::packages::PackageType;
use reqwest::Url;

use super::retry::{Effect, patiently};
use super::{GithubError, Repository};

/// Versions in an answer.
const PER_PAGE: u8 = 100;
/// Pages of a list: one without end is none.
const PAGES: usize = 1000;

/// One manifest of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackageVersion {
    pub id: u64,
    pub tags: Vec<String>,
    /// Whether an organization owns the package, or a person.
    of_organization: bool,
}

/// The registry that belongs to the GitHub whose interface is at `api`.
pub(crate) fn registry_of(api: &str) -> Option<String> {
    let host = Url::parse(api).ok()?.host_str()?.to_owned();
    Some(match host.strip_prefix("api.") {
        Some("github.com") => "ghcr.io".to_owned(),
        Some(tenant) if tenant.ends_with(".ghe.com") => format!("containers.{tenant}"),
        // An Enterprise Server has its interface below a path of its own name.
        _ => format!("containers.{host}"),
    })
}

impl Repository {
    /// All versions of a package. One that is hidden from the token is missing.
    pub(crate) async fn package_versions(
        &self,
        owner: &str,
        package: &str,
    ) -> Result<Vec<PackageVersion>, GithubError> {
        match self.versions(owner, package, true).await {
            Err(GithubError::Missing(_)) => self.versions(owner, package, false).await,
            found => found,
        }
    }

    async fn versions(
        &self,
        owner: &str,
        package: &str,
        of_organization: bool,
    ) -> Result<Vec<PackageVersion>, GithubError> {
        let packages = self.packages(owner, of_organization);
        let listed = patiently(Effect::None, || {
            let ask = packages.list_versions(PackageType::Container, package);
            // GitHub describes no such key for a person's.
            if of_organization { ask.per_page(PER_PAGE).send() } else { ask.send() }
        });
        let mut page = listed.await?;
        let mut found = Vec::new();
        for _ in 0..PAGES {
            found.extend(page.items.drain(..).map(|version| PackageVersion {
                id: version.id.into_inner(),
                tags: version.metadata.and_then(|about| about.container).map(|about| about.tags).unwrap_or_default(),
                of_organization,
            }));
            let next = patiently(Effect::None, || self.crab.get_page(&page.next)).await?;
            match next {
                Some(next) => page = next,
                None => return Ok(found),
            }
        }
        Err(GithubError::Invalid(format!("the list of versions of {owner}/{package} has no end")))
    }

    /// Whether it was there.
    pub(crate) async fn delete_package_version(
        &self,
        owner: &str,
        package: &str,
        version: &PackageVersion,
    ) -> Result<bool, GithubError> {
        let packages = self.packages(owner, version.of_organization);
        let delete = || packages.delete_version(PackageType::Container, package, version.id);
        match patiently(Effect::None, delete).await {
            Ok(()) => Ok(true),
            Err(GithubError::Missing(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn packages(&self, owner: &str, of_organization: bool) -> octocrab::packages::PackagesHandler<'_> {
        let all = self.crab.packages();
        if of_organization { all.org(owner) } else { all.user(owner) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_github_has_a_registry() {
        for (api, registry) in [
            ("https://api.github.com", "ghcr.io"),
            ("https://github.example.com/api/v3", "containers.github.example.com"),
            ("https://api.example.com/api/v3", "containers.api.example.com"),
            ("https://api.octo.ghe.com", "containers.octo.ghe.com"),
        ] {
            assert_eq!(registry_of(api).as_deref(), Some(registry));
        }
        assert_eq!(registry_of("nonsense"), None);
    }
}
