//! What a record says of the images of its builds, for a run that compares its own with them.

use std::collections::BTreeMap;

use super::{Build, Image, Record};
use crate::run::inputs::{Earlier, EarlierImage};

impl Record {
    /// Its builds that have what they were to make, by name; without that of the image in the repository's file too, as
    /// the job that builds one image knows no other.
    pub(crate) fn earlier(&self) -> BTreeMap<String, Earlier> {
        let mut builds = BTreeMap::new();
        for build in self.builds.iter().filter(|build| build.state.is_good()) {
            let short = build.name.split_once('/').map_or(build.name.as_str(), |(_, short)| short);
            builds.entry(short.to_owned()).or_insert_with(|| Earlier::of(build));
            builds.insert(build.name.clone(), Earlier::of(build));
        }
        builds
    }
}

impl Earlier {
    fn of(build: &Build) -> Self {
        Self {
            digest: build.digest.clone(),
            inputs: build.inputs.clone(),
            images: build.images.iter().map(EarlierImage::of).collect(),
        }
    }
}

impl EarlierImage {
    fn of(image: &Image) -> Self {
        Self {
            id: image.id.clone(),
            location: image.location.clone(),
            tags: image.tags.clone(),
            digests: image.digests.clone(),
        }
    }
}
