//! The `packer {}` block: `required_version` is checked, `required_plugins` is read so that mistakes show; nothing is
//! installed, because every component is built in.

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Attribute, Block};

use super::syntax::{header, labels, literal_text, parts};
use super::version::{Constraint, Version};
use super::{PEER_VERSION, Plugin};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span};

/// The plugins that the block requires.
pub(super) fn read(file: FileId, block: Block, diagnostics: &mut Diagnostics) -> Vec<Plugin> {
    labels(file, &block, &[], diagnostics);
    let (attributes, nested) =
        parts(file, "block \"packer\"", block.body, &["required_version"], &["required_plugins"], diagnostics);
    for attribute in &attributes {
        required_version(file, attribute, diagnostics);
    }
    let mut plugins: Vec<Plugin> = Vec::new();
    for block in nested {
        labels(file, &block, &[], diagnostics);
        let place = header(file, &block);
        for structure in block.body {
            match structure.into_attribute() {
                Ok(attribute) => {
                    let name = attribute.key.as_str().to_owned();
                    if plugins.iter().any(|plugin| plugin.name == name) {
                        let diagnostic = Diagnostic::error(format!("plugin \"{name}\" is required twice"));
                        diagnostics.push(diagnostic.at(Span::of(file, attribute.key.span())));
                    }
                    plugins.extend(required_plugin(file, &attribute, diagnostics));
                }
                Err(_) => diagnostics.push(
                    Diagnostic::error("blocks are not expected in \"required_plugins\"")
                        .at(place)
                        .help("write name = { version = \"...\", source = \"...\" }"),
                ),
            }
        }
    }
    plugins
}

fn required_version(file: FileId, attribute: &Attribute, diagnostics: &mut Diagnostics) {
    let Some(text) = literal_text(file, "\"required_version\"", &attribute.value, diagnostics) else { return };
    let place = Span::of(file, attribute.value.span());
    let constraint = text.parse::<Constraint>();
    match (constraint, PEER_VERSION.parse::<Version>()) {
        (Ok(constraint), Ok(version)) if constraint.allows(version) => {}
        (Ok(_), _) => diagnostics.push(
            Diagnostic::error(format!("this template does not accept Packer {PEER_VERSION}"))
                .at(place)
                .detail("forge reads templates as that version does")
                .help("widen the constraint if the template is known to work"),
        ),
        (Err(error), _) => diagnostics.push(bad_constraint(place, &error)),
    }
}

fn bad_constraint(place: Span, error: &dyn std::error::Error) -> Diagnostic {
    Diagnostic::error("this is not a version constraint")
        .at(place)
        .detail(error.to_string())
        .help("write conditions like \">= 1.7.0, < 2.0.0\" or \"~> 1.2\"")
}

fn required_plugin(file: FileId, attribute: &Attribute, diagnostics: &mut Diagnostics) -> Option<Plugin> {
    let name = attribute.key.as_str();
    let place = Span::of(file, attribute.key.span());
    if name.contains('.') || name.contains("--") || name != name.to_lowercase() {
        let diagnostic = Diagnostic::error(format!("{name:?} is not a name for a plugin"));
        diagnostics.push(diagnostic.at(place).detail("it is lower case, without dots and double dashes"));
    }
    let long_form = format!("write {name} = {{ version = \">= 1.0.0\", source = \"github.com/owner/{name}\" }}");
    let Expression::Object(object) = &attribute.value else {
        let diagnostic = Diagnostic::error(format!("plugin \"{name}\" needs a version and a source"));
        diagnostics.push(diagnostic.at(Span::of(file, attribute.value.span())).help(long_form));
        return None;
    };
    let (mut version, mut source) = (None, None);
    for (key, value) in object {
        let (key, at) = match key {
            ObjectKey::Ident(ident) => (ident.as_str().to_owned(), ident.span()),
            ObjectKey::Expression(expr) => (expr.as_str().unwrap_or_default().to_owned(), expr.span()),
        };
        let Some(text) = (match key.as_str() {
            "version" | "source" => literal_text(file, &format!("\"{key}\""), value.expr(), diagnostics),
            _ => {
                let diagnostic = Diagnostic::error(format!("unknown argument {key:?}"));
                diagnostics.push(diagnostic.at(Span::of(file, at)).detail("a plugin has a version and a source"));
                continue;
            }
        }) else {
            continue;
        };
        let value_span = Span::of(file, value.expr().span());
        if key == "version" {
            if let Err(error) = text.parse::<Constraint>() {
                diagnostics.push(bad_constraint(value_span, &error));
            }
            version = Some(text);
        } else {
            check_source(&text, value_span, diagnostics);
            source = Some(text);
        }
    }
    let (Some(version), Some(source)) = (version, source) else {
        let diagnostic = Diagnostic::error(format!("plugin \"{name}\" needs a version and a source"));
        diagnostics.push(diagnostic.at(place).help(long_form));
        return None;
    };
    Some(Plugin { name: name.to_owned(), version, source, span: place })
}

fn check_source(source: &str, place: Span, diagnostics: &mut Diagnostics) {
    let parts: Vec<&str> = source.split('/').collect();
    let plain = !source.contains("://") && !source.contains(['?', '#', ' ']);
    let last_is_short = parts.last().is_some_and(|last| !last.starts_with("packer-"));
    if plain && (3..=16).contains(&parts.len()) && parts.iter().all(|part| !part.is_empty()) && last_is_short {
        return;
    }
    let diagnostic = Diagnostic::error("this is not the source of a plugin")
        .at(place)
        .detail("it has the form host/namespace/name; the name goes without \"packer-plugin-\"")
        .help("for example \"github.com/hashicorp/docker\"");
    diagnostics.push(diagnostic);
}
