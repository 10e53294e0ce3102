//! Regular expressions, in the syntax of RE2.

use std::collections::BTreeMap;

use regex::{Captures, Regex, RegexBuilder};

use super::{Args, Function, FunctionError, Result, TEXT, bounded, fixed, re2};
use crate::value::{Kind, Type, Value};

/// Memory of a compiled pattern at most, in bytes: nested repetition multiplies.
const LARGEST: usize = 8 << 20;
/// Bytes that a replacement may make.
const LONGEST: usize = 64 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("regex", &[TEXT, TEXT], regex),
    fixed("regexall", &[TEXT, TEXT], regexall),
    fixed("regex_replace", &[TEXT, TEXT, TEXT], regex_replace),
];

fn compile(a: &Args<'_>, number: usize) -> Result<Regex> {
    let pattern = RegexBuilder::new(&re2::translate(a.text(number)?)).size_limit(LARGEST).build();
    pattern.map_err(|error| {
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        FunctionError::at(number, format!("this is no regular expression: {last}"))
    })
}

/// What a pattern yields: its match, its groups as a tuple, or its named groups as an object.
enum Shape {
    Whole,
    Numbered,
    Named,
}

fn shape(pattern: &Regex) -> Result<Shape> {
    let names: Vec<Option<&str>> = pattern.capture_names().skip(1).collect();
    match names.iter().filter(|name| name.is_some()).count() {
        0 if names.is_empty() => Ok(Shape::Whole),
        0 => Ok(Shape::Numbered),
        named if named == names.len() => Ok(Shape::Named),
        _ => Err(FunctionError::at(0, "named and unnamed groups cannot be mixed")),
    }
}

fn matched(pattern: &Regex, shape: &Shape, captures: &Captures<'_>) -> Value {
    let group = |found: Option<regex::Match<'_>>| match found {
        Some(found) => Value::from(found.as_str()),
        None => Kind::Null(Type::String).into(),
    };
    match shape {
        Shape::Whole => group(captures.get(0)),
        Shape::Numbered => Value::tuple(captures.iter().skip(1).map(group).collect()),
        Shape::Named => {
            let names = pattern.capture_names().flatten();
            let entries: BTreeMap<_, _> = names.map(|name| (name.to_owned(), group(captures.name(name)))).collect();
            Value::object(entries)
        }
    }
}

fn regex(a: &Args<'_>) -> Result<Value> {
    let pattern = compile(a, 0)?;
    let shape = shape(&pattern)?;
    let captures = pattern.captures(a.text(1)?);
    let captures = captures.ok_or_else(|| FunctionError::at(1, "the pattern does not match any part of this text"))?;
    Ok(matched(&pattern, &shape, &captures))
}

fn regexall(a: &Args<'_>) -> Result<Value> {
    let pattern = compile(a, 0)?;
    let shape = shape(&pattern)?;
    let mut found = Vec::new();
    for captures in pattern.captures_iter(a.text(1)?) {
        found.push(matched(&pattern, &shape, &captures));
        bounded(Some(found.len()))?;
    }
    let element = found.first().map_or_else(
        || match shape {
            Shape::Whole => Type::String,
            Shape::Numbered => Type::Tuple(vec![Type::String; pattern.captures_len() - 1]),
            Shape::Named => Type::Any,
        },
        Value::ty,
    );
    Ok(Value::list(element, found))
}

fn regex_replace(a: &Args<'_>) -> Result<Value> {
    let (text, pattern, replacement) = (a.text(0)?, compile(a, 1)?, a.text(2)?);
    let mut result = String::new();
    let mut last = 0;
    for captures in pattern.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        result.push_str(&text[last..whole.start()]);
        captures.expand(replacement, &mut result);
        last = whole.end();
        if result.len() > LONGEST {
            return Err("the result is too large".into());
        }
    }
    result.push_str(&text[last..]);
    Ok(result.into())
}
