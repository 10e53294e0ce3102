//! The final value of each variable: default or assignment, converted to its type and checked by its rules.

use std::collections::HashMap;
use std::sync::Arc;

use super::variable_files::{Assignment, Checks, Origin, Raw};
use super::{Validation, Variable};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap, Span};
use crate::eval::evaluate;
use crate::eval::functions::FunctionContext;
use crate::eval::scope::{Scope, references};
use crate::value::{Kind, Type, Value, convert};

/// Values of all variables by name. A variable whose value is wrong is unknown, so that work goes on; one that has
/// none is a mistake, unless it may lack it.
pub(crate) fn values(
    variables: &[Variable],
    (mut assigned, checks): (HashMap<String, Assignment>, Checks),
    functions: &Arc<FunctionContext>,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Vec<(String, Value)> {
    let mut values = Vec::new();
    for variable in variables {
        let assignment = assigned.remove(&variable.name);
        let lacks = checks != Checks::All && assignment.is_none() && variable.default.is_none();
        let value = if lacks { None } else { value(variable, assignment, checks, functions, sources, diagnostics) };
        values.push((variable.name.clone(), value.unwrap_or_else(|| Value::unknown(Type::Any))));
    }
    values
}

fn value(
    variable: &Variable,
    assignment: Option<Assignment>,
    checks: Checks,
    functions: &Arc<FunctionContext>,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let errors = diagnostics.error_count();
    let scope = Scope::for_defaults(Arc::clone(functions));
    let mut default = variable.default.as_ref().map(|e| evaluate(&e.node, e.file, &scope, diagnostics));
    if let (Some(ty), Some(value), Some(e)) = (&variable.ty, &default, &variable.default) {
        default = match convert(value, ty) {
            Ok(value) => Some(value),
            Err(error) => {
                let diagnostic =
                    Diagnostic::error(format!("the default of variable \"{}\" has the wrong type", variable.name));
                diagnostics.push(diagnostic.at(e.span).detail(error.to_string()));
                None
            }
        };
    }
    let ty = variable.ty.clone().filter(|ty| *ty != Type::Any).unwrap_or_else(|| inferred(default.as_ref()));
    let (origin, place, value) = match assignment {
        Some(assignment) => {
            let (place, value) = assigned(variable, &assignment, &ty, functions, sources, diagnostics)?;
            (assignment.origin, place, value)
        }
        None => match default {
            Some(value) => (Origin::Default, variable.default.as_ref().map(|e| e.span), value),
            None => {
                if diagnostics.error_count() == errors {
                    diagnostics.push(unset(variable));
                }
                return None;
            }
        },
    };
    if diagnostics.error_count() > errors {
        return None;
    }
    let value = value.marked(variable.sensitive);
    for rule in variable.validations.iter().filter(|_| checks != Checks::TypesOnly) {
        check(variable, rule, &value, (origin, place), functions, diagnostics);
    }
    Some(value)
}

fn unset(variable: &Variable) -> Diagnostic {
    let name = &variable.name;
    Diagnostic::error(format!("variable \"{name}\" has no value"))
        .at(variable.span)
        .detail("it has no default and was not set")
        .help(format!("set it with -var {name}=..., PKR_VAR_{name}=... or in a -var-file"))
}

/// The type of an untyped variable is exactly the type of its default; empty collections and null leave it open.
fn inferred(default: Option<&Value>) -> Type {
    match default.map(|value| &value.kind) {
        None | Some(Kind::Null(_) | Kind::Unknown(_)) => Type::Any,
        Some(Kind::Object(attributes)) if attributes.is_empty() => Type::Any,
        Some(Kind::Tuple(items)) if items.is_empty() => Type::Any,
        _ => default.map_or(Type::Any, Value::ty),
    }
}

fn assigned(
    variable: &Variable,
    assignment: &Assignment,
    ty: &Type,
    functions: &Arc<FunctionContext>,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<(Option<Span>, Value)> {
    let errors = diagnostics.error_count();
    let literal = Scope::literal(Arc::clone(functions));
    let (place, value) = match &assignment.raw {
        Raw::Expr(e) => (Some(e.span), evaluate(&e.node, e.file, &literal, diagnostics)),
        Raw::Known(value, place) => (Some(*place), value.clone()),
        Raw::Text(text) if matches!(ty, Type::String | Type::Number | Type::Any) => (None, text.as_str().into()),
        // Other types are written as expressions, so that lists and objects can be given on the command line.
        Raw::Text(text) => {
            let file = sources.add(format!("<{} value of {}>", assignment.origin.word(), variable.name), text.clone());
            let whole = Span::new(file, 0..text.len());
            match hcl_edit::parser::parse_expr(text.trim()) {
                Ok(node) => (Some(whole), evaluate(&node, file, &literal, diagnostics)),
                Err(error) => {
                    let summary = format!("the value of variable \"{}\" is not an expression", variable.name);
                    let diagnostic = Diagnostic::error(summary).at(whole).detail(error.message().replace('`', "\""));
                    diagnostics
                        .push(diagnostic.help(format!("the variable is a {ty}: lists are written [\"a\", \"b\"]")));
                    return None;
                }
            }
        }
    };
    if diagnostics.error_count() > errors {
        return None;
    }
    match convert(&value, ty) {
        Ok(value) => Some((place, value)),
        Err(error) => {
            let summary =
                format!("the {} value of variable \"{}\" has the wrong type", assignment.origin.word(), variable.name);
            let diagnostic = Diagnostic::error(summary).at(place.unwrap_or(variable.span)).detail(error.to_string());
            diagnostics.push(diagnostic.label(variable.span, format!("declared here as {ty}")));
            None
        }
    }
}

fn check(
    variable: &Variable,
    rule: &Validation,
    value: &Value,
    (origin, place): (Origin, Option<Span>),
    functions: &Arc<FunctionContext>,
    diagnostics: &mut Diagnostics,
) {
    let errors = diagnostics.error_count();
    let own = format!("var.{}", variable.name);
    let used = references(&rule.condition.node, rule.condition.file);
    for reference in &used {
        if reference.root != "var" || reference.steps.first() != Some(&variable.name) {
            let diagnostic = Diagnostic::error("a validation rule may use its own variable only");
            diagnostics.push(diagnostic.at(reference.span).detail(format!("only {own} is allowed here")));
        }
    }
    if used.is_empty() {
        let diagnostic = Diagnostic::error("this validation rule does not look at its variable");
        diagnostics.push(diagnostic.at(rule.condition.span).detail(format!("it must use {own}")));
    }
    if diagnostics.error_count() > errors {
        return;
    }
    let mut scope = Scope::new(Arc::clone(functions));
    scope.insert("var", &variable.name, value.clone());
    let message = evaluate(&rule.error_message.node, rule.error_message.file, &scope, diagnostics);
    let message = message.as_str().unwrap_or_default().to_owned();
    let message = message.trim().to_owned();
    let sentence = message.ends_with(['.', '?', '!']) && !message.chars().next().is_some_and(char::is_lowercase);
    if !sentence {
        let diagnostic = Diagnostic::error("\"error_message\" must be a sentence").at(rule.error_message.span);
        diagnostics.push(diagnostic.detail("it starts with a capital letter and ends with \".\", \"?\" or \"!\""));
    }
    let verdict = evaluate(&rule.condition.node, rule.condition.file, &scope, diagnostics);
    if diagnostics.error_count() > errors {
        return;
    }
    match convert(&verdict, &Type::Bool).map(|v| v.kind) {
        Ok(Kind::Bool(true) | Kind::Unknown(_)) => {}
        Ok(Kind::Bool(false)) => diagnostics.push(
            Diagnostic::error(format!("invalid value for {} variable \"{}\"", origin.word(), variable.name))
                .at(place.unwrap_or(variable.span))
                .detail(message)
                .label(rule.condition.span, "this rule does not hold"),
        ),
        _ => diagnostics.push(
            Diagnostic::error("the condition of a validation rule must be true or false")
                .at(rule.condition.span)
                .detail(format!(
                    "it is {}",
                    if verdict.is_null() { "null".to_owned() } else { verdict.ty().to_string() }
                )),
        ),
    }
}
