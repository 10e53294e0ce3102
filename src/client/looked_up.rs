//! What registries were asked in a run about images: each is asked once, whoever wants to know.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::docker::{Login, Reference};
use super::registry::{Registries, Repository};
use crate::secret::Redactor;

/// Server, user, password.
type Key = Option<(String, String, String)>;
type Answers<K, T> = Mutex<HashMap<K, Arc<OnceCell<Result<T, String>>>>>;

/// An image in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InRegistry {
    /// `sha256:...`
    pub digest: String,
    pub labels: BTreeMap<String, String>,
}

/// The answers so far. A registry that did not answer is not asked again.
#[derive(Debug, Default)]
pub(crate) struct LookedUp {
    registries: Mutex<HashMap<Key, Arc<Registries>>>,
    digests: Answers<String, Option<String>>,
    images: Answers<String, Option<InRegistry>>,
    labels: Answers<(Repository, String), BTreeMap<String, String>>,
}

impl LookedUp {
    /// The digest of an image under its name; nothing when the registry has none.
    pub(crate) async fn digest(
        &self,
        name: &Reference,
        login: Option<&Login>,
        redactor: &Redactor,
    ) -> Result<Option<String>, String> {
        let cell = cell(&self.digests, whole(name));
        let ask = async {
            let registries = self.registries(login, redactor)?;
            let found = registries.digest(&Repository::of(name), name.version()).await;
            found.map_err(|error| error.to_string())
        };
        cell.get_or_init(|| ask).await.clone()
    }

    /// An image under its name with its labels; nothing when the registry has none.
    pub(crate) async fn image(
        &self,
        name: &Reference,
        login: Option<&Login>,
        redactor: &Redactor,
    ) -> Result<Option<InRegistry>, String> {
        let cell = cell(&self.images, whole(name));
        let ask = async {
            let (registries, repository) = (self.registries(login, redactor)?, Repository::of(name));
            let manifest = registries.manifest(&repository, name.version()).await.map_err(|error| error.to_string())?;
            let Some(manifest) = manifest else { return Ok(None) };
            // Several names of one image have one configuration.
            let labels = self::cell(&self.labels, (repository.clone(), manifest.digest.clone()));
            let ask = async { registries.labels(&repository, &manifest).await.map_err(|error| error.to_string()) };
            let labels = labels.get_or_init(|| ask).await.clone()?;
            Ok(Some(InRegistry { digest: manifest.digest, labels }))
        };
        cell.get_or_init(|| ask).await.clone()
    }

    /// Gives an image in the name's repository, which is known by its digest, another tag. Whether it was there.
    pub(crate) async fn tag(
        &self,
        name: &Reference,
        (digest, tag): (&str, &str),
        login: Option<&Login>,
        redactor: &Redactor,
    ) -> Result<bool, String> {
        let (registries, repository) = (self.registries(login, redactor)?, Repository::of(name));
        let manifest = registries.manifest(&repository, digest).await.map_err(|error| error.to_string())?;
        let Some(manifest) = manifest else { return Ok(false) };
        let put = registries.put_manifest(&repository, tag, &manifest).await;
        put.map(|()| true).map_err(|error| error.to_string())
    }

    /// Of one login: its tokens are kept.
    fn registries(&self, login: Option<&Login>, redactor: &Redactor) -> Result<Arc<Registries>, String> {
        let key = login.map(|login| (login.server.clone(), login.username.clone(), login.password.clone()));
        let mut known = self.registries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(registries) = known.get(&key) {
            return Ok(Arc::clone(registries));
        }
        let registries = Arc::new(Registries::new(redactor)?);
        login.cloned().into_iter().for_each(|login| registries.add_login(login));
        known.insert(key, Arc::clone(&registries));
        Ok(registries)
    }
}

fn whole(name: &Reference) -> String {
    format!("{}:{}", name.repository, name.version())
}

fn cell<K: Eq + Hash, T>(answers: &Answers<K, T>, key: K) -> Arc<OnceCell<Result<T, String>>> {
    Arc::clone(answers.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
}
