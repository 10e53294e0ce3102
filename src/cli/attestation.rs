//! The flags of `forge publish` that say what must vouch for an image.

use std::path::PathBuf;

use clap::Args;

use crate::attestation::Signer;

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AttestationArgs {
    /// Publish only what has an attestation of a workflow of the repository; the flags below mean this too
    #[arg(long)]
    pub require_attestation: bool,
    /// Workflow that may sign, with @REF or for any; may be repeated [default: every one of the repository]
    #[arg(long, value_name = "OWNER/NAME/.github/workflows/FILE", value_parser = Signer::parse)]
    pub signer_workflow: Vec<Signer>,
    /// File with the roots of Sigstore's instances, as gh attestation trusted-root prints them [default: built in]
    #[arg(long, value_name = "FILE")]
    pub trusted_root: Option<PathBuf>,
    /// File with attestations, instead of asking GitHub; may be repeated
    #[arg(long, value_name = "FILE")]
    pub attestation_bundle: Vec<PathBuf>,
    /// Repository on GitHub that the image is built of [default: $GITHUB_REPOSITORY]
    #[arg(long, value_name = "OWNER/NAME")]
    pub source_repository: Option<String>,
}
