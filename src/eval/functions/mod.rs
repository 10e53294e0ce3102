//! The functions of the template language: one table per family, and what all calls have in common: counting and
//! converting arguments, null, unknown and sensitive values.
//!
//! The forms that do not evaluate all their arguments first (`try`, `can`, `convert`, `templatefile`, `env`) belong to
//! the evaluator.

mod collection;
mod context;
mod deflate;
mod encoding;
mod file;
mod format;
mod hash;
mod ip;
pub(crate) mod json;
mod number;
mod re2;
mod regular;
mod sequence;
mod service;
mod string;
#[cfg(test)]
mod tests;
mod time;
mod yaml;
mod yaml_encode;

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

pub(crate) use context::{FunctionContext, STAND_IN};
pub(crate) use service::{Question, Secrets, Unanswered};

use crate::value::{Kind, Number, Type, Value, convert};

/// Why a call has no result. `argument` counts from zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionError {
    pub argument: Option<usize>,
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl FunctionError {
    fn at(argument: usize, message: impl Into<String>) -> Self {
        Self { argument: Some(argument), message: message.into(), hint: None }
    }
}

impl From<String> for FunctionError {
    fn from(message: String) -> Self {
        Self { argument: None, message, hint: None }
    }
}

impl From<&str> for FunctionError {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

type Result<T> = std::result::Result<T, FunctionError>;

/// What a parameter is converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Anything,
    Text,
    Number,
    /// `list(string)`
    Texts,
    /// `list(bool)`
    Flags,
    /// A list, set or tuple, as it is.
    Sequence,
    /// A map or object, as it is.
    Keyed,
}

/// One parameter of a function.
#[derive(Debug, Clone, Copy)]
struct Parameter {
    takes: Takes,
    null: bool,
    /// Unknown elements of a collection do not make the result unknown; neither do their marks spread.
    parts: bool,
}

const fn takes(takes: Takes) -> Parameter {
    Parameter { takes, null: false, parts: false }
}

const ANY: Parameter = Parameter { takes: Takes::Anything, null: true, parts: true };
const VALUE: Parameter = Parameter { takes: Takes::Anything, null: true, parts: false };
const TEXT: Parameter = takes(Takes::Text);
const NUMBER: Parameter = takes(Takes::Number);
const TEXTS: Parameter = takes(Takes::Texts);
const FLAGS: Parameter = takes(Takes::Flags);
/// A sequence whose parts the function looks into.
const ITEMS: Parameter = takes(Takes::Sequence);
/// A sequence whose parts the function only moves.
const SEQUENCE: Parameter = Parameter { takes: Takes::Sequence, null: false, parts: true };
const KEYED: Parameter = Parameter { takes: Takes::Keyed, null: false, parts: true };

/// A function: parameters it needs, then those it may have, then one that repeats.
struct Function {
    name: &'static str,
    needs: &'static [Parameter],
    may: &'static [Parameter],
    rest: Option<Parameter>,
    run: fn(&Args<'_>) -> Result<Value>,
}

/// A function with a fixed number of parameters.
const fn fixed(name: &'static str, needs: &'static [Parameter], run: fn(&Args<'_>) -> Result<Value>) -> Function {
    Function { name, needs, may: &[], rest: None, run }
}

/// A function whose last parameter repeats, from no time on.
const fn variadic(
    name: &'static str,
    needs: &'static [Parameter],
    rest: Parameter,
    run: fn(&Args<'_>) -> Result<Value>,
) -> Function {
    Function { name, needs, may: &[], rest: Some(rest), run }
}

const FAMILIES: [&[Function]; 13] = [
    collection::FUNCTIONS,
    encoding::FUNCTIONS,
    file::FUNCTIONS,
    format::FUNCTIONS,
    hash::FUNCTIONS,
    ip::FUNCTIONS,
    number::FUNCTIONS,
    regular::FUNCTIONS,
    sequence::FUNCTIONS,
    service::FUNCTIONS,
    string::FUNCTIONS,
    time::FUNCTIONS,
    yaml::FUNCTIONS,
];

fn table() -> &'static HashMap<&'static str, &'static Function> {
    static TABLE: OnceLock<HashMap<&'static str, &'static Function>> = OnceLock::new();
    TABLE.get_or_init(|| FAMILIES.iter().flat_map(|family| family.iter()).map(|f| (f.name, f)).collect())
}

/// Names of all functions.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    table().keys().copied()
}

/// Calls a function; nothing when there is none of that name.
pub(crate) fn call(name: &str, arguments: &[Value], cx: &FunctionContext) -> Option<Result<Value>> {
    table().get(name).map(|function| function.call(arguments, cx))
}

impl Function {
    fn call(&self, arguments: &[Value], cx: &FunctionContext) -> Result<Value> {
        self.count(arguments.len())?;
        let mut values = Vec::with_capacity(arguments.len());
        let (mut unknown, mut sensitive) = (false, false);
        for (number, argument) in arguments.iter().enumerate() {
            let Some(parameter) = self.parameter(number) else { continue };
            let value = parameter.accept(argument).map_err(|message| FunctionError::at(number, message))?;
            unknown |= value.is_unknown() || (!parameter.parts && !value.is_wholly_known());
            sensitive |= value.sensitive || (!parameter.parts && value.has_sensitive());
            values.push(value);
        }
        if unknown {
            return Ok(Value::unknown(Type::Any).marked(sensitive));
        }
        Ok((self.run)(&Args { values: &values, cx })?.marked(sensitive))
    }

