//! What the builds of a template hold and refer to, without decoding any component.

use super::Selection;
use super::build_block::BuildBlock;
use crate::diagnostic::Diagnostics;
use crate::eval::body::Pending;
use crate::eval::scope::{Reference, Scope, references_in};
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
            sources: self.sources.iter().map(|used| format!("{}.{}", used.source.kind, used.source.name)).collect(),
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

/// What the selected builds refer to, their sources included. `scope` need not know any data source.
pub(crate) fn references(template: &Template, scope: &Scope, selection: &Selection) -> Vec<Reference> {
    let mut found = Vec::new();
    for build in &template.builds {
        let own = references_in(&build.body, build.file);
        // A build's mistakes are told when it is planned.
        let Some(block) = BuildBlock::read(build, template, scope, &mut Diagnostics::new()) else {
            found.extend(own);
            continue;
        };
        // A name that is made of what is not known yet could be any.
        let named = build.body.get_attribute("name").is_some() == block.name.is_some();
        let used: Vec<_> =
            block.sources.iter().filter(|used| !named || selection.selects(&block.full_name(used))).collect();
        if !used.is_empty() {
            found.extend(own);
        }
        for used in used {
            found.extend(references_in(&used.source.body, used.source.span.file));
        }
    }
    found
}
