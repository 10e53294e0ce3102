//! The inventories of a record as files that other programs read: CycloneDX, one for each build.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::record::{Build, Record, Stamp};
use crate::inventory::cyclonedx::{Subject, document};

/// Characters of a file's name.
const NAME: usize = 150;

/// Name and text of each file: `forge-<build>.cdx.json`.
pub(crate) fn sboms(record: &Record) -> Vec<(String, String)> {
    let mut taken = BTreeSet::new();
    let mut files = Vec::new();
    for (build, label) in record.builds.iter().zip(record.labels()) {
        let Some(inventory) = &build.inventory else { continue };
        let document = document(&subject(record, build), inventory);
        let text = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
        files.push((file_name(&label, &mut taken), text));
    }
    files
}

/// Writes them into a folder, which is made if it is not there.
pub(crate) fn write_sboms(record: &Record, folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut paths = Vec::new();
    let error = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    std::fs::create_dir_all(folder).map_err(|failed| error(folder, failed))?;
    for (name, text) in sboms(record) {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|failed| error(&path, failed))?;
        paths.push(path);
    }
    Ok(paths)
}

fn subject<'a>(record: &'a Record, build: &'a Build) -> Subject<'a> {
    let image = build.images.first();
    let pushed = image.and_then(|image| image.digests.iter().next());
    let end = build.started.and_then(|start| {
        start.0.checked_add(Duration::try_from_secs_f64(build.seconds).unwrap_or_default()).map(Stamp)
    });
    Subject {
        name: &build.name,
        version: image.map_or("", |image| image.id.as_str()),
        pushed: pushed.map(|(name, digest)| (name.as_str(), digest.as_str())),
        is_container: build.builder == "docker",
        run: &record.run,
        made: end.map(|end| end.to_string()),
        forge: &record.forge,
    }
}

/// A name that every file system takes, and no two builds have.
fn file_name(build: &str, taken: &mut BTreeSet<String>) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let stem: String = build.chars().take(NAME).map(safe).collect();
    let mut name = format!("forge-{stem}.cdx.json");
    let mut number = 2;
    while !taken.insert(name.to_lowercase()) {
        name = format!("forge-{stem}-{number}.cdx.json");
        number += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Inventory;

    #[test]
    fn each_build_with_an_inventory_has_a_file_of_its_own() {
        let build =
            |name: &str| Build { name: name.to_owned(), inventory: Some(Inventory::default()), ..Build::default() };
        let bare = Build { name: "bare".to_owned(), ..Build::default() };
        let builds = vec![build("web/docker.a"), build("web:docker.a"), bare, build("web/docker.a"), build("../x")];
        let names: Vec<String> =
            sboms(&Record { builds, ..Record::default() }).into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [
                "forge-web_docker.a.cdx.json",
                "forge-web_docker.a-2.cdx.json",
                "forge-web_docker.a__2_.cdx.json",
                "forge-.._x.cdx.json"
            ]
        );
    }
}
