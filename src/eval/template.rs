//! Texts with `${ }` and `%{ }`: quoted strings, heredocs, and whole files for `templatefile`.

use hcl_edit::template::{Element, ForTemplateExpr, HeredocTemplate, StringTemplate, Template};
use unicode_normalization::UnicodeNormalization as _;

use super::expression::{Evaluated, Evaluator, Reported};
use super::pieces::{self, Form, Piece};
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

impl Output {
    fn value(self) -> Value {
        let value =
            if self.unknown { Value::unknown(Type::String) } else { self.text.nfc().collect::<String>().into() };
        value.marked(self.sensitive)
    }
}

impl Evaluator<'_> {
    pub(super) fn string_template(&mut self, template: &StringTemplate) -> Evaluated {
        let elements: Vec<&Element> = template.iter().collect();
        self.whole(&elements, Form::Quoted)
    }

    /// A template that is a file of its own.
    pub(super) fn file_template(&mut self, template: &Template) -> Evaluated {
        let elements: Vec<&Element> = template.iter().collect();
        self.whole(&elements, Form::Lines)
    }

    pub(super) fn heredoc(&mut self, heredoc: &HeredocTemplate) -> Evaluated {
        let elements: Vec<&Element> = heredoc.template.iter().collect();
        let pieces = pieces::of_heredoc(&elements, heredoc.indent().is_some());
        let mut out = Output::default();
        self.render(&pieces, &mut out)?;
        Ok(out.value())
    }

    /// A text that is a single interpolation keeps the value's type.
    fn whole(&mut self, elements: &[&Element], form: Form) -> Evaluated {
        if let [Element::Interpolation(only)] = elements[..] {
            return self.expression(&only.expr);
        }
        let mut out = Output::default();
        self.render(&pieces::of(elements, form), &mut out)?;
        Ok(out.value())
    }

    fn render(&mut self, pieces: &[Piece<'_>], out: &mut Output) -> Result<(), Reported> {
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.text.push_str(text),
                Piece::Value(interpolation) => {
                    let value = self.expression(&interpolation.expr)?;
                    let place = self.span(&interpolation.expr);
                    self.append(&value, place, out)?;
                }
                Piece::If { node, yes, no } => {
                    let condition = self.expression(&node.cond_expr)?;
                    let place = self.span(&node.cond_expr);
                    out.sensitive |= condition.sensitive;
                    match self.truth(&condition, place)? {
                        None => out.unknown = true,
                        Some(true) => self.render(yes, out)?,
                        Some(false) => self.render(no, out)?,
                    }
                }
                Piece::For { node, body } => self.repeat(node, body, out)?,
            }
            if out.text.len() > LONGEST {
                let summary = format!("this text is longer than {} MiB", LONGEST >> 20);
                return self.fail(Diagnostic::error(summary).at(Span::new(self.file, 0..0)));
            }
        }
        Ok(())
    }

    fn repeat(&mut self, node: &ForTemplateExpr, body: &[Piece<'_>], out: &mut Output) -> Result<(), Reported> {
        let collection = self.expression(&node.collection_expr)?;
        let place = self.span(&node.collection_expr);
        out.sensitive |= collection.sensitive;
        let Some(elements) = self.elements(&collection, place)? else {
            out.unknown = true;
            return Ok(());
        };
        for (key, value) in elements {
            let mut scope = self.scope.child();
            if let Some(name) = &node.key_var {
                scope.set(name.as_str(), key);
            }
            scope.set(node.value_var.as_str(), value);
            self.within(&scope).render(body, out)?;
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
}
