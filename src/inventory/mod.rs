//! What is in an image: its system, packages, services, users, doors. Taken just before capture, kept in the record.

use serde::{Deserialize, Serialize};

/// The contents of an image, as far as its own tools tell them. Lists are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inventory {
    pub system: System,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Package>,
    /// Names of the services that start by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    /// What listens, such as `tcp 0.0.0.0:22`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listening: Vec<String>,
    /// What could not be looked at, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// The operating system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct System {
    /// `debian`, `windows`; empty where it is not known.
    pub id: String,
    /// Such as `12`.
    pub version: String,
    /// For people.
    pub name: String,
    pub kernel: String,
    /// Such as `x86_64`.
    pub architecture: String,
}

/// What manages a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Manager {
    Dpkg,
    Rpm,
    Apk,
    Pacman,
    Python,
    Node,
    Ruby,
    Go,
    Windows,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Package {
    pub manager: Manager,
    pub name: String,
    pub version: String,
    /// Empty for what is the same on all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub architecture: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct User {
    pub name: String,
    pub id: u64,
    pub home: String,
    pub shell: String,
}
