//! What a build changes about an image, beside the last one of the base branch.

use serde::{Deserialize, Serialize};

use super::{Source, Stamp};
use crate::inventory::Package;

/// An image of now beside the one of the base branch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub baseline: Baseline,
    /// Old and new, where they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<(Option<Source>, Option<Source>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<Package>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Package>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upgraded: Vec<Moved>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downgraded: Vec<Moved>,
    /// Of the image and its system: services, users, doors, the image's configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<Difference>,
    /// Of the inputs: options by their resolved values, files by their digests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<Difference>,
    /// Bytes, old and new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(u64, u64)>,
    /// Of the build, old and new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<(f64, f64)>,
    /// What could not be compared, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// The record that is compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// Id of its run.
    pub run: String,
    /// Commit that it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha: Option<String>,
    /// Of its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Stamp>,
}

/// A package of another version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moved {
    pub package: Package,
    /// The version before.
    pub from: String,
}

/// A thing with another value; without an old one it is new, without a new one it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}
