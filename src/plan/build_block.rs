//! A `build` block taken apart: which sources it uses under which names, and its components in order.

use std::collections::HashMap;
use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Body, Structure};

use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span};
use crate::eval::body::{Pending, expand};
use crate::eval::evaluate;
use crate::eval::scope::Scope;
use crate::template::{Build, Source, Template};
use crate::value::{Type, Value, convert};

const ARGUMENTS: [&str; 3] = ["name", "description", "sources"];
const BLOCKS: [&str; 5] = ["source", "provisioner", "error-cleanup-provisioner", "post-processor", "post-processors"];

/// A build block, `dynamic` expanded.
pub(super) struct BuildBlock<'a> {
    /// What all its components are in.
    pub body: &'a Arc<Body>,
    /// Of a template of the old format: builds every builder.
    legacy: bool,
    pub name: Option<String>,
    pub description: Option<String>,
    pub sources: Vec<SourceUse<'a>>,
    pub provisioners: Vec<Pending<'a>>,
    pub error_cleanup: Option<Pending<'a>>,
    pub sequences: Vec<Vec<Pending<'a>>>,
}

/// Sources of a template by type and name.
type Sources<'a> = HashMap<(&'a str, &'a str), &'a Source>;

/// A source as one build uses it.
pub(super) struct SourceUse<'a> {
    pub source: &'a Source,
    /// The source's name, or the one the build gives it.
    pub local_name: String,
    /// What a `source` block inside the build adds.
    pub extra: Option<Pending<'a>>,
}

impl<'a> BuildBlock<'a> {
    pub(super) fn read(
        build: &'a Build,
        template: &'a Template,
        scope: &Scope,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let file = build.file;
        let legacy = template.legacy.is_some();
        let mut sources = Sources::new();
        for source in &template.sources {
            sources.entry((&source.kind, &source.name)).or_insert(source);
        }
        let all = template.sources.iter().filter(|_| legacy);
        let mut block = BuildBlock {
            body: &build.body,
            legacy,
            name: None,
            description: None,
            sources: all.map(|source| SourceUse { source, local_name: source.name.clone(), extra: None }).collect(),
            provisioners: Vec::new(),
            error_cleanup: None,
            sequences: Vec::new(),
        };
        for attribute in build.body.iter().filter_map(Structure::as_attribute) {
            block.argument(attribute, file, &sources, scope, diagnostics);
        }
        for pending in expand(&build.body, &[], file, scope, diagnostics) {
            block.nested(pending, &sources, diagnostics);
        }
        if block.sources.is_empty() {
            let diagnostic = Diagnostic::error("this build uses no source").at(build.span);
            diagnostics.push(diagnostic.help("add sources = [\"source.TYPE.NAME\"]"));
            return None;
        }
        Some(block)
    }

    /// `[build.]type.source`; in the old format the name alone.
    pub(super) fn full_name(&self, used: &SourceUse<'_>) -> String {
        let own = self.short_name(used);
        self.name.as_ref().map_or(own.clone(), |name| format!("{name}.{own}"))
    }

    /// `type.source`, what `only` and `except` match; in the old format the name alone.
    pub(super) fn short_name(&self, used: &SourceUse<'_>) -> String {
        match self.legacy {
            true => used.local_name.clone(),
            false => format!("{}.{}", used.source.kind, used.local_name),
        }
    }

    fn argument(
        &mut self,
        attribute: &Attribute,
        file: FileId,
        sources: &Sources<'a>,
        scope: &Scope,
        diagnostics: &mut Diagnostics,
    ) {
        let place = Span::of(file, attribute.value.span());
        match attribute.key.as_str() {
            "name" => {
                let name = text(&evaluate(&attribute.value, file, scope, diagnostics), place, diagnostics);
                self.name = name.filter(|name| !name.is_empty());
            }
            "description" => {
                let description = text(&evaluate(&attribute.value, file, scope, diagnostics), place, diagnostics);
                self.description = description.filter(|description| !description.is_empty());
            }
            "sources" => self.references(&attribute.value, file, sources, scope, diagnostics),
            other => diagnostics.push(
                Diagnostic::error(format!("unknown argument \"{other}\""))
                    .at(Span::of(file, attribute.key.span()))
                    .detail("not expected in block \"build\"")
                    .suggest(other, ARGUMENTS.into_iter().chain(BLOCKS)),
            ),
        }
    }

    /// The entries of `sources = [...]`, each reported at its own place when written as a list.
    fn references(
        &mut self,
        value: &Expression,
        file: FileId,
        sources: &Sources<'a>,
        scope: &Scope,
        diagnostics: &mut Diagnostics,
    ) {
        let whole = Span::of(file, value.span());
        let entries: Vec<(Value, Span)> = match value {
            Expression::Array(items) => {
                let items = items.iter();
                items.map(|item| (evaluate(item, file, scope, diagnostics), Span::of(file, item.span()))).collect()
            }
            other => match convert(&evaluate(other, file, scope, diagnostics), &Type::list(Type::String)) {
                Ok(list) => list.children().map(|item| (item.clone(), whole)).collect(),
                Err(error) => {
                    let diagnostic = Diagnostic::error("wrong type of \"sources\"").at(whole);
                    diagnostics.push(diagnostic.detail(error.to_string()));
                    return;
                }
            },
        };
        for (value, place) in entries {
            if let Some(reference) = text(&value, place, diagnostics)
                && let Some(source) = find(&reference, place, sources, diagnostics)
            {
                self.sources.push(SourceUse { source, local_name: source.name.clone(), extra: None });
            }
        }
    }

