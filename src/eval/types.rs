//! Type expressions: `string`, `list(number)`, `object({ name = string, size = optional(number, 3) })`.

use std::collections::BTreeMap;
use std::sync::Arc;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, FuncCall, ObjectKey};

use super::evaluate;
use super::functions::FunctionContext;
use super::scope::Scope;
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span};
use crate::value::{Attribute, Type};

const NAMES: [&str; 9] = ["string", "number", "bool", "any", "list", "set", "map", "object", "tuple"];

/// The type that an expression names; nothing after a mistake.
pub(crate) fn type_expression(expr: &Expression, file: FileId, diagnostics: &mut Diagnostics) -> Option<Type> {
    let place = Span::of(file, expr.span());
    let wrong = |summary: String| Some(Diagnostic::error(summary).at(place));
    let diagnostic = match expr {
        Expression::Variable(name) => match name.as_str() {
            "string" => return Some(Type::String),
            "number" => return Some(Type::Number),
            "bool" => return Some(Type::Bool),
            "any" => return Some(Type::Any),
            "list" | "set" | "map" => {
                wrong(format!("{name} needs the type of its elements")).map(|d| d.help(format!("write {name}(string)")))
            }
            "object" => wrong("object needs its attributes".into()).map(|d| d.help("write object({ name = string })")),
            "tuple" => {
                wrong("tuple needs the types of its elements".into()).map(|d| d.help("write tuple([string, number])"))
            }
            other => wrong(format!("there is no type \"{other}\"")).map(|d| d.suggest(other, NAMES)),
        },
        Expression::FuncCall(call) => return constructor(call, place, file, diagnostics),
        Expression::String(text) => {
            wrong("a type is written without quotes".into()).map(|d| d.help(format!("write {}", text.as_str())))
        }
        _ => wrong("this is not a type".into()).map(|d| d.help(format!("types are: {}", NAMES.join(", ")))),
    };
    diagnostic.into_iter().for_each(|d| diagnostics.push(d));
    None
}

fn constructor(call: &FuncCall, place: Span, file: FileId, diagnostics: &mut Diagnostics) -> Option<Type> {
    let name = call.name.name.as_str();
    let arguments: Vec<&Expression> = call.args.iter().collect();
    let [argument] = arguments[..] else {
        diagnostics.push(Diagnostic::error(format!("type {name} takes one argument")).at(place));
        return None;
    };
    match (name, argument) {
        ("list", element) => Some(Type::list(type_expression(element, file, diagnostics)?)),
        ("set", element) => Some(Type::set(type_expression(element, file, diagnostics)?)),
        ("map", element) => Some(Type::map(type_expression(element, file, diagnostics)?)),
        ("tuple", Expression::Array(items)) => {
            let items = items.iter().map(|item| type_expression(item, file, diagnostics));
            Some(Type::Tuple(items.collect::<Option<_>>()?))
        }
        ("object", Expression::Object(object)) => {
            let mut attributes = BTreeMap::new();
            for (key, value) in object {
                let key = match key {
                    ObjectKey::Ident(name) => name.as_str().to_owned(),
                    ObjectKey::Expression(key) => match key.as_str() {
                        Some(name) => name.to_owned(),
                        None => {
                            let place = Span::of(file, key.span());
                            diagnostics.push(Diagnostic::error("the name of an attribute must be literal").at(place));
                            return None;
                        }
                    },
                };
                attributes.insert(key, attribute(value.expr(), file, diagnostics)?);
            }
            Some(Type::Object(attributes))
        }
        ("tuple", _) => {
            diagnostics
                .push(Diagnostic::error("tuple takes a list of types").at(place).help("write tuple([string, number])"));
            None
        }
        ("object", _) => {
            let diagnostic = Diagnostic::error("object takes its attributes with their types").at(place);
            diagnostics.push(diagnostic.help("write object({ name = string })"));
            None
        }
        ("optional", _) => {
            let diagnostic = Diagnostic::error("optional() is for attributes of an object only").at(place);
            diagnostics.push(diagnostic);
            None
        }
        (other, _) => {
            diagnostics
                .push(Diagnostic::error(format!("there is no type \"{other}\"")).at(place).suggest(other, NAMES));
            None
        }
    }
}

/// The type of an attribute: plain, `optional(T)` or `optional(T, default)`. The default is a literal.
fn attribute(expr: &Expression, file: FileId, diagnostics: &mut Diagnostics) -> Option<Attribute> {
    let Expression::FuncCall(call) = expr else {
        return Some(Attribute::required(type_expression(expr, file, diagnostics)?));
    };
    if call.name.name.as_str() != "optional" {
        return Some(Attribute::required(type_expression(expr, file, diagnostics)?));
    }
    let arguments: Vec<&Expression> = call.args.iter().collect();
    match arguments[..] {
        [ty] => Some(Attribute { ty: type_expression(ty, file, diagnostics)?, optional: true, default: None }),
        [ty, default] => {
            let ty = type_expression(ty, file, diagnostics)?;
            let scope = Scope::literal(Arc::new(FunctionContext::detached()));
            let value = evaluate(default, file, &scope, diagnostics);
            if let Err(error) = crate::value::convert(&value, &ty) {
                let place = Span::of(file, default.span());
                let diagnostic = Diagnostic::error("this default has the wrong type").at(place);
                diagnostics.push(diagnostic.detail(error.to_string()));
                return None;
            }
            Some(Attribute { ty, optional: true, default: Some(value) })
        }
        _ => {
            let place = Span::of(file, expr.span());
            diagnostics.push(Diagnostic::error("optional() takes a type and perhaps a default").at(place));
            None
        }
    }
}
