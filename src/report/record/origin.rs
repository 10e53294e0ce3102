//! Where a build was read: what stands for it when somebody is to vouch for its record.

use sha2::{Digest as _, Sha256};

use super::Record;

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// SHA-256 of its bytes, `sha256:...`.
    pub digest: String,
    /// The commit that it says it is of, in full.
    pub commit: Option<String>,
}

impl Record {
    /// Notes with each build which bytes it was read of.
    pub(crate) fn note_origin(&mut self, bytes: &[u8]) {
        let commit = self.workflow.as_ref().and_then(|workflow| workflow.sha.clone());
        let origin = Origin { digest: format!("sha256:{:x}", Sha256::digest(bytes)), commit };
        self.builds.iter_mut().for_each(|build| build.origin = Some(origin.clone()));
    }
}
