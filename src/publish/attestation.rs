//! Attestations before publishing: an image that must have one is published only if a workflow that may has signed what
//! it is, of the commit that it is built of. All of this is looked at before any name is written.
//!
//! A container image is what its manifest's digest says. A machine image has no digest that anybody could check: its
//! record names it, and the digest of the record's file is what is signed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Did, Order, Subject, is_machine};
use crate::attestation::{PROVENANCE, Policy, Refusal, Trust};
use crate::client::github::{GithubError, Repository};

/// Where attestations are, and what they are held against besides an image's settings.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub source: Source,
    /// Address of GitHub, such as `https://github.com`.
    pub server: String,
    /// The commit that has the version, where it is known; else the one that the record says.
    pub commit: Option<String>,
    /// Where paths of settings begin.
    pub folder: PathBuf,
}

/// Where attestations are.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Github(Box<Repository>),
    /// Bundles that were given, as JSON.
    Given(Vec<String>),
    /// Nobody can be asked, and what to do about it.
    Nowhere(String),
}

/// Refusals that a message tells.
const SHOWN: usize = 5;

/// What is known of each image that must be attested, by its build: who has signed it, or why it is not published.
pub(super) async fn check(subjects: &[Subject], order: &Order) -> BTreeMap<String, Result<Vec<Did>, String>> {
    let mut inquiry = Inquiry { order, roots: BTreeMap::new(), found: BTreeMap::new() };
    let mut known = BTreeMap::new();
    for subject in subjects.iter().filter(|subject| subject.settings.attestation.is_required()) {
        known.insert(subject.build.name.clone(), inquiry.look(subject).await);
    }
    known
}

/// What was asked for already: images of one record share its attestations.
struct Inquiry<'a> {
    order: &'a Order,
    roots: BTreeMap<Option<PathBuf>, Result<Arc<Trust>, String>>,
    found: BTreeMap<String, Result<Vec<String>, String>>,
}

impl Inquiry<'_> {
    async fn look(&mut self, subject: &Subject) -> Result<Vec<Did>, String> {
        let policy = self.policy(subject)?;
        let trust = self.trust(subject.settings.attestation.trusted_root.clone())?;
        let mut signed = Vec::new();
        for (digest, what) in digests(subject)? {
            let bundles =
                self.bundles(&digest).await.map_err(|error| format!("the attestations of {what}: {error}"))?;
            if bundles.is_empty() {
                return Err(format!(
                    "{what} has no attestation; let the workflow that builds it attest it (docs/publish.md, \
                     \"Attestations\")"
                ));
            }
            let mut refusals = Vec::new();
            let checked = bundles.iter().find_map(|bundle| {
                policy.check(bundle, &digest, &trust).map_err(|refusal| refusals.push(refusal)).ok()
            });
            match checked {
                Some(vouched) => signed.push(Did::Attested(format!("{what} by {}", vouched.workflow))),
                None => return Err(format!("{what} has no attestation that counts: {}", told(refusals))),
            }
        }
        Ok(signed)
    }

    fn policy(&self, subject: &Subject) -> Result<Policy, String> {
        let evidence = &self.order.evidence;
        let settings = &subject.settings.attestation;
        let recorded = subject.build.origin.as_ref().and_then(|origin| origin.commit.clone());
        if let (Some(commit), Some(recorded)) = (&evidence.commit, &recorded)
            && commit != recorded
        {
            return Err(format!("the version is of commit {commit}, and the record is of commit {recorded}"));
        }
        let commit = evidence.commit.clone().or(recorded);
        let commit = commit.ok_or("its record does not say which commit it is of, so no attestation can be of that")?;
        let repository = self.order.repository.clone();
        let repository = repository
            .ok_or("nobody says which repository on GitHub it is built of: give --source-repository OWNER/NAME")?;
        Ok(Policy {
            server: evidence.server.clone(),
            issuer: settings.issuer.clone(),
            repository,
            commit,
            signers: settings.signers.clone().unwrap_or_default(),
        })
    }

    fn trust(&mut self, file: Option<PathBuf>) -> Result<Arc<Trust>, String> {
        let folder = &self.order.evidence.folder;
        let read = |path: &PathBuf| {
            let text = std::fs::read_to_string(folder.join(path)).map_err(|error| error.to_string());
            let trust = text.and_then(|text| Trust::read(&text));
            trust.map_err(|error| format!("the trusted root {}: {error}", path.display()))
        };
        let known = self.roots.entry(file).or_insert_with_key(|file| match file {
            Some(path) => read(path).map(Arc::new),
            None => Trust::built_in().map(Arc::new),
        });
        known.clone()
    }

    async fn bundles(&mut self, digest: &str) -> Result<Vec<String>, String> {
        if let Some(known) = self.found.get(digest) {
            return known.clone();
        }
        let found = match &self.order.evidence.source {
            Source::Github(github) => github.attestations(digest, PROVENANCE).await.map_err(|error| match error {
                GithubError::Forbidden(said) => {
                    format!("the job may not read them: give it `permissions` with `attestations: read` ({said})")
                }
                error => error.to_string(),
            }),
            Source::Given(bundles) => Ok(bundles.clone()),
            Source::Nowhere(advice) => Err(advice.clone()),
        };
        self.found.insert(digest.to_owned(), found.clone());
        found
    }
}

/// What is to be attested of an image, each with how to name it. Of a container image that was pushed nowhere nothing is,
/// and it is not published either.
fn digests(subject: &Subject) -> Result<BTreeMap<String, String>, String> {
    let build = &subject.build;
    if is_machine(build) {
        let origin = build.origin.as_ref().ok_or("there is no file of its record that could be attested")?;
        return Ok(BTreeMap::from([(origin.digest.clone(), format!("its record ({})", origin.digest))]));
    }
    let digests: BTreeSet<&String> = build.images.iter().flat_map(|image| image.digests.values()).collect();
    Ok(digests.into_iter().map(|digest| (digest.clone(), digest.clone())).collect())
}

/// Why none of some attestations counts. Those of other images are told only if there are no others.
fn told(mut refusals: Vec<Refusal>) -> String {
    let of_others = |refusal: &Refusal| matches!(refusal, Refusal::Differs { part: "digest", .. });
    if !refusals.iter().all(of_others) {
        refusals.retain(|refusal| !of_others(refusal));
    }
    let number = refusals.len();
    let mut texts: Vec<String> = refusals.iter().take(SHOWN).map(ToString::to_string).collect();
    if number > SHOWN {
        texts.push(format!("and {} others", number - SHOWN));
    }
    texts.join("; ")
}
