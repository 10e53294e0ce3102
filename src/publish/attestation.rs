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
use crate::client::github::{Attestations, GithubError, Repository};

/// Where attestations are, and what they are held against besides an image's settings.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub source: Source,
    /// Address of GitHub, such as `https://github.com`.
    pub server: String,
    /// The repository on GitHub that images are built of, `owner/name`.
    pub repository: Option<String>,
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

/// Of each image in turn who has signed it, or why it may not be published; nothing of one that needs no attestation.
pub(super) async fn check(subjects: &[Subject], order: &Order) -> Vec<Result<Vec<Did>, String>> {
    let mut inquiry = Inquiry { order, roots: BTreeMap::new(), found: BTreeMap::new() };
    let mut known = Vec::new();
    for subject in subjects {
        known.push(match subject.settings.attestation.is_required() {
            true => inquiry.look(subject).await,
            false => Ok(Vec::new()),
        });
    }
    known
}

/// What was asked for already: images of one record share its attestations.
struct Inquiry<'a> {
    order: &'a Order,
    roots: BTreeMap<Option<PathBuf>, Result<Arc<Trust>, String>>,
    found: BTreeMap<String, Found<'a>>,
}

/// The attestations of a digest, as far as somebody has looked.
#[derive(Default)]
struct Found<'a> {
    /// As JSON, or why one cannot be had.
    seen: Vec<Result<String, String>>,
    rest: Option<Attestations<'a>>,
    /// Why nobody knows whether there are more.
    failed: Option<String>,
}

impl Found<'_> {
    async fn get(&mut self, at: usize) -> Result<Option<&Result<String, String>>, String> {
        if at == self.seen.len()
            && let Some(rest) = &mut self.rest
        {
            match rest.next().await {
                Ok(Some(bundle)) => self.seen.push(bundle),
                Ok(None) => self.rest = None,
                Err(error) => {
                    self.rest = None;
                    self.failed = Some(failed(error));
                }
            }
        }
        match (self.seen.get(at), &self.failed) {
            (None, Some(error)) => Err(error.clone()),
            (seen, _) => Ok(seen),
        }
    }
}

fn failed(error: GithubError) -> String {
    match error {
        GithubError::Forbidden(said) => {
            format!("the job may not read them: give it `permissions` with `attestations: read` ({said})")
        }
        error => error.to_string(),
    }
}

impl<'a> Inquiry<'a> {
    async fn look(&mut self, subject: &Subject) -> Result<Vec<Did>, String> {
        let policy = self.policy(subject)?;
        let trust = self.trust(subject.settings.attestation.trusted_root.clone())?;
        let mut signed = Vec::new();
        for (digest, what) in digests(subject)? {
            let not_read = |error: String| format!("the attestations of {what}: {error}");
            let found = self.found(&digest).map_err(not_read)?;
            let mut refusals = Vec::new();
            let vouched = loop {
                let bundle = match found.get(refusals.len()).await.map_err(not_read)? {
                    Some(Ok(bundle)) => policy.check(bundle, &digest, &trust),
                    Some(Err(error)) => Err(Refusal::Unreadable(error.clone())),
                    None => break None,
                };
                match bundle {
                    Ok(vouched) => break Some(vouched),
                    Err(refusal) => refusals.push(refusal),
                }
            };
            match vouched {
                Some(vouched) => signed.push(Did::Attested(format!("{what} by {}", vouched.workflow))),
                None if refusals.is_empty() => {
                    return Err(format!(
                        "{what} has no attestation; let the workflow that builds it attest it (docs/publish.md, \
                         \"Attestations\")"
                    ));
                }
                None => return Err(format!("{what} has no attestation that counts: {}", told(refusals))),
            }
        }
        Ok(signed)
    }

    fn policy(&self, subject: &Subject) -> Result<Policy, String> {
        let evidence = &self.order.evidence;
        let settings = &subject.settings.attestation;
        let recorded = subject.build.origin.as_ref().and_then(|origin| origin.commit.clone());
        let accepted = subject.other_commit.as_ref().or(evidence.commit.as_ref());
        if let (Some(commit), Some(recorded)) = (accepted, &recorded)
            && commit != recorded
        {
            return Err(format!("the version is of commit {commit}, and the record is of commit {recorded}"));
        }
        let commit = accepted.cloned().or(recorded);
        let commit = commit.ok_or("its record does not say which commit it is of, so no attestation can be of that")?;
        let repository = evidence.repository.clone();
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

    fn found(&mut self, digest: &str) -> Result<&mut Found<'a>, String> {
        let order = self.order;
        let first = match &order.evidence.source {
            Source::Github(github) => Found { rest: Some(github.attestations(digest, PROVENANCE)), ..Found::default() },
            Source::Given(bundles) => Found { seen: bundles.iter().cloned().map(Ok).collect(), ..Found::default() },
            Source::Nowhere(advice) => return Err(advice.clone()),
        };
        Ok(self.found.entry(digest.to_owned()).or_insert(first))
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
