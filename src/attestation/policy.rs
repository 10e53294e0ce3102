//! What a signed statement and its signer must be for an image to be published, part by part.

use sigstore_verify::crypto::CertificateInfo;
use sigstore_verify::types::{Bundle, Sha256Hash, SignatureContent, Statement};

use super::{PROVENANCE, Signer, Trust};

/// What an attestation must say.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Address of GitHub, such as `https://github.com`.
    pub server: String,
    /// Who vouches for the identity of workflows; nothing: who does so on that GitHub.
    pub issuer: Option<String>,
    /// The repository that the image is built of, `owner/name`.
    pub repository: String,
    /// The commit that it is built of.
    pub commit: String,
    /// The workflows that may sign; none: those of the repository.
    pub signers: Vec<Signer>,
}

/// Who has signed what was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vouched {
    /// `owner/name/.github/workflows/file@ref`.
    pub workflow: String,
}

/// Why an attestation does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("its signature does not hold: {0}")]
    Unsigned(String),
    #[error("{part}: expected {expected}, seen {seen}")]
    Differs { part: &'static str, expected: String, seen: String },
}

const NOTHING: &str = "nothing";
/// Subjects of a statement that a message names.
const SHOWN: usize = 3;

impl Policy {
    /// Whether the bundle is of the image with this digest (`sha256:...`), and is what is wanted.
    pub(crate) fn check(&self, bundle: &str, digest: &str, trust: &Trust) -> Result<Vouched, Refusal> {
        let unreadable = |error: &dyn std::fmt::Display| Refusal::Unreadable(error.to_string());
        let hash = digest.strip_prefix("sha256:").and_then(|hex| Sha256Hash::from_hex(hex).ok());
        let hash = hash.ok_or_else(|| differs("digest", "one of sha256", digest))?;
        let bundle = Bundle::from_json(bundle).map_err(|error| unreadable(&error))?;
        let SignatureContent::DsseEnvelope(envelope) = &bundle.content else {
            return Err(unreadable(&"it is a signature of a file, and no statement"));
        };
        let statement: Statement =
            serde_json::from_slice(envelope.payload.as_bytes()).map_err(|error| unreadable(&error))?;
        if !statement.matches_sha256(&hash) {
            return Err(differs("digest", digest, subjects(&statement)));
        }
        if statement.predicate_type != PROVENANCE {
            return Err(differs("predicate type", PROVENANCE, statement.predicate_type));
        }
        let result = trust.verify(hash, &bundle).map_err(Refusal::Unsigned)?;
        match result.certificate().filter(|_| result.certificate_verified()) {
            Some(certificate) => self.signed_by(certificate),
            None => Err(Refusal::Unsigned("it has no certificate of a workflow".to_owned())),
        }
    }

    /// Whether the holder of a certificate, which is known to be genuine, may sign this.
    fn signed_by(&self, certificate: &CertificateInfo) -> Result<Vouched, Refusal> {
        let server = self.server.trim_end_matches('/');
        let claims = &certificate.ci_claims;
        let issuer = self.issuer.clone().unwrap_or_else(|| issuer(server));
        expect("identity provider", &issuer, certificate.issuer.as_deref(), |seen| seen == issuer)?;
        let source = format!("{server}/{}", self.repository);
        let seen = claims.source_repository_uri.as_deref();
        expect("source repository", &source, seen, |seen| seen.eq_ignore_ascii_case(&source))?;
        let seen = claims.source_repository_digest.as_deref();
        expect("source commit", &self.commit, seen, |seen| seen.eq_ignore_ascii_case(&self.commit))?;
        let own = [Signer::any_of(&self.repository)];
        let signers = if self.signers.is_empty() { &own[..] } else { &self.signers[..] };
        let expected = signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        let seen = claims.build_signer_uri.as_deref();
        // Of another server it stays an address, which no signer is.
        let seen = seen.map(|uri| uri.strip_prefix(server).map_or(uri, |path| path.trim_start_matches('/')));
        expect("signer workflow", &expected, seen, |seen| signers.iter().any(|signer| signer.is(seen)))?;
        Ok(Vouched { workflow: seen.unwrap_or_default().to_owned() })
    }
}

fn expect(part: &'static str, expected: &str, seen: Option<&str>, holds: impl Fn(&str) -> bool) -> Result<(), Refusal> {
    match seen {
        Some(seen) if holds(seen) => Ok(()),
        seen => Err(differs(part, expected, seen.unwrap_or(NOTHING))),
    }
}

fn differs(part: &'static str, expected: impl Into<String>, seen: impl Into<String>) -> Refusal {
    // What a certificate or statement says is of whoever had it signed.
    let seen: String = seen.into().chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
    Refusal::Differs { part, expected: expected.into(), seen }
}

fn subjects(statement: &Statement) -> String {
    let digests = statement.subject.iter().filter_map(|subject| subject.digest.sha256.as_ref());
    let mut shown: Vec<String> = digests.take(SHOWN).map(|digest| format!("sha256:{}", digest.to_hex())).collect();
    let more = statement.subject.len() - shown.len();
    if more > 0 {
        shown.push(format!("{more} others"));
    }
    shown.join(", ")
}

/// Who vouches for workflows on a GitHub.
fn issuer(server: &str) -> String {
    let host = server.rsplit_once("://").map_or(server, |(_, host)| host);
    match host {
        "github.com" => "https://token.actions.githubusercontent.com".to_owned(),
        // With data of its own in one place.
        host if host.ends_with(".ghe.com") => format!("https://token.actions.{host}"),
        _ => format!("{server}/_services/token"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_github_has_an_issuer() {
        for (server, expected) in [
            ("https://github.com", "https://token.actions.githubusercontent.com"),
            ("https://octo.ghe.com", "https://token.actions.octo.ghe.com"),
            ("https://ghes.example", "https://ghes.example/_services/token"),
        ] {
            assert_eq!(issuer(server), expected);
        }
    }
}