    fn parameter(&self, number: usize) -> Option<Parameter> {
        let listed = self.needs.iter().chain(self.may).nth(number).copied();
        listed.or(self.rest)
    }

    fn count(&self, given: usize) -> Result<()> {
        let (least, most) = (self.needs.len(), self.needs.len() + self.may.len());
        if given >= least && (given <= most || self.rest.is_some()) {
            return Ok(());
        }
        let expected = match (self.rest, least == most) {
            (Some(_), _) => format!("at least {least}"),
            (None, true) => least.to_string(),
            (None, false) => format!("{least} to {most}"),
        };
        let plural = if expected == "1" || expected == "at least 1" { "" } else { "s" };
        Err(format!("expects {expected} argument{plural}, {given} given").into())
    }
}

impl Parameter {
    fn accept(self, value: &Value) -> std::result::Result<Value, String> {
        if value.is_null() && !self.null {
            return Err("must not be null".to_owned());
        }
        let ty = match self.takes {
            Takes::Anything => return Ok(value.clone()),
            Takes::Sequence | Takes::Keyed if value.is_null() => return Ok(value.clone()),
            Takes::Text => Type::String,
            Takes::Number => Type::Number,
            Takes::Texts => Type::list(Type::String),
            Takes::Flags => Type::list(Type::Bool),
            Takes::Sequence => {
                return match &value.kind {
                    Kind::List(..) | Kind::Set(..) | Kind::Tuple(_) | Kind::Unknown(_) => Ok(value.clone()),
                    _ => Err("a list, set or tuple is required".to_owned()),
                };
            }
            Takes::Keyed => {
                return match &value.kind {
                    Kind::Map(..) | Kind::Object(_) | Kind::Unknown(_) => Ok(value.clone()),
                    _ => Err("a map or object is required".to_owned()),
                };
            }
        };
        convert(value, &ty).map_err(|error| error.to_string())
    }
}

/// Arguments of a call, converted to their parameters' types; unknown ones never get here.
struct Args<'a> {
    values: &'a [Value],
    cx: &'a FunctionContext,
}

impl<'a> Args<'a> {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn value(&self, number: usize) -> Result<&'a Value> {
        self.values.get(number).ok_or_else(|| FunctionError::at(number, "is missing"))
    }

    fn text(&self, number: usize) -> Result<&'a str> {
        self.value(number)?.as_str().ok_or_else(|| FunctionError::at(number, "a string is required"))
    }

    fn number(&self, number: usize) -> Result<&'a Number> {
        match &self.value(number)?.kind {
            Kind::Number(found) => Ok(found),
            _ => Err(FunctionError::at(number, "a number is required")),
        }
    }

    fn integer(&self, number: usize) -> Result<i64> {
        self.number(number)?.to_i64().ok_or_else(|| FunctionError::at(number, "a whole number is required"))
    }

    /// A whole number that is not negative.
    fn size(&self, number: usize) -> Result<usize> {
        usize::try_from(self.integer(number)?)
            .map_err(|_| FunctionError::at(number, "a number that is not negative is required"))
    }

    fn items(&self, number: usize) -> Result<&'a [Value]> {
        items(self.value(number)?).ok_or_else(|| FunctionError::at(number, "a list is required"))
    }

    fn entries(&self, number: usize) -> Result<&'a BTreeMap<String, Value>> {
        match &self.value(number)?.kind {
            Kind::Map(_, entries) | Kind::Object(entries) => Ok(entries),
            _ => Err(FunctionError::at(number, "a map or object is required")),
        }
    }
}

/// Elements of a list, set or tuple.
fn items(value: &Value) -> Option<&[Value]> {
    match &value.kind {
        Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => Some(items),
        _ => None,
    }
}

/// Results larger than this, in elements, are refused: a template needs none and memory has an end.
const MOST: usize = 1 << 20;

/// An error when a result would have more than [`MOST`] elements.
fn bounded(count: Option<usize>) -> Result<usize> {
    count.filter(|count| *count <= MOST).ok_or_else(|| format!("the result has more than {MOST} elements").into())
}
