//! Small readers over the parser's tree: places of nodes, literal texts, and blocks with a fixed set of attributes.

use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Block, BlockLabel, Body, Structure};

use super::Expr;
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span};
use crate::eval::evaluate;
use crate::eval::functions::FunctionContext;
use crate::eval::scope::Scope;
use crate::value::{Kind, Type, Value, convert};

/// The place of a block's type and labels.
pub(crate) fn header(file: FileId, block: &Block) -> Span {
    let start = Span::of(file, block.ident.span());
    block.labels.last().map_or(start, |label| start.to(label_span(file, label)))
}

pub(crate) fn label_span(file: FileId, label: &BlockLabel) -> Span {
    match label {
        BlockLabel::Ident(ident) => Span::of(file, ident.span()),
        BlockLabel::String(text) => Span::of(file, text.span()),
    }
}

pub(crate) fn expr(file: FileId, node: Expression) -> Expr {
    let span = Span::of(file, node.span());
    Expr { file, node, span }
}

/// A name as the language wants it: a letter or underscore, then letters, digits, `_` and `-`.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// Takes a block apart into the attributes named in `allowed`; everything else is reported, blocks but for those in
/// `blocks` too. The block types in `blocks` are returned in order.
pub(crate) fn parts(
    file: FileId,
    owner: &str,
    body: Body,
    allowed: &[&str],
    blocks: &[&str],
    diagnostics: &mut Diagnostics,
) -> (Vec<Attribute>, Vec<Block>) {
    let (mut attributes, mut nested) = (Vec::new(), Vec::new());
    for structure in body {
        match structure {
            Structure::Attribute(attribute) if allowed.contains(&attribute.key.as_str()) => attributes.push(attribute),
            Structure::Block(block) if blocks.contains(&block.ident.as_str()) => nested.push(block),
            Structure::Attribute(attribute) => {
                let name = attribute.key.as_str();
                let mut diagnostic =
                    Diagnostic::error(format!("unknown argument \"{name}\"")).at(Span::of(file, attribute.key.span()));
                diagnostic = match blocks.contains(&name) {
                    true => diagnostic
                        .detail("this is a block")
                        .help(format!("write it without the equals sign: {name} {{ ... }}")),
                    false => diagnostic
                        .detail(format!("not expected in {owner}"))
                        .suggest(name, allowed.iter().chain(blocks).copied()),
                };
                diagnostics.push(diagnostic);
            }
            Structure::Block(block) => {
                let name = block.ident.as_str();
                let diagnostic = Diagnostic::error(format!("unknown block \"{name}\""))
                    .at(header(file, &block))
                    .detail(format!("not expected in {owner}"))
                    .suggest(name, blocks.iter().chain(allowed).copied());
                diagnostics.push(diagnostic);
            }
        }
    }
    (attributes, nested)
}

/// A text without variables and functions; anything else is reported.
pub(crate) fn literal_text(
    file: FileId,
    what: &str,
    value: &Expression,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let found = literal(file, value, &Type::String);
    let text = found.as_ref().and_then(|value| value.as_str()).map(str::to_owned);
    if text.is_none() {
        diagnostics.push(not_literal(file, what, "a literal text", value));
    }
    text
}

/// `true` or `false`, without variables and functions; anything else is reported.
pub(crate) fn literal_bool(
    file: FileId,
    what: &str,
    value: &Expression,
    diagnostics: &mut Diagnostics,
) -> Option<bool> {
    match literal(file, value, &Type::Bool).map(|value| value.kind) {
        Some(Kind::Bool(flag)) => Some(flag),
        _ => {
            diagnostics.push(not_literal(file, what, "true or false", value));
            None
        }
    }
}

fn literal(file: FileId, value: &Expression, ty: &Type) -> Option<Value> {
    let scope = Scope::literal(Arc::new(FunctionContext::detached()));
    let mut aside = Diagnostics::new();
    let found = evaluate(value, file, &scope, &mut aside);
    if aside.has_errors() { None } else { convert(&found, ty).ok() }
}

fn not_literal(file: FileId, what: &str, wanted: &str, value: &Expression) -> Diagnostic {
    Diagnostic::error(format!("{what} must be {wanted}"))
        .at(Span::of(file, value.span()))
        .detail("variables and functions are not allowed here")
}

/// The labels of a block when there are as many as `names`; otherwise reported.
pub(crate) fn labels(
    file: FileId,
    block: &Block,
    names: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<Vec<String>> {
    if block.labels.len() == names.len() {
        return Some(block.labels.iter().map(|label| label.as_str().to_owned()).collect());
    }
    let kind = block.ident.as_str();
    let wanted = match names {
        [] => format!("{kind} {{ ... }}"),
        names => format!("{kind} \"{}\" {{ ... }}", names.join("\" \"")),
    };
    let diagnostic = Diagnostic::error(format!("block \"{kind}\" has {} labels", block.labels.len()))
        .at(header(file, block))
        .detail(format!("{} are expected", names.len()))
        .help(format!("write {wanted}"));
    diagnostics.push(diagnostic);
    None
}
