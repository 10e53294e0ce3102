//! What is in an image, as plain data: what `inventory/` finds out, and the record keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::secret::Redactor;

/// The contents of an image, as far as it tells them. Lists are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inventory {
    #[serde(default)]
    pub system: System,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Package>,
    /// Names of the units and scripts that start by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    /// What listened on the machine, such as `tcp 0.0.0.0:22`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listening: Vec<String>,
    /// Of an image of a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageConfig>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

/// The operating system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct System {
    /// Such as `debian`; empty where it is not known.
    #[serde(default)]
    pub id: String,
    /// Such as `12`.
    #[serde(default)]
    pub version: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Empty for a container, which has none of its own.
    #[serde(default)]
    pub kernel: String,
    /// Such as `x86_64`.
    #[serde(default)]
    pub architecture: String,
}

/// What manages a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Manager {
    Dpkg,
    Rpm,
    Apk,
    Pacman,
    Python,
    Node,
    Ruby,
}

impl Manager {
    /// As the record names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Rpm => "rpm",
            Self::Apk => "apk",
            Self::Pacman => "pacman",
            Self::Python => "python",
            Self::Node => "node",
            Self::Ruby => "ruby",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Package {
    pub manager: Manager,
    pub name: String,
    /// In the manager's own form, with its epoch where it has one.
    pub version: String,
    /// Empty where the manager knows none.
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

/// How containers of an image run. Of variables there are the names only: values may be secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageConfig {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub folder: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A part of the contents that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Missing {
    /// `system`, `services`, `users`, `listening`, a manager of packages, or `contents` for all of them.
    pub part: String,
    pub why: String,
    /// Some of it is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partly: bool,
}

/// Stands in [`Missing`] for everything that the machine itself would have told.
pub(crate) const CONTENTS: &str = "contents";

impl Inventory {
    /// Of a machine that nobody could ask.
    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        Self { missing: vec![Missing { part: CONTENTS.to_owned(), why: why.into(), partly: false }], ..Self::default() }
    }

    /// Why a part is not there, if it is not there at all.
    pub(crate) fn lacks(&self, part: &str) -> Option<&str> {
        let all = |missing: &&Missing| !missing.partly && (missing.part == part || missing.part == CONTENTS);
        self.missing.iter().find(all).map(|missing| missing.why.as_str())
    }

    /// Hides secrets in everything that the guest or the template wrote.
    pub(crate) fn redact(&mut self, redactor: &Redactor) {
        let hide = |text: &mut String| *text = redactor.redact(text);
        let System { id, version, name, kernel, architecture } = &mut self.system;
        [id, version, name, kernel, architecture].into_iter().for_each(hide);
        for package in &mut self.packages {
            [&mut package.name, &mut package.version, &mut package.architecture].into_iter().for_each(hide);
        }
        for user in &mut self.users {
            [&mut user.name, &mut user.home, &mut user.shell].into_iter().for_each(hide);
        }
        self.services.iter_mut().chain(&mut self.listening).for_each(hide);
        self.missing.iter_mut().for_each(|missing| hide(&mut missing.why));
        if let Some(image) = &mut self.image {
            image.redact(redactor);
        }
    }
}

impl ImageConfig {
    pub(crate) fn redact(&mut self, redactor: &Redactor) {
        let hide = |text: &mut String| *text = redactor.redact(text);
        let Self { entrypoint, command, variables, user, folder, ports, volumes, labels } = self;
        let lists = [entrypoint, command, variables, ports, volumes];
        lists.into_iter().flatten().chain([user, folder]).for_each(hide);
        labels.values_mut().for_each(hide);
    }
}
