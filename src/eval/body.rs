//! Blocks to values: every attribute evaluated, every `dynamic` block expanded.

use hcl_edit::Span as _;
use hcl_edit::structure::{self, Structure};

use super::block::{Attr, Block, Body};
use super::expression::Evaluator;
use super::expression::evaluate as evaluate_expr;
use super::scope::Scope;
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span};
use crate::value::{Type, Value, convert};

/// A nested block that is still to be evaluated, in the scope it stands in.
#[derive(Debug, Clone)]
pub(crate) struct Pending<'a> {
    pub kind: String,
    pub labels: Vec<String>,
    /// Block type and labels.
    pub span: Span,
    pub body: &'a structure::Body,
    /// Where the body is in the one that was expanded: see [`inside`].
    pub path: Vec<usize>,
    /// The scope around it, with the iterators of the `dynamic` blocks it came from.
    pub scope: Scope,
}

/// The contents of a block, all expressions evaluated. `header` is the place of its type and labels.
pub(crate) fn evaluate(body: &structure::Body, header: Span, scope: &Scope, diagnostics: &mut Diagnostics) -> Body {
    let file = header.file;
    let mut result = Body::new(header);
    for attribute in body.iter().filter_map(Structure::as_attribute) {
        let attr = Attr {
            value: evaluate_expr(&attribute.value, file, scope, diagnostics),
            name_span: Span::of(file, attribute.key.span()),
            value_span: Span::of(file, attribute.value.span()),
        };
        result.attrs.insert(attribute.key.as_str().to_owned(), attr);
    }
    for pending in expand(body, &[], file, scope, diagnostics) {
        let inner = evaluate(pending.body, pending.span, &pending.scope, diagnostics);
        result.blocks.push(Block { kind: pending.kind, labels: pending.labels, span: pending.span, body: inner });
    }
    result
}

/// The body of the block at a path: places of blocks among the contents of a body, outermost first.
pub(crate) fn inside<'a>(body: &'a structure::Body, path: &[usize]) -> Option<&'a structure::Body> {
    path.iter().try_fold(body, |body, at| Some(&body.get(*at)?.as_block()?.body))
}

/// The nested blocks of a body in order, one level deep, `dynamic` blocks replaced by what they make. `path` is where
/// the body itself is.
pub(crate) fn expand<'a>(
    body: &'a structure::Body,
    path: &[usize],
    file: FileId,
    scope: &Scope,
    diagnostics: &mut Diagnostics,
) -> Vec<Pending<'a>> {
    let mut blocks = Vec::new();
    for (at, block) in body.iter().enumerate().filter_map(|(at, structure)| Some((at, structure.as_block()?))) {
        let span = header(file, block);
        let path = [path, &[at]].concat();
        if block.ident.as_str() == "dynamic" {
            dynamic((block, &path), span, scope, &mut blocks, diagnostics);
        } else {
            let labels = block.labels.iter().map(|label| label.as_str().to_owned()).collect();
            let kind = block.ident.as_str().to_owned();
            blocks.push(Pending { kind, labels, span, body: &block.body, path, scope: scope.clone() });
        }
    }
    blocks
}

fn header(file: FileId, block: &structure::Block) -> Span {
    let start = Span::of(file, block.ident.span());
    block.labels.last().map_or(start, |label| {
        start.to(Span::of(
            file,
            match label {
                structure::BlockLabel::Ident(ident) => ident.span(),
                structure::BlockLabel::String(text) => text.span(),
            },
        ))
    })
}

/// `dynamic "KIND" { for_each, iterator, labels, content {} }`.
fn dynamic<'a>(
    (block, path): (&'a structure::Block, &[usize]),
    span: Span,
    scope: &Scope,
    blocks: &mut Vec<Pending<'a>>,
    diagnostics: &mut Diagnostics,
) {
    let file = span.file;
    let [kind] = &block.labels[..] else {
        let diagnostic = Diagnostic::error("a dynamic block has one label: the type of the blocks it makes").at(span);
        diagnostics.push(diagnostic.help("write dynamic \"KIND\" { ... }"));
        return;
    };
    let kind = kind.as_str().to_owned();
    let (mut for_each, mut iterator, mut labels) = (None, kind.clone(), None);
    for attribute in block.body.iter().filter_map(Structure::as_attribute) {
        match attribute.key.as_str() {
            "for_each" => for_each = Some(&attribute.value),
            "labels" => labels = Some(&attribute.value),
            "iterator" => match &attribute.value {
                hcl_edit::expr::Expression::Variable(name) => iterator = name.as_str().to_owned(),
                other => {
                    let diagnostic = Diagnostic::error("\"iterator\" must be a plain name");
                    diagnostics.push(diagnostic.at(Span::of(file, other.span())).help("write iterator = item"));
                }
            },
            other => {
                let place = Span::of(file, attribute.key.span());
                let diagnostic = Diagnostic::error(format!("unknown argument \"{other}\"")).at(place);
                let diagnostic = diagnostic.detail("a dynamic block has for_each, iterator, labels and content");
                diagnostics.push(diagnostic.suggest(other, ["for_each", "iterator", "labels", "content"]));
            }
        }
    }
    let mut contents = block.body.iter().enumerate().filter_map(|(at, structure)| Some((at, structure.as_block()?)));
    let (at, content) = match (contents.next(), contents.next()) {
        (Some((at, content)), None) if content.ident.as_str() == "content" && content.labels.is_empty() => {
            (at, content)
        }
        _ => {
            let diagnostic = Diagnostic::error("a dynamic block holds exactly one content block").at(span);
            diagnostics.push(diagnostic.help("write content { ... }"));
            return;
        }
    };
    let Some(for_each) = for_each else {
        diagnostics.push(Diagnostic::error("argument \"for_each\" is missing").at(span));
        return;
    };
    let collection = evaluate_expr(for_each, file, scope, diagnostics);
    let place = Span::of(file, for_each.span());
    let Ok(elements) = (Evaluator { file, scope, diagnostics }).elements(&collection, place) else { return };
    // With an unknown collection one block of unknowns stands for all, so that its mistakes show.
    let unknown = || vec![(Value::unknown(Type::Any), Value::unknown(Type::Any))];
    for (key, value) in elements.unwrap_or_else(unknown) {
        let mut scope = scope.child();
        let entry = [("key".to_owned(), key), ("value".to_owned(), value)];
        scope.set(&iterator, Value::object(entry.into_iter().collect()));
        let labels = labels.map(|expr| {
            let value = evaluate_expr(expr, file, &scope, diagnostics);
            match convert(&value, &Type::list(Type::String)) {
                Ok(list) => list.children().map(|v| v.as_str().unwrap_or_default().to_owned()).collect(),
                Err(error) => {
                    let place = Span::of(file, expr.span());
                    diagnostics.push(Diagnostic::error("wrong type of \"labels\"").at(place).detail(error.to_string()));
                    Vec::new()
                }
            }
        });
        let labels = labels.unwrap_or_default();
        let path = [path, &[at]].concat();
        blocks.push(Pending { kind: kind.clone(), labels, span, body: &content.body, path, scope });
    }
}
