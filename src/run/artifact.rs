//! What a build or a post-processor yields: ids, files, a text for people, and facts for the next component.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::cleanup::Resource;
use super::inventory::ImageConfig;
use crate::secret::Redactor;

/// An artifact, in the peer's terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Artifact {
    /// Who made it, such as `packer.post-processor.docker-import`: post-processors accept by it.
    pub builder_id: String,
    /// Image id, `repo:tag`, `region:ami,region:ami`; empty for plain files.
    pub id: String,
    /// For people; may have several lines.
    pub description: String,
    pub files: Vec<PathBuf>,
    /// An image of a machine or container, not mere files.
    #[serde(default)]
    pub is_image: bool,
    /// Where the image is when it is not only here: a registry's host, a region.
    #[serde(default)]
    pub location: Option<String>,
    /// Ids of an image that is in several regions, by region.
    #[serde(default)]
    pub regions: BTreeMap<String, String>,
    /// All names of the image (docker-tag's list): what docker-push pushes.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Digest by pushed name, `repo:tag` to `sha256:...`.
    #[serde(default)]
    pub digests: BTreeMap<String, String>,
    /// What `build.*` is in post-processors: the machine's facts and what earlier steps added, such as `Digest`.
    #[serde(skip)]
    pub facts: BTreeMap<String, String>,
    /// Of the image, in bytes, where its maker knows it.
    #[serde(skip)]
    pub size: Option<u64>,
    /// How containers of the image run, where it is one of those.
    #[serde(skip)]
    pub config: Option<Box<ImageConfig>>,
    /// What has to be released to destroy the artifact.
    #[serde(skip)]
    pub resources: Vec<Resource>,
}

impl Artifact {
    pub(crate) fn new(builder_id: &str, id: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            builder_id: builder_id.to_owned(),
            id: id.into(),
            description: description.into(),
            files: Vec::new(),
            is_image: false,
            location: None,
            regions: BTreeMap::new(),
            tags: Vec::new(),
            digests: BTreeMap::new(),
            facts: BTreeMap::new(),
            size: None,
            config: None,
            resources: Vec::new(),
        }
    }

    /// Describes an artifact that is nothing but its files, in the peer's words.
    pub(crate) fn describe_files(&mut self) {
        let files: Vec<String> = self.files.iter().map(|file| file.display().to_string()).collect();
        self.description = format!("Created artifact from files: {}", files.join(", "));
    }

    pub(super) fn redact(&mut self, redactor: &Redactor) {
        self.id = redactor.redact(&self.id);
        self.description = redactor.redact(&self.description);
        self.tags.iter_mut().for_each(|tag| *tag = redactor.redact(tag));
    }
}
