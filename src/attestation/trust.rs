//! Whose signatures count: the roots of Sigstore's public instance and of GitHub's own, which signs for private
//! repositories, as this program was made with them; or those of a file instead.

use std::collections::BTreeSet;

use sigstore_verify::trust_root::{SigstoreInstance, TrustedRoot};
use sigstore_verify::types::{Bundle, Sha256Hash};
use sigstore_verify::{
    CertificateError, Error, TransparencyLogError, VerificationPolicy, VerificationResult, Verifier,
};

/// The authorities whose signatures count.
pub(crate) struct Trust {
    authorities: Vec<Authority>,
    built_in: bool,
}

/// One instance of Sigstore.
struct Authority {
    verifier: Verifier,
    policy: VerificationPolicy,
}

/// What helps when no authority knows a signature.
const NEWER: &str = "if it is of another Sigstore, or of a newer key than this program knows, name its roots in \
                     \"trusted-root\"";

impl Trust {
    pub(crate) fn built_in() -> Result<Self, String> {
        let instances = [SigstoreInstance::PublicGood, SigstoreInstance::GitHub];
        let roots: Result<Vec<TrustedRoot>, _> = instances.into_iter().map(TrustedRoot::from_embedded).collect();
        Self::of(&roots.map_err(|error| error.to_string())?, true)
    }

    /// Of a text as `gh attestation trusted-root` prints it: a JSON object for each instance.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let roots = serde_json::Deserializer::from_str(text).into_iter::<TrustedRoot>();
        let roots: Result<Vec<TrustedRoot>, _> = roots.collect();
        let roots = roots.map_err(|error| format!("it has no trusted roots of Sigstore: {error}"))?;
        if roots.is_empty() {
            return Err("it has no trusted root".to_owned());
        }
        Self::of(&roots, false)
    }

    fn of(roots: &[TrustedRoot], built_in: bool) -> Result<Self, String> {
        let authorities: Result<Vec<Authority>, Error> = roots.iter().map(Authority::of).collect();
        Ok(Self { authorities: authorities.map_err(|error| error.to_string())?, built_in })
    }

    /// What the signature of a bundle of this digest rests on, or why it does not hold.
    pub(super) fn verify(&self, digest: Sha256Hash, bundle: &Bundle) -> Result<VerificationResult, String> {
        let mut reasons = Vec::new();
        for authority in &self.authorities {
            match authority.verifier.verify(digest, bundle, &authority.policy) {
                Ok(result) => return Ok(result),
                Err(error) => reasons.push((progress(&error), error.to_string())),
            }
        }
        // The authority that a bundle is of gets further with it than those that know nothing of it.
        let furthest = reasons.iter().map(|(progress, _)| *progress).max();
        let said: BTreeSet<&str> =
            reasons.iter().filter(|(progress, _)| Some(*progress) == furthest).map(|(_, text)| text.as_str()).collect();
        let said = said.into_iter().collect::<Vec<_>>().join("; ");
        let unknown = furthest.is_none_or(|progress| progress < Progress::Known);
        Err(if self.built_in && unknown { format!("{said} ({NEWER})") } else { said })
    }
}

impl Authority {
    /// What an instance has, its signatures must show: GitHub's own has no logs.
    fn of(root: &TrustedRoot) -> Result<Self, Error> {
        let mut policy = VerificationPolicy::any_identity();
        if root.tlogs.is_empty() {
            policy = policy.skip_tlog_unsafe();
        }
        if root.ctlogs.is_empty() {
            policy = policy.skip_sct();
        }
        Ok(Self { verifier: Verifier::new(root)?, policy })
    }
}

/// How far an authority got with a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Form,
    Time,
    Certificate,
    /// The certificate is one of its own.
    Known,
}

fn progress(error: &Error) -> Progress {
    match error {
        Error::Bundle(_) | Error::InvalidBundle(_) | Error::UnsupportedBundle(_) => Progress::Form,
        Error::Timestamp(_) | Error::TransparencyLog(TransparencyLogError::UnknownLog { .. }) => Progress::Time,
        Error::Certificate(CertificateError::ChainInvalid(_) | CertificateError::NoValidAuthority { .. }) => {
            Progress::Certificate
        }
        _ => Progress::Known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_that_come_with_the_program_can_be_used() {
        let trust = Trust::built_in().unwrap();
        let policies: Vec<bool> = trust.authorities.iter().map(|one| one.policy.verifies_tlog()).collect();
        assert_eq!(policies, [true, false], "GitHub's own instance has no log");
    }

    #[test]
    fn roots_of_a_file_are_read_one_a_line() {
        let embedded = |instance: SigstoreInstance| {
            let value: serde_json::Value = serde_json::from_str(instance.embedded_trusted_root_json()).unwrap();
            value.to_string()
        };
        let two = format!("{}\n{}\n", embedded(SigstoreInstance::PublicGood), embedded(SigstoreInstance::GitHub));
        assert_eq!(Trust::read(&two).unwrap().authorities.len(), 2);
        assert_eq!(Trust::read(SigstoreInstance::GitHub.embedded_trusted_root_json()).unwrap().authorities.len(), 1);
        for wrong in ["", "{}", "[]", "x", "{\"mediaType\": 1}"] {
            assert!(Trust::read(wrong).is_err(), "{wrong}");
        }
    }
}
