//! `attestation`: what must vouch for an image before it is published.

use std::path::PathBuf;

use super::mistakes::{Mistakes, shown};
use super::reader::{boolean, entries, path, text, texts};
use super::tree::{Content, Entry, Node};
use crate::attestation::Signer;
use crate::diagnostic::Diagnostic;

pub(super) const KEYS: [&str; 4] = ["required", "signer-workflow", "trusted-root", "issuer"];

/// What the file says of attestations; what it does not say is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Attestation {
    pub required: Option<bool>,
    /// The workflows that may sign; else those of the repository.
    pub signers: Option<Vec<Signer>>,
    /// A file with the roots of Sigstore's instances; else those that the program has.
    pub trusted_root: Option<PathBuf>,
    /// Who vouches for the identity of workflows; else who does so on that GitHub.
    pub issuer: Option<String>,
}

impl Attestation {
    /// This, and what `defaults` says where this is silent. Whoever says what an attestation must be wants one, whatever
    /// `defaults` says.
    pub(super) fn over(self, defaults: Self) -> Self {
        Self {
            required: self.required.or(self.says_which().then_some(true)).or(defaults.required),
            signers: self.signers.or(defaults.signers),
            trusted_root: self.trusted_root.or(defaults.trusted_root),
            issuer: self.issuer.or(defaults.issuer),
        }
    }

    pub(crate) fn is_required(&self) -> bool {
        self.required.unwrap_or_else(|| self.says_which())
    }

    fn says_which(&self) -> bool {
        self.signers.is_some() || self.trusted_root.is_some() || self.issuer.is_some()
    }
}

pub(super) fn attestation(node: &Node, mistakes: &mut Mistakes<'_>) -> Attestation {
    let mut attestation = Attestation::default();
    if matches!(&node.content, Content::Map(entries) if entries.is_empty()) {
        mistakes.push(Diagnostic::error("\"attestation\" is empty").at(node.span).help("write required: true"));
    }
    for Entry { key, value, .. } in entries(node, "\"attestation\"", &KEYS, mistakes).into_iter().flatten() {
        match key.as_str() {
            "required" => attestation.required = boolean(value, "\"required\"", mistakes),
            "signer-workflow" => attestation.signers = signers(value, mistakes),
            "trusted-root" => {
                attestation.trusted_root = path(value, "\"trusted-root\"", mistakes).map(|(path, _)| path);
            }
            _ => attestation.issuer = issuer(value, mistakes),
        }
    }
    attestation
}

/// One workflow, or a list of some.
fn signers(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Vec<Signer>> {
    const WHAT: &str = "\"signer-workflow\"";
    let words = match &node.content {
        Content::List(_) => texts(node, WHAT, mistakes)?,
        _ => vec![(text(node, WHAT, mistakes)?, node.span)],
    };
    if words.is_empty() {
        let diagnostic = Diagnostic::error(format!("{WHAT} is empty")).at(node.span);
        mistakes.push(diagnostic.help("leave it out for every workflow of the repository"));
    }
    let mut signers = Vec::new();
    for (word, span) in words {
        match Signer::parse(&word) {
            Ok(signer) => signers.push(signer),
            Err(error) => {
                let diagnostic = Diagnostic::error(format!("{} is not a workflow", shown(&word))).at(span);
                let help =
                    "write org/web/.github/workflows/build.yml, with @refs/heads/main behind it if the ref matters";
                mistakes.push(diagnostic.detail(error.to_string()).help(help));
            }
        }
    }
    Some(signers)
}

fn issuer(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<String> {
    let word = text(node, "\"issuer\"", mistakes)?;
    let host = word.strip_prefix("https://").filter(|host| !host.is_empty() && !host.starts_with('/'));
    if host.is_none() || word.contains(char::is_whitespace) {
        let diagnostic = Diagnostic::error(format!("{} is not the address of an issuer", shown(&word))).at(node.span);
        mistakes.push(diagnostic.help("write https://token.actions.githubusercontent.com/ENTERPRISE"));
    }
    Some(word)
}
