//! Texts with `${ }` and `%{ }`: quoted strings, heredocs, and whole files for `templatefile`.

use hcl_edit::template::{Directive, Element, HeredocTemplate, StringTemplate, Strip, Template};
use unicode_normalization::UnicodeNormalization as _;

use super::expression::{Evaluated, Evaluator, Reported};
use crate::diagnostic::{Diagnostic, Span};
use crate::value::{Type, Value, convert};

/// Longest text that a template may make, in bytes.
const LONGEST: usize = 64 << 20;

/// A text in the making.
#[derive(Default)]
pub(super) struct Output {
    text: String,
    unknown: bool,
    sensitive: bool,
}

/// What is cut from the ends of a piece of template, and the indent of its heredoc.
#[derive(Clone, Copy, Default)]
struct Trim {
    start: bool,
    end: bool,
    indent: usize,
}

impl Output {
    fn value(self) -> Value {
        let value =
            if self.unknown { Value::unknown(Type::String) } else { self.text.nfc().collect::<String>().into() };
        value.marked(self.sensitive)
    }
}

fn strips_before(strip: Strip) -> bool {
    matches!(strip, Strip::Start | Strip::Both)
}

fn strips_after(strip: Strip) -> bool {
    matches!(strip, Strip::End | Strip::Both)
}

/// The marker on the side of `element` that faces the text before (or after) it.
fn outer_strip(element: &Element, before: bool) -> bool {
    match element {
        Element::Literal(_) => false,
        Element::Interpolation(interpolation) if before => strips_before(interpolation.strip),
        Element::Interpolation(interpolation) => strips_after(interpolation.strip),
        Element::Directive(directive) => match (&**directive, before) {
            (Directive::If(node), true) => strips_before(node.if_expr.strip),
            (Directive::If(node), false) => strips_after(node.endif_expr.strip),
            (Directive::For(node), true) => strips_before(node.for_expr.strip),
            (Directive::For(node), false) => strips_after(node.endfor_expr.strip),
        },
    }
}

