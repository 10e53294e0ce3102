//! Top-level blocks of a file into the [`Template`]: names, labels and literal arguments are checked here.

use std::collections::HashMap;
use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::structure::{Attribute, Block, Body, Structure};

use super::syntax::{expr, header, is_identifier, label_span, labels, literal_bool, literal_text, parts};
use super::{Build, Data, Local, Source, Template, Validation, Variable, packer_block};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceMap, Span};
use crate::eval::types::type_expression;

const BLOCKS: [&str; 9] =
    ["packer", "variable", "variables", "local", "locals", "data", "source", "build", "hcp_packer_registry"];

/// Adds the blocks of one file to `template`.
pub(super) fn file(file: FileId, body: Body, template: &mut Template, diagnostics: &mut Diagnostics) {
    for structure in body {
        match structure {
            Structure::Attribute(attribute) => {
                let name = attribute.key.as_str();
                let diagnostic = Diagnostic::error(format!("unknown argument \"{name}\""))
                    .at(Span::of(file, attribute.key.span()))
                    .detail("a template holds blocks only")
                    .suggest(name, BLOCKS);
                diagnostics.push(diagnostic);
            }
            Structure::Block(block) => top_level(file, block, template, diagnostics),
        }
    }
}

fn top_level(file: FileId, block: Block, template: &mut Template, diagnostics: &mut Diagnostics) {
    let place = header(file, &block);
    match block.ident.as_str() {
        "packer" => template.plugins.extend(packer_block::read(file, block, diagnostics)),
        "variable" => template.variables.extend(variable(file, block, diagnostics)),
        "variables" => {
            for attribute in lines(file, block, "variables", diagnostics) {
                let name = name(file, &attribute, diagnostics);
                let default = Some(expr(file, attribute.value));
                let span = Span::of(file, attribute.key.span());
                let variable = Variable { name, span, ty: None, default, sensitive: false, validations: Vec::new() };
                template.variables.push(variable);
            }
        }
        "local" => template.locals.extend(local(file, block, diagnostics)),
        "locals" => {
            for attribute in lines(file, block, "locals", diagnostics) {
                let name = name(file, &attribute, diagnostics);
                let span = Span::of(file, attribute.key.span());
                template.locals.push(Local { name, span, value: expr(file, attribute.value), sensitive: false });
            }
        }
        word @ ("source" | "data") => {
            let is_data = word == "data";
            let Some(named) = labels(file, &block, &["TYPE", "NAME"], diagnostics) else { return };
            let [kind, name] = &named[..] else { return };
            let (kind, name) = (kind.clone(), name.clone());
            let kind_span = label_span(file, &block.labels[0]);
            let body = Arc::new(block.body);
            match is_data {
                true => template.data.push(Data { kind, name, span: place, kind_span, body }),
                false => template.sources.push(Source { kind, name, span: place, kind_span, body }),
            }
        }
        "build" => {
            if labels(file, &block, &[], diagnostics).is_some() {
                template.builds.push(Build { span: place, file, body: Arc::new(block.body) });
            }
        }
        "hcp_packer_registry" => diagnostics.push(registry(place)),
        "communicator" => diagnostics.push(
            Diagnostic::warning("block \"communicator\" has no effect")
                .at(place)
                .detail("the peer accepts it and ignores it too")
                .help("set the communicator's options in the source block"),
        ),
        other => diagnostics.push(
            Diagnostic::error(format!("unknown block \"{other}\""))
                .at(place)
                .detail("not a block of a template")
                .suggest(other, BLOCKS),
        ),
    }
}

/// Said where the block stands, at top level or in a build.
pub(crate) fn registry(place: Span) -> Diagnostic {
    Diagnostic::warning("block \"hcp_packer_registry\" has no effect")
        .at(place)
        .detail("images are not registered with HCP Packer")
}

/// The attributes of a block that holds nothing else.
fn lines(file: FileId, block: Block, kind: &str, diagnostics: &mut Diagnostics) -> Vec<Attribute> {
    labels(file, &block, &[], diagnostics);
    let mut attributes = Vec::new();
    for structure in block.body {
        match structure {
            Structure::Attribute(attribute) => attributes.push(attribute),
            Structure::Block(nested) => diagnostics.push(
                Diagnostic::error(format!("unknown block \"{}\"", nested.ident.as_str()))
                    .at(header(file, &nested))
                    .detail(format!("block \"{kind}\" holds lines of the form name = value")),
            ),
        }
    }
    attributes
}

fn name(file: FileId, attribute: &Attribute, diagnostics: &mut Diagnostics) -> String {
    let name = attribute.key.as_str().to_owned();
    check_name(&name, Span::of(file, attribute.key.span()), diagnostics);
    name
}