    fn nested(&mut self, pending: Pending<'a>, sources: &Sources<'a>, diagnostics: &mut Diagnostics) {
        match pending.kind.as_str() {
            "source" => {
                let Some(reference) = label(&pending, "source \"source.TYPE.NAME\" { ... }", diagnostics) else {
                    return;
                };
                let Some(source) = find(&reference, pending.span, sources, diagnostics) else { return };
                let local_name = local_name(&pending, diagnostics).unwrap_or_else(|| source.name.clone());
                self.sources.push(SourceUse { source, local_name, extra: Some(pending) });
            }
            "provisioner" => {
                if label(&pending, "provisioner \"TYPE\" { ... }", diagnostics).is_some() {
                    self.provisioners.push(pending);
                }
            }
            "error-cleanup-provisioner" => {
                if label(&pending, "error-cleanup-provisioner \"TYPE\" { ... }", diagnostics).is_none() {
                    return;
                }
                if let Some(first) = &self.error_cleanup {
                    let diagnostic =
                        Diagnostic::error("a build has one error-cleanup-provisioner at most").at(pending.span);
                    diagnostics.push(diagnostic.label(first.span, "the first is here"));
                } else {
                    self.error_cleanup = Some(pending);
                }
            }
            "post-processor" => {
                if label(&pending, "post-processor \"TYPE\" { ... }", diagnostics).is_some() {
                    self.sequences.push(vec![pending]);
                }
            }
            "post-processors" => {
                if !pending.labels.is_empty() {
                    let diagnostic = Diagnostic::error("block \"post-processors\" takes no label").at(pending.span);
                    diagnostics.push(diagnostic.help("write post-processors { ... }"));
                }
                self.sequence(&pending, diagnostics);
            }
            "hcp_packer_registry" => diagnostics.push(crate::template::decode::registry(pending.span)),
            other => diagnostics.push(
                Diagnostic::error(format!("unknown block \"{other}\""))
                    .at(pending.span)
                    .detail("not expected in block \"build\"")
                    .suggest(other, BLOCKS.into_iter().chain(ARGUMENTS)),
            ),
        }
    }

    fn sequence(&mut self, outer: &Pending<'a>, diagnostics: &mut Diagnostics) {
        let file = outer.span.file;
        for attribute in outer.body.iter().filter_map(Structure::as_attribute) {
            let diagnostic = Diagnostic::error(format!("unknown argument \"{}\"", attribute.key.as_str()));
            let diagnostic = diagnostic.at(Span::of(file, attribute.key.span()));
            diagnostics.push(diagnostic.detail("block \"post-processors\" holds post-processor blocks only"));
        }
        let mut sequence = Vec::new();
        for pending in expand(outer.body, &outer.path, file, &outer.scope, diagnostics) {
            if pending.kind != "post-processor" {
                let diagnostic = Diagnostic::error(format!("unknown block \"{}\"", pending.kind)).at(pending.span);
                diagnostics.push(diagnostic.detail("block \"post-processors\" holds post-processor blocks only"));
            } else if label(&pending, "post-processor \"TYPE\" { ... }", diagnostics).is_some() {
                sequence.push(pending);
            }
        }
        if sequence.is_empty() {
            diagnostics.push(Diagnostic::warning("this sequence of post-processors is empty").at(outer.span));
        } else {
            self.sequences.push(sequence);
        }
    }
}

fn text(value: &Value, place: Span, diagnostics: &mut Diagnostics) -> Option<String> {
    match convert(value, &Type::String) {
        Ok(value) => value.as_str().map(str::to_owned),
        Err(error) => {
            diagnostics.push(Diagnostic::error("a text is required here").at(place).detail(error.to_string()));
            None
        }
    }
}

fn label(pending: &Pending<'_>, form: &str, diagnostics: &mut Diagnostics) -> Option<String> {
    if let [label] = &pending.labels[..] {
        return Some(label.clone());
    }
    let diagnostic = Diagnostic::error(format!("block \"{}\" has {} labels", pending.kind, pending.labels.len()));
    diagnostics.push(diagnostic.at(pending.span).detail("one is expected").help(format!("write {form}")));
    None
}

/// The `name` that a `source` block inside a build gives its source.
fn local_name(pending: &Pending<'_>, diagnostics: &mut Diagnostics) -> Option<String> {
    let attribute = pending.body.get_attribute("name")?;
    let (file, place) = (pending.span.file, Span::of(pending.span.file, attribute.value.span()));
    let name = text(&evaluate(&attribute.value, file, &pending.scope, diagnostics), place, diagnostics);
    name.filter(|name| !name.is_empty())
}

/// `source.TYPE.NAME` or `TYPE.NAME`: of more than two parts the first is dropped, as in the peer.
fn find<'a>(reference: &str, place: Span, sources: &Sources<'a>, diagnostics: &mut Diagnostics) -> Option<&'a Source> {
    let parts: Vec<&str> = reference.split('.').collect();
    let parts = if parts.len() > 2 { &parts[1..] } else { &parts[..] };
    let found = parts.get(..2).and_then(|parts| sources.get(&(parts[0], parts[1])).copied());
    if found.is_none() {
        let mut known: Vec<String> = sources.keys().map(|(kind, name)| format!("source.{kind}.{name}")).collect();
        known.sort_unstable();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let mut diagnostic = Diagnostic::error(format!("there is no source \"{reference}\"")).at(place);
        diagnostic = match known[..] {
            [] => diagnostic.help("the template declares no source; add source \"TYPE\" \"NAME\" { ... }"),
            _ => diagnostic.detail(format!("sources of this template: {}", known.join(", "))).suggest(reference, known),
        };
        diagnostics.push(diagnostic);
    }
    found
}
