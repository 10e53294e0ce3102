//! The inventory as CycloneDX 1.6, for programs that look for weaknesses and licences.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Inventory, Missing, purl};

/// The image that the document is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject<'a> {
    /// Of its build.
    pub name: &'a str,
    /// Id or digest.
    pub version: &'a str,
    /// `registry/name:tag` and the digest that it has there.
    pub pushed: Option<(&'a str, &'a str)>,
    /// An image of containers, not of machines.
    pub is_container: bool,
    /// Id of the run that made it.
    pub run: &'a str,
    /// RFC 3339.
    pub made: Option<String>,
    /// Version of this program.
    pub forge: &'a str,
}

/// The document; the same for the same image of the same run.
pub(crate) fn document(subject: &Subject<'_>, inventory: &Inventory) -> Value {
    let names = [subject.run, subject.name, subject.version].join("\0");
    let serial = Uuid::new_v5(&Uuid::NAMESPACE_URL, names.as_bytes());
    let mut metadata = json!({});
    if let Some(made) = &subject.made {
        metadata["timestamp"] = json!(made);
    }
    metadata["tools"] = json!({
        "components": [{ "type": "application", "name": "forge", "version": subject.forge }],
    });
    metadata["component"] = image(subject);
    metadata["properties"] = properties(inventory);
    let mut components = Vec::new();
    let system = &inventory.system;
    if !system.id.is_empty() {
        let reference = format!("os:{}@{}", system.id, system.version);
        let mut component = json!({ "type": "operating-system", "bom-ref": reference, "name": system.id });
        for (key, value) in [("version", &system.version), ("description", &system.name)] {
            if !value.is_empty() {
                component[key] = json!(value);
            }
        }
        components.push(component);
    }
    let mut seen = BTreeSet::new();
    for package in &inventory.packages {
        let url = purl::of(package, system);
        // Names that differ only in how they are written are one package.
        if seen.insert(url.clone()) {
            components.push(json!({
                "type": "library",
                "bom-ref": url,
                "name": package.name,
                "version": package.version,
                "purl": url,
            }));
        }
    }
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{serial}"),
        "version": 1,
        "metadata": metadata,
        "components": components,
    })
}

fn image(subject: &Subject<'_>) -> Value {
    let kind = if subject.is_container { "container" } else { "platform" };
    let mut component = json!({ "type": kind, "bom-ref": "image", "name": subject.name });
    if !subject.version.is_empty() {
        component["version"] = json!(subject.version);
    }
    if let Some((name, digest)) = subject.pushed {
        component["purl"] = json!(pushed(name, digest));
    }
    component
}

/// `pkg:oci/nginx@sha256:...?repository_url=ghcr.io/octo/nginx&tag=1`
fn pushed(name: &str, digest: &str) -> String {
    // A colon behind the last slash is that of the tag.
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match name[slash..].split_once(':') {
        Some((last, tag)) => (&name[..slash + last.len()], tag),
        None => (name, ""),
    };
    let [last, digest, tag] = [&repository[slash..].to_lowercase(), digest, tag].map(purl::encoded);
    // A slash means nothing behind the question mark.
    let repository = repository.split('/').map(purl::encoded).collect::<Vec<_>>().join("/");
    let tag = if tag.is_empty() { tag } else { format!("&tag={tag}") };
    format!("pkg:oci/{last}@{digest}?repository_url={repository}{tag}")
}

/// What no field of the format is for.
fn properties(inventory: &Inventory) -> Value {
    let mut properties = Vec::new();
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            properties.push(json!({ "name": name, "value": value }));
        }
    };
    add("forge:kernel", &inventory.system.kernel);
    add("forge:architecture", &inventory.system.architecture);
    for Missing { part, why, .. } in &inventory.missing {
        add("forge:missing", &format!("{part}: {why}"));
    }
    json!(properties)
}
