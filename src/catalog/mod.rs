//! The options of every component of Packer and its plugins by name and type, built here or not.
//!
//! The tables are data (`*.hcl` in this folder, one per plugin). They tell blocks from attributes where a template is
//! JSON, and an option that is merely not supported yet from one that does not exist.

mod check;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::OnceLock;

pub(crate) use check::refuse;
use indexmap::IndexMap;

use crate::value::Type;

/// What a component is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Builder,
    Provisioner,
    PostProcessor,
    Data,
}

impl Role {
    const ALL: [Role; 4] = [Self::Builder, Self::Provisioner, Self::PostProcessor, Self::Data];

    /// The word of the tables, and of messages but for `data`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Builder => "builder",
            Self::Provisioner => "provisioner",
            Self::PostProcessor => "post-processor",
            Self::Data => "data",
        }
    }
}

/// What may stand in a block.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Options {
    pub attributes: IndexMap<String, Type>,
    pub blocks: IndexMap<String, Nested>,
}

/// A block inside of a block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Nested {
    /// Whether it may stand more than once.
    pub repeated: bool,
    pub options: Options,
}

/// A component of a plugin.
#[derive(Debug)]
pub(crate) struct Component {
    /// The plugin's short name; `core` is Packer itself.
    pub plugin: &'static str,
    pub options: Options,
    /// What a data source gives.
    pub outputs: Options,
}

type Components = HashMap<(Role, String), Component>;

/// A table file, read when a component of its plugin is asked for.
struct Plugin {
    name: &'static str,
    text: &'static str,
    components: OnceLock<Components>,
}

impl Plugin {
    const fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text, components: OnceLock::new() }
    }

    fn components(&self) -> &Components {
        self.components.get_or_init(|| table::read(self.name, self.text, CORE.text))
    }

    /// Whether a component of that name may be the plugin's: `amazon-ebs`, `ansible`.
    fn may_have(&self, component: &str) -> bool {
        self.name == CORE.name || component.strip_prefix(self.name).is_some_and(|r| r.is_empty() || r.starts_with('-'))
    }
}

static CORE: Plugin = Plugin::new("core", include_str!("core.hcl"));
static OTHERS: [Plugin; 6] = [
    Plugin::new("amazon", include_str!("amazon.hcl")),
    Plugin::new("ansible", include_str!("ansible.hcl")),
    Plugin::new("azure", include_str!("azure.hcl")),
    Plugin::new("docker", include_str!("docker.hcl")),
    Plugin::new("googlecompute", include_str!("googlecompute.hcl")),
    Plugin::new("qemu", include_str!("qemu.hcl")),
];

fn plugins() -> impl Iterator<Item = &'static Plugin> {
    std::iter::once(&CORE).chain(&OTHERS)
}

/// The component of that name; nothing when no table knows it.
pub(crate) fn find(role: Role, name: &str) -> Option<&'static Component> {
    let mut candidates = plugins().filter(|plugin| plugin.may_have(name));
    candidates.find_map(|plugin| plugin.components().get(&(role, name.to_owned())))
}

/// The names of all components of a role, sorted.
pub(crate) fn names(role: Role) -> Vec<&'static str> {
    let all = plugins().flat_map(|plugin| plugin.components().keys());
    let mut names: Vec<&str> = all.filter(|(of, _)| *of == role).map(|(_, name)| name.as_str()).collect();
    names.sort_unstable();
    names
}
