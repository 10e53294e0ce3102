//! Go's own functions: comparing, indexing, printing, escaping.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;

use super::Fault;
use super::data::Value;
use super::functions::{Arguments, Op};

pub(super) fn call<'a>(op: Op, given: &Arguments<'_, 'a>) -> Result<Value<'a>, Fault> {
    Ok(match op {
        Op::Not => Value::Bool(!given.any(0)?.is_true()),
        Op::Len => Value::Number(length(given.any(0)?)?),
        Op::Index => index(given)?,
        Op::Slice => slice(given)?,
        Op::Print => print(given.values).into(),
        Op::Println => println(given.values).into(),
        Op::Html => escape(&print(given.values), html).into(),
        Op::Js => escape(&print(given.values), js).into(),
        Op::Urlquery => escape(&print(given.values), urlquery).into(),
        Op::Eq => Value::Bool(equals_any(given)?),
        Op::Ne => Value::Bool(!equal(given.any(0)?, given.any(1)?)?),
        Op::Lt => Value::Bool(compare(given)? == Ordering::Less),
        Op::Le => Value::Bool(compare(given)? != Ordering::Greater),
        Op::Gt => Value::Bool(compare(given)? == Ordering::Greater),
        Op::Ge => Value::Bool(compare(given)? != Ordering::Less),
        _ => return Err(Fault::new(format!("function \"{}\" not defined", given.word))),
    })
}

fn length(value: &Value<'_>) -> Result<i64, Fault> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        other => return Err(Fault::new(format!("{} has no length", other.describe()))),
    };
    Ok(i64::try_from(length).unwrap_or(i64::MAX))
}

/// `index x 1 "a"` is Go's `x[1]["a"]`. A key that is not in a map gives an empty text, as for a map of texts in Go.
fn index<'a>(given: &Arguments<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut value = given.any(0)?.clone();
    for position in 1..given.values.len() {
        let place = |length: usize| {
            let index = given.number(position)?;
            let inside = usize::try_from(index).ok().filter(|index| *index < length);
            inside.ok_or_else(|| Fault::new(format!("index {index} is out of range of {length}")))
        };
        value = match value {
            Value::Map(entries) => {
                entries.get(given.text(position)?).map_or(Value::Text(Cow::Borrowed("")), Value::from)
            }
            Value::List(items) => {
                let index = place(items.len())?;
                items.get(index).map_or(Value::Nil, Value::from)
            }
            Value::Text(text) => {
                let index = place(text.len())?;
                text.as_bytes().get(index).map_or(Value::Nil, |byte| Value::Number(i64::from(*byte)))
            }
            other => return Err(Fault::new(format!("{} cannot be indexed", other.describe()))),
        };
    }
    Ok(value)
}

/// `slice x 1 2` is Go's `x[1:2]`; positions in a text are bytes.
fn slice<'a>(given: &Arguments<'_, 'a>) -> Result<Value<'a>, Fault> {
    let value = given.any(0)?;
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        other => return Err(Fault::new(format!("{} cannot be sliced", other.describe()))),
    };
    let bound = |position: usize, absent: usize| {
        if position >= given.values.len() {
            return Ok(absent);
        }
        let bound = given.number(position)?;
        let inside = usize::try_from(bound).ok().filter(|bound| *bound <= length);
        inside.ok_or_else(|| Fault::new(format!("index {bound} is out of range of {length}")))
    };
    let (from, to, capacity) = (bound(1, 0)?, bound(2, length)?, bound(3, length)?);
    if from > to || to > capacity {
        return Err(Fault::new(format!("the slice from {from} to {to} ends before it begins or past its capacity")));
    }
    match value {
        Value::Text(_) if given.values.len() > 3 => Err(Fault::new("a text is sliced with two indexes at most")),
        Value::Text(text) => match text.get(from..to) {
            Some(part) => Ok(part.to_owned().into()),
            None => Err(Fault::new(format!("the slice from {from} to {to} cuts a character in two"))),
        },
        Value::List(items) => Ok(Value::List(items.get(from..to).unwrap_or_default())),
        _ => Ok(Value::Nil),
    }
}

/// Go's `Sprint`: a space between two operands of which neither is a text.
fn print(values: &[Value<'_>]) -> String {
    let mut text = String::new();
    let mut after_text = true;
    for value in values {
        let is_text = matches!(value, Value::Text(_));
        if !after_text && !is_text {
            text.push(' ');
        }
        let _ = write!(text, "{value}");
        after_text = is_text;
    }
    text
}

/// Go's `Sprintln`: a space between all operands.
fn println(values: &[Value<'_>]) -> String {
    let texts: Vec<String> = values.iter().map(Value::to_string).collect();
    texts.join(" ") + "\n"
}

/// Whether the first argument equals one of the others.
fn equals_any(given: &Arguments<'_, '_>) -> Result<bool, Fault> {
    let first = given.any(0)?;
    for other in given.values.iter().skip(1) {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal(left: &Value<'_>, right: &Value<'_>) -> Result<bool, Fault> {
    match (left, right) {
        (Value::Nil, other) | (other, Value::Nil) => Ok(matches!(other, Value::Nil)),
        (Value::List(_) | Value::Map(_), _) | (_, Value::List(_) | Value::Map(_)) => {
            Err(Fault::new("lists and maps cannot be compared"))
        }
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        _ => Ok(order(left, right)? == Ordering::Equal),
    }
}

fn compare(given: &Arguments<'_, '_>) -> Result<Ordering, Fault> {
    order(given.any(0)?, given.any(1)?)
}

fn order(left: &Value<'_>, right: &Value<'_>) -> Result<Ordering, Fault> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Ok(left.cmp(right)),
        (Value::Float(left), Value::Float(right)) => Ok(left.partial_cmp(right).unwrap_or(Ordering::Equal)),
        (Value::Text(left), Value::Text(right)) => Ok(left.cmp(right)),
        _ => Err(Fault::new(format!("{} cannot be compared with {}", left.describe(), right.describe()))),
    }
}

fn escape(text: &str, each: fn(char, &mut String)) -> String {
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|c| each(c, &mut escaped));
    escaped
}

fn html(c: char, out: &mut String) {
    match c {
        '\0' => out.push('\u{FFFD}'),
        '"' => out.push_str("&#34;"),
        '\'' => out.push_str("&#39;"),
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        other => out.push(other),
    }
}

fn js(c: char, out: &mut String) {
    match c {
        '\\' | '\'' | '"' => out.extend(['\\', c]),
        '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        c if c < ' ' || (!c.is_ascii() && !is_printable(c)) => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        other => out.push(other),
    }
}

fn urlquery(c: char, out: &mut String) {
    match c {
        ' ' => out.push('+'),
        c if c.is_ascii_alphanumeric() || "-_.~".contains(c) => out.push(c),
        other => other.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
            out.push_str(&format!("%{byte:02X}"));
        }),
    }
}

/// What Go calls printable: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, ' ' | '\'' | '"' | '\\')
        || (!c.is_control() && !c.is_whitespace() && !c.escape_debug().to_string().starts_with('\\'))
}
