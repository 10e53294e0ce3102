//! Previews in GitHub's own registry, which deletes by GitHub's interface only: whole versions of a package, each with all
//! its tags.

use std::collections::BTreeSet;

use crate::client::github::{Address, GithubError, Identity, Repository, registry_of};
use crate::engine::sweep::Swept;
use crate::secret::Redactor;

/// The right to ask GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OnGithub {
    /// Such as `https://api.github.com`.
    pub api: String,
    pub identity: Identity,
    /// `owner/name`, where it is known for whom is asked.
    pub repository: Option<String>,
}

/// How GitHub refuses to leave a package without a version.
const LAST: &str = "last tagged version";

impl OnGithub {
    /// Whether images of that registry are GitHub's packages.
    pub(crate) fn has(&self, registry: &str) -> bool {
        registry_of(&self.api).is_some_and(|own| own == registry)
    }

    /// Removes the versions of a package that have no tags but those that are going, which its registry has just told.
    /// `shown` is how the repository stands in the names of its images, `name` the same within the registry.
    pub(super) async fn remove(
        &self,
        (shown, name): (&str, &str),
        going: &BTreeSet<String>,
        redactor: &Redactor,
    ) -> Result<Vec<Swept>, String> {
        let (owner, package) = name.split_once('/').ok_or("its name has no owner")?;
        let github = self.connect(owner, redactor).await.map_err(told)?;
        let image = |tag: &String| format!("image {shown}:{tag}");
        let failed = |tag: &String, why: &str| Swept::Failed(format!("could not remove {}: {why}", image(tag)));
        let versions = match github.package_versions(owner, package).await {
            Ok(versions) => versions,
            Err(GithubError::Missing(said)) => {
                let why = may_not(&said);
                return Ok(going.iter().map(|tag| failed(tag, &why)).collect());
            }
            Err(error) => return Err(told(error)),
        };
        let mut swept = Vec::new();
        for version in &versions {
            let (gone, other): (Vec<&String>, Vec<&String>) = version.tags.iter().partition(|tag| going.contains(*tag));
            if gone.is_empty() {
                continue;
            }
            if let Some(other) = other.first() {
                let why = format!("{other} is the same image, and GitHub removes whole images only");
                swept.extend(gone.into_iter().map(|tag| failed(tag, &why)));
                continue;
            }
            let removed = github.delete_package_version(owner, package, version).await;
            swept.extend(gone.into_iter().map(|tag| match &removed {
                Ok(true) => Swept::Removed(image(tag)),
                Ok(false) => Swept::Absent(image(tag)),
                Err(GithubError::Invalid(said)) if said.contains(LAST) => {
                    Swept::Left(format!("{}: GitHub keeps the last version of a package", image(tag)))
                }
                Err(error) => failed(tag, &told(error.clone())),
            }));
        }
        let unseen = going.iter().filter(|tag| versions.iter().all(|version| !version.tags.contains(tag)));
        let why = may_not("it shows no version of the package with that tag");
        swept.extend(unseen.map(|tag| failed(tag, &why)));
        Ok(swept)
    }

    async fn connect(&self, owner: &str, redactor: &Redactor) -> Result<Repository, GithubError> {
        let (owner, name) = self.repository.as_deref().and_then(|whole| whole.split_once('/')).unwrap_or((owner, ""));
        let address = Address {
            api: self.api.clone(),
            graphql: format!("{}/graphql", self.api),
            owner: owner.to_owned(),
            name: name.to_owned(),
        };
        Repository::connect(address, self.identity.clone(), redactor).await
    }
}

fn told(error: GithubError) -> String {
    match error {
        GithubError::Forbidden(said) => may_not(&said),
        error => error.to_string(),
    }
}

fn may_not(said: &str) -> String {
    format!(
        "the job may not remove packages: give it `permissions` with `packages: write`, and the repository the role \
         Admin in the settings of the package (GitHub: {said})"
    )
}