fn check_name(name: &str, place: Span, diagnostics: &mut Diagnostics) {
    if !is_identifier(name) {
        let diagnostic = Diagnostic::error(format!("{name:?} is not a name"))
            .at(place)
            .detail("a name starts with a letter or underscore, then letters, digits, \"_\" or \"-\"");
        diagnostics.push(diagnostic);
    }
}

fn variable(file: FileId, block: Block, diagnostics: &mut Diagnostics) -> Option<Variable> {
    let place = header(file, &block);
    let name = labels(file, &block, &["NAME"], diagnostics)?.pop()?;
    check_name(&name, label_span(file, &block.labels[0]), diagnostics);
    let owner = format!("variable \"{name}\"");
    let arguments = ["type", "default", "description", "sensitive"];
    let (attributes, nested) = parts(file, &owner, block.body, &arguments, &["validation"], diagnostics);
    let mut variable =
        Variable { name, span: place, ty: None, default: None, sensitive: false, validations: Vec::new() };
    for attribute in attributes {
        match attribute.key.as_str() {
            "type" => variable.ty = type_expression(&attribute.value, file, diagnostics),
            "default" => variable.default = Some(expr(file, attribute.value)),
            "sensitive" => {
                let flag = literal_bool(file, "\"sensitive\"", &attribute.value, diagnostics);
                variable.sensitive = flag.unwrap_or(true);
            }
            _ => drop(literal_text(file, "\"description\"", &attribute.value, diagnostics)),
        }
    }
    variable.validations = nested.into_iter().filter_map(|block| validation(file, block, diagnostics)).collect();
    Some(variable)
}

fn validation(file: FileId, block: Block, diagnostics: &mut Diagnostics) -> Option<Validation> {
    let place = header(file, &block);
    labels(file, &block, &[], diagnostics)?;
    let (attributes, _) =
        parts(file, "block \"validation\"", block.body, &["condition", "error_message"], &[], diagnostics);
    let (mut condition, mut error_message) = (None, None);
    for attribute in attributes {
        match attribute.key.as_str() {
            "condition" => condition = Some(expr(file, attribute.value)),
            _ => error_message = Some(expr(file, attribute.value)),
        }
    }
    for (missing, name) in [(condition.is_none(), "condition"), (error_message.is_none(), "error_message")] {
        if missing {
            diagnostics.push(Diagnostic::error(format!("argument \"{name}\" is missing")).at(place));
        }
    }
    Some(Validation { condition: condition?, error_message: error_message? })
}

fn local(file: FileId, block: Block, diagnostics: &mut Diagnostics) -> Option<Local> {
    let place = header(file, &block);
    let name = labels(file, &block, &["NAME"], diagnostics)?.pop()?;
    check_name(&name, label_span(file, &block.labels[0]), diagnostics);
    let owner = format!("local \"{name}\"");
    let (attributes, _) = parts(file, &owner, block.body, &["expression", "sensitive"], &[], diagnostics);
    let (mut value, mut sensitive) = (None, false);
    for attribute in attributes {
        match attribute.key.as_str() {
            "expression" => value = Some(expr(file, attribute.value)),
            _ => sensitive = literal_bool(file, "\"sensitive\"", &attribute.value, diagnostics).unwrap_or(true),
        }
    }
    if value.is_none() {
        diagnostics.push(Diagnostic::error("argument \"expression\" is missing").at(place).detail(owner));
    }
    Some(Local { name, span: place, value: value?, sensitive })
}

/// Reports what is declared twice, with both places.
pub(super) fn duplicates(template: &Template, sources: &SourceMap, diagnostics: &mut Diagnostics) {
    let variables = template.variables.iter().map(|v| (format!("variable \"{}\"", v.name), v.span));
    let locals = template.locals.iter().map(|l| (format!("local \"{}\"", l.name), l.span));
    let builders = template.sources.iter().map(|s| (format!("source \"{}\" \"{}\"", s.kind, s.name), s.span));
    let data = template.data.iter().map(|d| (format!("data \"{}\" \"{}\"", d.kind, d.name), d.span));
    let mut first: HashMap<String, Span> = HashMap::new();
    for (what, place) in variables.chain(locals).chain(builders).chain(data) {
        if let Some(before) = first.get(&what) {
            let at = sources.position(*before);
            let diagnostic = Diagnostic::error(format!("{what} is declared twice"))
                .at(place)
                .detail(format!("first declared at {}:{}", sources.path(before.file).display(), at.line))
                .label(*before, "first declared here");
            diagnostics.push(diagnostic);
        } else {
            first.insert(what, place);
        }
    }
}
