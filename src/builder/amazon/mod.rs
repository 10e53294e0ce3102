//! The builders of Amazon's cloud. An image is made of an instance (`amazon-ebs`), of a volume beside its root
//! (`amazon-ebssurrogate`), or of a volume mounted where we run (`amazon-chroot`).

mod account;
mod address;
mod artifact;
pub(super) mod chroot;
pub(super) mod config;
pub(super) mod ebs;
mod finish;
mod found;
mod group;
mod image;
pub(super) mod instance;
mod key;
mod launch;
mod machine;
mod network;
mod precheck;
mod preview;
mod profile;
mod progress;
mod session;
mod snapshot;
mod source;
mod spot;
mod stop;
pub(super) mod surrogate;
pub(super) mod volumes;
mod watched;

use super::BuilderError;
use crate::client::aws::AwsError;

/// Keys of `build.*` that builders with a source image have.
const FACTS: &[&str] =
    &["BuildRegion", "SourceAMI", "SourceAMIName", "SourceAMICreationDate", "SourceAMIOwner", "SourceAMIOwnerName"];

impl From<AwsError> for BuilderError {
    fn from(error: AwsError) -> Self {
        match error {
            AwsError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            AwsError::Journal(error) => Self::Journal(error),
            other => Self::Failed(other.to_string()),
        }
    }
}
