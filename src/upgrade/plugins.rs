//! The `packer` block of an upgraded template: the version it wanted, and the plugins that its components come from.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::write::quoted;

/// Plugins of the vendor: components whose names begin so are theirs.
const KNOWN: [&str; 10] =
    ["amazon", "ansible", "azure", "docker", "googlecompute", "qemu", "vagrant", "virtualbox", "vmware", "vsphere"];

/// The plugin that a component comes from.
pub(super) fn of(component: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|plugin| component.starts_with(plugin))
}

pub(super) fn packer_block(template: &Map<String, Value>) -> String {
    let lists = ["builders", "provisioners", "post-processors"];
    let components = lists.iter().filter_map(|list| template.get(*list)?.as_array()).flatten();
    let mut plugins = BTreeSet::new();
    for component in components {
        // A sequence of post-processors is a list.
        for step in component.as_array().map_or(std::slice::from_ref(component), Vec::as_slice) {
            let kind = step.as_str().or_else(|| step.get("type")?.as_str());
            plugins.extend(kind.and_then(of));
        }
    }
    let version = template.get("min_packer_version").and_then(Value::as_str).filter(|version| !version.is_empty());
    if plugins.is_empty() && version.is_none() {
        return String::new();
    }
    let mut text = "packer {\n".to_owned();
    if let Some(version) = version {
        let _ = writeln!(text, "required_version = {}", quoted(&format!(">= {version}")));
    }
    if !plugins.is_empty() {
        text.push_str("required_plugins {\n");
        for plugin in plugins {
            let source = format!("github.com/hashicorp/{plugin}");
            let _ = writeln!(text, "{plugin} = {{\nsource = {}\nversion = \"~> 1\"\n}}", quoted(&source));
        }
        text.push_str("}\n");
    }
    text + "}\n"
}
