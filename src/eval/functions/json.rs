//! Values as JSON text and back, in the bytes that Go writes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::value::RawValue;

use crate::value::{Kind, Number, Type, Value};

/// Deeper nesting is refused.
const DEEPEST: usize = 128;

/// A wholly known value without spaces; keys are sorted and what could end a script in HTML is escaped.
pub(crate) fn encode(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

fn write(out: &mut String, value: &Value) {
    match &value.kind {
        Kind::Null(_) | Kind::Unknown(_) => out.push_str("null"),
        Kind::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Kind::Number(number) => out.push_str(&number.to_string()),
        Kind::String(text) => quote(out, text),
        Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                write(out, item);
            }
            out.push(']');
        }
        Kind::Map(_, entries) | Kind::Object(entries) => {
            out.push('{');
            for (number, (key, item)) in entries.iter().enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                quote(out, key);
                out.push(':');
                write(out, item);
            }
            out.push('}');
        }
    }
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Reads one JSON document into objects and tuples; numbers keep all their digits.
pub(crate) fn decode(text: &str) -> Result<Value, String> {
    let document: &RawValue = serde_json::from_str(text).map_err(|error| format!("this is not JSON: {error}"))?;
    value(document, 0)
}

fn value(raw: &RawValue, depth: usize) -> Result<Value, String> {
    let text = raw.get();
    let wrong = |error: serde_json::Error| format!("this is not JSON: {error}");
    if depth > DEEPEST {
        return Err(format!("the JSON is nested deeper than {DEEPEST} levels"));
    }
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let entries: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(wrong)?;
            let entries = entries.into_iter().map(|(key, raw)| Ok((key, value(raw, depth + 1)?)));
            Value::object(entries.collect::<Result<_, String>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(wrong)?;
            Value::tuple(items.into_iter().map(|raw| value(raw, depth + 1)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => serde_json::from_str::<String>(text).map_err(wrong)?.into(),
        Some(b't') => true.into(),
        Some(b'f') => false.into(),
        Some(b'n') => Kind::Null(Type::Any).into(),
        _ => Number::parse(text).map(Value::from).ok_or_else(|| format!("the number {text} is out of range"))?,
    })
}
