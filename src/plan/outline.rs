//! What the builds of a template hold, without decoding any component: for `inspect`.

use super::build_block::BuildBlock;
use crate::diagnostic::Diagnostics;
use crate::eval::body::Pending;
use crate::eval::scope::Scope;
use crate::template::Template;

/// A build by the names of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline {
    pub name: Option<String>,
    pub description: Option<String>,
    /// `type.name` each.
    pub sources: Vec<String>,
    /// `type` or `type.name` each.
    pub provisioners: Vec<String>,
    pub sequences: Vec<Vec<String>>,
}

/// All builds in their order; one that uses no source is left out and reported.
pub(crate) fn outline(template: &Template, scope: &Scope, diagnostics: &mut Diagnostics) -> Vec<Outline> {
    let read = |build| BuildBlock::read(build, template, scope, diagnostics);
    template.builds.iter().filter_map(read).map(|block| block.outline()).collect()
}

impl BuildBlock<'_> {
    fn outline(&self) -> Outline {
        Outline {
            name: self.name.clone(),
            description: self.description.clone(),
            sources: self.sources.iter().map(|used| format!("{}.{}", used.source.kind, used.local_name)).collect(),
            provisioners: self.provisioners.iter().map(component).collect(),
            sequences: self.sequences.iter().map(|steps| steps.iter().map(component).collect()).collect(),
        }
    }
}

fn component(pending: &Pending<'_>) -> String {
    let kind = pending.labels.first().map(String::as_str).unwrap_or_default();
    match pending.body.get_attribute("name").and_then(|attribute| attribute.value.as_str()) {
        Some(name) => format!("{kind}.{name}"),
        None => kind.to_owned(),
    }
}
