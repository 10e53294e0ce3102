//! Attestations: what GitHub's attest actions sign of an image, held against what a policy wants of it. Nothing here asks
//! the network; who calls brings bundles and roots.
//!
//! Signatures, certificates, timestamps and transparency logs are the business of the crate sigstore-verify. What is
//! decided here is whose they may be, and which of a certificate's claims must be what.

mod bundle;
mod policy;
mod signer;
mod trust;

pub(crate) use bundle::bundles;
pub(crate) use policy::{Policy, Refusal};
pub(crate) use signer::Signer;
pub(crate) use trust::Trust;

/// The one kind of statement that says which workflow made something of which commit.
pub(crate) const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
