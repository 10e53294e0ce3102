//! Texts of the old format with each `{{ }}` replaced by what stands for it in the language.

use super::data::{Data, Value};
use super::parse::{Node, Operand, Pipeline, Term, parse};
use super::{Fault, InterpolateError, Interpolation, functions};

/// Says what a call becomes, from the function's name and its arguments as texts; nothing for a function that is
/// just called.
pub(crate) type Replace<'r> = dyn FnMut(&str, &[String]) -> Option<Result<String, String>> + 'r;

/// Why a text was not rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RewriteError {
    /// It cannot be read or called.
    Wrong(InterpolateError),
    /// `if`, `range` and their like have no counterpart.
    Block(&'static str),
}

impl From<InterpolateError> for RewriteError {
    fn from(error: InterpolateError) -> Self {
        Self::Wrong(error)
    }
}

impl Interpolation {
    /// Rewrites all actions of `text`, which stands in quotes. Fields (`{{ .Vars }}`) and literals stay what they are.
    pub(crate) fn rewrite(&self, text: &str, replace: &mut Replace<'_>) -> Result<String, RewriteError> {
        let mut rewriter = Rewriter { engine: self, replace };
        let mut made = String::new();
        for node in parse(text, true)? {
            match node {
                Node::Text(plain) => made.push_str(plain),
                Node::Action(pipeline) => made.push_str(&rewriter.action(text, &pipeline)?),
                Node::Choice { with: true, .. } => return Err(RewriteError::Block("with")),
                Node::Choice { .. } => return Err(RewriteError::Block("if")),
                Node::Range { .. } => return Err(RewriteError::Block("range")),
                Node::Break => return Err(RewriteError::Block("break")),
                Node::Continue => return Err(RewriteError::Block("continue")),
            }
        }
        Ok(made)
    }
}

struct Rewriter<'e, 'r, 'f> {
    engine: &'e Interpolation,
    replace: &'r mut Replace<'f>,
}

impl Rewriter<'_, '_, '_> {
    fn action(&mut self, text: &str, pipeline: &Pipeline<'_>) -> Result<String, InterpolateError> {
        if pipeline.rest.is_empty() && !matches!(pipeline.first.term, Term::Call(..) | Term::Parens(_)) {
            return Ok(format!("{{{{ {} }}}}", written(text, &pipeline.first).replace('"', "\\\"")));
        }
        self.pipeline(pipeline)
    }

    fn pipeline(&mut self, pipeline: &Pipeline<'_>) -> Result<String, InterpolateError> {
        let mut value = self.operand(&pipeline.first, None)?;
        for operand in &pipeline.rest {
            value = self.operand(operand, Some(value))?;
        }
        Ok(value)
    }

    /// The text that an operand becomes; `piped` is its last argument.
    fn operand(&mut self, operand: &Operand<'_>, piped: Option<String>) -> Result<String, InterpolateError> {
        let at = |message: String| Fault::new(message).at(operand.offset);
        if !operand.fields.is_empty() {
            return Err(at("a field has no value here".to_owned()));
        }
        match &operand.term {
            Term::Literal(value) => Ok(value.to_string()),
            Term::Parens(inner) => self.pipeline(inner),
            Term::Dot | Term::Variable(_) => Err(at("nothing is known here".to_owned())),
            Term::Call(function, arguments) => {
                let mut texts = Vec::new();
                for argument in arguments {
                    texts.push(self.operand(argument, None)?);
                }
                texts.extend(piped);
                if let Some(result) = (self.replace)(function.word, &texts) {
                    return result.map_err(at);
                }
                let values: Vec<Value<'_>> = texts.into_iter().map(Value::from).collect();
                let root = Data::Map(std::collections::BTreeMap::new());
                let called = functions::call(function, &values, self.engine, &root);
                called.map(|value| value.to_string()).map_err(|fault| fault.at(operand.offset))
            }
        }
    }
}

/// An operand as it is written, which has no arguments.
fn written(text: &str, operand: &Operand<'_>) -> String {
    if let (Term::Dot, [_, ..]) = (&operand.term, &operand.fields[..]) {
        return operand.fields.iter().map(|(name, _)| format!(".{name}")).collect();
    }
    let rest = text.get(operand.offset..).unwrap_or_default();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '`' | '\''));
    let end = match quote {
        Some(quote) => {
            let mut escaped = false;
            let closing = rest.char_indices().skip(1).find(|(_, c)| {
                let closes = *c == quote && !escaped;
                escaped = *c == '\\' && !escaped && quote != '`';
                closes
            });
            closing.map_or(rest.len(), |(at, _)| at + 1)
        }
        None => rest.find([' ', '\t', '\n', '}']).unwrap_or(rest.len()),
    };
    rest[..end].to_owned()
}
