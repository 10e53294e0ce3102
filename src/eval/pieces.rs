//! Templates before they are rendered: texts with what `~` cuts off already cut, and without the indent of `<<-`.
//!
//! The rules are those of the language's own parser, which sees the text of heredocs and files a line at a time: `~`
//! reaches no further than the line it stands beside, and a line that follows a cut line end is no start of a line.

use hcl_edit::template::{Directive, Element, ForTemplateExpr, IfTemplateExpr, Interpolation, Strip, Template};

/// A part of a template.
pub(super) enum Piece<'t> {
    Text(String),
    Value(&'t Interpolation),
    If { node: &'t IfTemplateExpr, yes: Vec<Piece<'t>>, no: Vec<Piece<'t>> },
    For { node: &'t ForTemplateExpr, body: Vec<Piece<'t>> },
}

/// How the text of a template is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Between quotes, with escapes. The parser leaves those inside of directives as they are.
    Quoted,
    /// In a heredoc or a file of its own.
    Lines,
}

/// Whether the first and the last text are cut.
#[derive(Debug, Clone, Copy, Default)]
struct Cut {
    start: bool,
    end: bool,
}

fn before(strip: Strip) -> bool {
    matches!(strip, Strip::Start | Strip::Both)
}

fn after(strip: Strip) -> bool {
    matches!(strip, Strip::End | Strip::Both)
}

/// The marker on the side of an element that faces the text before it, and the one that faces the text after it.
fn outer(element: &Element) -> (bool, bool) {
    match element {
        Element::Literal(_) => (false, false),
        Element::Interpolation(interpolation) => (before(interpolation.strip), after(interpolation.strip)),
        Element::Directive(directive) => match &**directive {
            Directive::If(node) => (before(node.if_expr.strip), after(node.endif_expr.strip)),
            Directive::For(node) => (before(node.for_expr.strip), after(node.endfor_expr.strip)),
        },
    }
}

/// The pieces of a quoted text or a file.
pub(super) fn of<'t>(elements: &[&'t Element], form: Form) -> Vec<Piece<'t>> {
    pieces(elements, form, Cut::default(), false)
}

/// The pieces of a heredoc, with the common indent off when it begins with `<<-`.
pub(super) fn of_heredoc<'t>(elements: &[&'t Element], flushed: bool) -> Vec<Piece<'t>> {
    let mut found = of(elements, Form::Lines);
    if flushed {
        flush(&mut found);
    }
    found
}

fn pieces<'t>(elements: &[&'t Element], form: Form, cut: Cut, nested: bool) -> Vec<Piece<'t>> {
    let mut found = Vec::new();
    for (at, element) in elements.iter().enumerate() {
        match element {
            Element::Literal(literal) => {
                let start = if at == 0 { cut.start } else { outer(elements[at - 1]).1 };
                let end = elements.get(at + 1).map_or(cut.end, |next| outer(next).0);
                let text = if nested && form == Form::Quoted {
                    unescaped(literal.as_str())
                } else {
                    literal.as_str().to_owned()
                };
                found.extend(texts(&text, form, Cut { start, end }));
            }
            element => found.extend(other(element, form)),
        }
    }
    found
}

fn other<'t>(element: &'t Element, form: Form) -> Option<Piece<'t>> {
    let inside = |template: &'t Template, cut| pieces(&template.iter().collect::<Vec<_>>(), form, cut, true);
    Some(match element {
        Element::Literal(_) => return None,
        Element::Interpolation(interpolation) => Piece::Value(interpolation),
        Element::Directive(directive) => match &**directive {
            Directive::If(node) => {
                let last = node.endif_expr.strip;
                let middle = node.else_expr.as_ref().map_or(last, |other| other.strip);
                let cut = Cut { start: after(node.if_expr.strip), end: before(middle) };
                let no = node
                    .else_expr
                    .as_ref()
                    .map(|other| inside(&other.template, Cut { start: after(other.strip), end: before(last) }));
                Piece::If { node: &node.if_expr, yes: inside(&node.if_expr.template, cut), no: no.unwrap_or_default() }
            }
            Directive::For(node) => {
                let cut = Cut { start: after(node.for_expr.strip), end: before(node.endfor_expr.strip) };
                Piece::For { node: &node.for_expr, body: inside(&node.for_expr.template, cut) }
            }
        },
    })
}

/// A text as pieces of one line each, or whole when it is quoted, cut at its ends.
fn texts<'t>(text: &str, form: Form, cut: Cut) -> Vec<Piece<'t>> {
    let mut lines: Vec<&str> = match form {
        Form::Quoted => vec![text],
        Form::Lines => text.split_inclusive('\n').collect(),
    };
    if let Some(first) = lines.first_mut().filter(|_| cut.start) {
        *first = first.trim_start();
    }
    if let Some(last) = lines.last_mut().filter(|_| cut.end) {
        *last = last.trim_end();
    }
    lines.into_iter().map(|line| Piece::Text(line.to_owned())).collect()
}

/// Takes the common indent off all lines, as `<<-` asks. Lines of blanks only do not count and stay as they are.
fn flush(pieces: &mut [Piece<'_>]) {
    let mut least = usize::MAX;
    walk(pieces, &mut true, &mut |text| {
        least = least.min(text.map_or(0, |text| text.len() - text.trim_start().len()));
    });
    walk(pieces, &mut true, &mut |text| {
        if let Some(text) = text {
            text.drain(..least.min(text.len() - text.trim_start().len()));
        }
    });
}

/// Calls `each` for what stands at the start of a line: a text, or nothing for a template.
fn walk(pieces: &mut [Piece<'_>], line_start: &mut bool, each: &mut impl FnMut(Option<&mut String>)) {
    let marker = |line_start: &mut bool, each: &mut dyn FnMut(Option<&mut String>)| {
        if std::mem::take(line_start) {
            each(None);
        }
    };
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                let ends = text.ends_with('\n');
                if std::mem::take(line_start) && !(text.trim().is_empty() && ends) {
                    each(Some(text));
                }
                *line_start |= ends;
            }
            Piece::Value(_) => marker(line_start, each),
            Piece::If { yes, no, .. } => {
                marker(line_start, each);
                walk(yes, line_start, each);
                marker(line_start, each);
                if !no.is_empty() {
                    walk(no, line_start, each);
                    marker(line_start, each);
                }
            }
            Piece::For { body, .. } => {
                marker(line_start, each);
                walk(body, line_start, each);
                marker(line_start, each);
            }
        }
    }
}

/// The text with the escapes of quoted texts replaced; the parser has refused wrong ones.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = escape.chars();
        let digits =
            |length| escape.get(1..=length).and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        let (character, length) = match chars.next() {
            Some('n') => (Some('\n'), 1),
            Some('r') => (Some('\r'), 1),
            Some('t') => (Some('\t'), 1),
            Some('u') => (digits(4), 5),
            Some('U') => (digits(8), 9),
            Some(other) => (Some(other), other.len_utf8()),
            None => (None, 0),
        };
        match character {
            Some(character) => {
                out.push(character);
                rest = &escape[length..];
            }
            None => {
                out.push('\\');
                rest = escape;
            }
        }
    }
    out.push_str(rest);
    out
}