impl Evaluator<'_> {
    pub(super) fn string_template(&mut self, template: &StringTemplate) -> Evaluated {
        self.whole(&template.iter().collect::<Vec<_>>())
    }

    /// A template that is a file of its own.
    pub(super) fn file_template(&mut self, template: &Template) -> Evaluated {
        self.whole(&template.iter().collect::<Vec<_>>())
    }

    /// A text that is a single interpolation keeps the value's type.
    fn whole(&mut self, elements: &[&Element]) -> Evaluated {
        if let [Element::Interpolation(only)] = elements[..] {
            return self.expression(&only.expr);
        }
        let mut out = Output::default();
        self.pieces(elements, Trim::default(), &mut out)?;
        Ok(out.value())
    }

    pub(super) fn heredoc(&mut self, heredoc: &HeredocTemplate) -> Evaluated {
        // The parser has removed the common indent from the outer pieces; those inside directives still have it.
        let trim = Trim { indent: heredoc.indent().unwrap_or(0), ..Trim::default() };
        let mut out = Output::default();
        self.pieces(&heredoc.template.iter().collect::<Vec<_>>(), trim, &mut out)?;
        Ok(out.value())
    }

    fn pieces(&mut self, elements: &[&Element], trim: Trim, out: &mut Output) -> Result<(), Reported> {
        for (at, element) in elements.iter().enumerate() {
            match element {
                Element::Literal(literal) => {
                    let mut text = literal.as_str();
                    let start = if at == 0 { trim.start } else { outer_strip(elements[at - 1], false) };
                    let end = if at + 1 == elements.len() { trim.end } else { outer_strip(elements[at + 1], true) };
                    if start {
                        text = text.trim_start();
                    }
                    if end {
                        text = text.trim_end();
                    }
                    out.text.push_str(text);
                }
                Element::Interpolation(interpolation) => {
                    let value = self.expression(&interpolation.expr)?;
                    let place = self.span(&interpolation.expr);
                    self.append(&value, place, out)?;
                }
                Element::Directive(directive) => self.directive(directive, trim.indent, out)?,
            }
            if out.text.len() > LONGEST {
                let place = Span::of(self.file, hcl_edit::Span::span(*element));
                return self
                    .fail(Diagnostic::error(format!("this text is longer than {} MiB", LONGEST >> 20)).at(place));
            }
        }
        Ok(())
    }

    fn append(&mut self, value: &Value, place: Span, out: &mut Output) -> Result<(), Reported> {
        out.sensitive |= value.has_sensitive();
        match convert(value, &Type::String) {
            Ok(text) if text.is_unknown() => out.unknown = true,
            Ok(text) => match text.as_str() {
                Some(text) => out.text.push_str(text),
                None => return self.fail(Diagnostic::error("null cannot be part of a text").at(place)),
            },
            Err(_) => {
                let diagnostic = Diagnostic::error("this value cannot be part of a text").at(place);
                let diagnostic = diagnostic.detail(format!("it is {}; a text, number or bool is required", value.ty()));
                return self.fail(diagnostic.help("use join(), jsonencode() or a for loop"));
            }
        }
        Ok(())
    }

    fn directive(&mut self, directive: &Directive, indent: usize, out: &mut Output) -> Result<(), Reported> {
        match directive {
            Directive::If(node) => {
                let condition = self.expression(&node.if_expr.cond_expr)?;
                let place = self.span(&node.if_expr.cond_expr);
                out.sensitive |= condition.sensitive;
                let closing = node.else_expr.as_ref().map_or(node.endif_expr.strip, |e| e.strip);
                let trim = Trim { start: strips_after(node.if_expr.strip), end: strips_before(closing), indent };
                match (self.truth(&condition, place)?, &node.else_expr) {
                    (None, _) => out.unknown = true,
                    (Some(true), _) => self.nested(&node.if_expr.template, trim, out)?,
                    (Some(false), None) => {}
                    (Some(false), Some(other)) => {
                        let trim = Trim {
                            start: strips_after(other.strip),
                            end: strips_before(node.endif_expr.strip),
                            indent,
                        };
                        self.nested(&other.template, trim, out)?;
                    }
                }
            }
            Directive::For(node) => {
                let collection = self.expression(&node.for_expr.collection_expr)?;
                let place = self.span(&node.for_expr.collection_expr);
                out.sensitive |= collection.sensitive;
                let Some(elements) = self.elements(&collection, place)? else {
                    out.unknown = true;
                    return Ok(());
                };
                let trim = Trim {
                    start: strips_after(node.for_expr.strip),
                    end: strips_before(node.endfor_expr.strip),
                    indent,
                };
                for (key, value) in elements {
                    let mut scope = self.scope.child();
                    if let Some(name) = &node.for_expr.key_var {
                        scope.set(name.as_str(), key);
                    }
                    scope.set(node.for_expr.value_var.as_str(), value);
                    self.within(&scope).nested(&node.for_expr.template, trim, out)?;
                }
            }
        }
        Ok(())
    }

    /// The inside of a directive, without the indent of its heredoc.
    fn nested(&mut self, template: &Template, trim: Trim, out: &mut Output) -> Result<(), Reported> {
        if trim.indent == 0 {
            return self.pieces(&template.iter().collect::<Vec<_>>(), trim, out);
        }
        let mut line_start = false;
        let dedented: Vec<Element> = template
            .iter()
            .map(|element| match element {
                Element::Literal(literal) => {
                    let text = dedent(literal.as_str(), trim.indent, line_start);
                    line_start = text.ends_with('\n');
                    Element::from(text)
                }
                other => {
                    line_start = false;
                    other.clone()
                }
            })
            .collect();
        self.pieces(&dedented.iter().collect::<Vec<_>>(), trim, out)
    }
}

/// Removes up to `indent` blanks at the start of each line; of the first one only when `first` says it is a start.
fn dedent(text: &str, indent: usize, first: bool) -> String {
    let lines = text.split_inclusive('\n').enumerate().map(|(number, line)| {
        let blanks = line.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count().min(indent);
        if number == 0 && !first { line } else { &line[blanks..] }
    });
    lines.collect()
}
