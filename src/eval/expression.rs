//! One expression to its value: literals, names, conditionals, and the way to everything else.

use hcl_edit::Span as _;
use hcl_edit::expr::{Conditional, Expression};
use unicode_normalization::UnicodeNormalization as _;

use super::scope::{Reach, Scope};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span};
use crate::value::{Kind, Number, Type, Value, convert, unify};

/// The expression's value. After a mistake, which is in `diagnostics` then, an unknown value: work goes on without
/// follow-up errors.
pub(crate) fn evaluate(expr: &Expression, file: FileId, scope: &Scope, diagnostics: &mut Diagnostics) -> Value {
    let value = Evaluator { file, scope, diagnostics }.expression(expr);
    value.unwrap_or_else(|Reported| Value::unknown(Type::Any))
}

/// A mistake was found and is in the diagnostics.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported;

pub(super) type Evaluated = Result<Value, Reported>;

/// The walk over one expression. Depth is bounded by the parser, which refuses deep nesting.
pub(super) struct Evaluator<'a> {
    pub file: FileId,
    pub scope: &'a Scope,
    pub diagnostics: &'a mut Diagnostics,
}

impl Evaluator<'_> {
    /// The same walk with the names of `scope`.
    pub(super) fn within<'b>(&'b mut self, scope: &'b Scope) -> Evaluator<'b> {
        Evaluator { file: self.file, scope, diagnostics: self.diagnostics }
    }

    pub(super) fn span(&self, expr: &Expression) -> Span {
        Span::of(self.file, expr.span())
    }

    pub(super) fn fail<T>(&mut self, diagnostic: Diagnostic) -> Result<T, Reported> {
        self.diagnostics.push(diagnostic);
        Err(Reported)
    }

    pub(super) fn expression(&mut self, expr: &Expression) -> Evaluated {
        match expr {
            Expression::Null(_) => Ok(Value::null()),
            Expression::Bool(flag) => Ok((*flag.value()).into()),
            Expression::Number(number) => {
                // The parser's own number is rounded to 64 bits; its text is not.
                let text = number.as_repr().map_or_else(|| number.value().to_string(), |repr| repr.to_string());
                // A sign may stand apart, even with a comment between.
                let digits = text.trim().strip_prefix('-').and_then(|rest| rest.rsplit([' ', '\t', '\n', '/']).next());
                let negative = || Number::parse(&format!("-{}", digits?));
                match Number::parse(text.trim()).or_else(negative) {
                    Some(number) => Ok(number.into()),
                    None => self.fail(Diagnostic::error("this number is out of range").at(self.span(expr))),
                }
            }
            Expression::String(text) => Ok(text.as_str().nfc().collect::<String>().into()),
            Expression::Array(items) => {
                Ok(Value::tuple(items.iter().map(|item| self.expression(item)).collect::<Result<_, _>>()?))
            }
            Expression::Object(object) => self.object(object),
            Expression::StringTemplate(template) => self.string_template(template),
            Expression::HeredocTemplate(heredoc) => self.heredoc(heredoc),
            Expression::Parenthesis(inner) => self.expression(inner.inner()),
            Expression::Variable(name) => self.variable(name.as_str(), self.span(expr)),
            Expression::Conditional(conditional) => self.conditional(conditional),
            Expression::FuncCall(call) => self.call(call),
            Expression::Traversal(traversal) => self.traversal(traversal),
            Expression::UnaryOp(operation) => self.unary(operation),
            Expression::BinaryOp(operation) => self.binary(operation),
            Expression::ForExpr(expr) => self.for_expr(expr),
        }
    }

    /// A name that stands alone or at the start of a traversal.
    pub(super) fn variable(&mut self, name: &str, span: Span) -> Evaluated {
        if let Some(value) = self.scope.root(name) {
            return Ok(value);
        }
        if self.scope.reach() != Reach::Everything {
            let diagnostic = Diagnostic::error("variables are not allowed here").at(span);
            return self.fail(match self.scope.reach() {
                Reach::Defaults => diagnostic
                    .detail("the default of a variable is a literal or env(\"NAME\")")
                    .help("compute it in locals { ... } instead"),
                _ => diagnostic
                    .detail("a literal value is expected")
                    .help(format!("write \"{name}\" with quotes if a text is meant")),
            });
        }
        let roots = self.scope.roots();
        let diagnostic = Diagnostic::error(format!("there is no \"{name}\" here")).at(span);
        self.fail(match name {
            "each" | "count" | "self" | "module" | "resource" | "terraform" => {
                diagnostic.detail("this name belongs to Terraform").help("repeat blocks with dynamic \"...\" { ... }")
            }
            "data" => diagnostic.detail("data sources are not supported yet"),
            "build" => diagnostic.detail("known in provisioners and post-processors only"),
            "local" => diagnostic.detail("the template has no locals"),
            "var" => diagnostic.detail("the template declares no variables"),
            _ => diagnostic
                .detail(format!("names that can stand here: {}", roots.join(", ")))
                .suggest(name, roots.iter().map(String::as_str)),
        })
    }

    /// Both branches are looked at, so that the result has one type; mistakes of the branch not taken do not count.
    fn conditional(&mut self, conditional: &Conditional) -> Evaluated {
        let condition = self.expression(&conditional.cond_expr)?;
        let place = self.span(&conditional.cond_expr);
        let chosen = self.truth(&condition, place)?;
        let mut aside = Diagnostics::new();
        let mut branch = |expr: &Expression, taken: bool, me: &mut Self| match taken {
            true => me.expression(expr),
            false => Ok(evaluate(expr, me.file, me.scope, &mut aside)),
        };
        let yes = branch(&conditional.true_expr, chosen != Some(false), self)?;
        let no = branch(&conditional.false_expr, chosen != Some(true), self)?;
        let Some(ty) = unify(&[yes.ty(), no.ty()]) else {
            let diagnostic = Diagnostic::error("the two results of this conditional have different types")
                .at(self.span(&conditional.false_expr))
                .detail(format!("this is {}", no.ty()))
                .label(self.span(&conditional.true_expr), format!("this is {}", yes.ty()));
            return self.fail(diagnostic);
        };
        let result = match chosen {
            Some(true) => yes,
            Some(false) => no,
            None => Value::unknown(ty.clone()),
        };
        let result = convert(&result, &ty).unwrap_or(result);
        Ok(result.marked(condition.sensitive))
    }

    /// A value as condition: nothing when unknown.
    pub(super) fn truth(&mut self, value: &Value, place: Span) -> Result<Option<bool>, Reported> {
        match convert(value, &Type::Bool).map(|v| v.kind) {
            Ok(Kind::Bool(flag)) => Ok(Some(flag)),
            Ok(Kind::Unknown(_)) => Ok(None),
            Ok(_) => self.fail(Diagnostic::error("a condition is null").at(place).detail("true or false is required")),
            Err(error) => self.fail(Diagnostic::error("a condition is required").at(place).detail(error.to_string())),
        }
    }
}
