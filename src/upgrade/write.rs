//! Native syntax from the members of JSON objects, sorted by name, before it is laid out.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::catalog::Options;
use crate::value::{Number, Type};

/// Blocks that hold nothing but plain values, where no table says that they are blocks.
const PLAIN_BLOCKS: [&str; 3] = ["linux_options", "network_interface", "shared_image_gallery"];

/// Appends arguments and blocks. Tables tell them apart; without one a guess must do: what holds objects or lists is a
/// block.
pub(super) fn body(out: &mut String, members: &Map<String, Value>, known: Option<&Options>) {
    let mut names: Vec<&String> = members.keys().collect();
    names.sort();
    for name in names {
        let value = &members[name];
        let nested = known.and_then(|options| options.blocks.get(name)).map(|nested| &nested.options);
        let attribute = known.is_some_and(|options| options.attributes.contains_key(name));
        match value {
            Value::Object(object) if nested.is_some() || (!attribute && is_block(name, object)) => {
                block(out, name, object, nested);
            }
            Value::Array(items) if items.is_empty() => {}
            Value::Array(items) if !attribute && items.iter().all(Value::is_object) => {
                for object in items.iter().filter_map(Value::as_object) {
                    block(out, name, object, nested);
                }
            }
            Value::String(text) if known.and_then(|k| k.attributes.get(name)).is_some_and(is_list) => {
                let _ = writeln!(out, "{name} = {}", separated(text));
            }
            value => argument(out, name, value),
        }
    }
}

fn is_list(ty: &Type) -> bool {
    matches!(ty, Type::List(_) | Type::Set(_))
}

/// A list that was given as a text with commas.
fn separated(text: &str) -> String {
    match text.contains("{{") {
        true => format!("split(\",\", {})", quoted(text)),
        false => {
            format!("[{}]", text.split(',').filter(|_| !text.is_empty()).map(quoted).collect::<Vec<_>>().join(", "))
        }
    }
}

fn is_block(name: &str, object: &Map<String, Value>) -> bool {
    PLAIN_BLOCKS.contains(&name)
        || object.is_empty()
        || object.values().any(|v| v.is_object() || v.is_array() || v.is_null())
}

fn block(out: &mut String, name: &str, object: &Map<String, Value>, known: Option<&Options>) {
    let _ = writeln!(out, "{name} {{");
    body(out, object, known);
    out.push_str("}\n");
}

/// Appends `name = value`.
pub(super) fn argument(out: &mut String, name: &str, value: &Value) {
    let _ = writeln!(out, "{name} = {}", expression(value));
}

/// A value as a literal.
pub(super) fn expression(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => {
            Number::parse(&number.to_string()).map_or_else(|| number.to_string(), |number| number.to_string())
        }
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(expression).collect::<Vec<_>>().join(", ")),
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort();
            let lines = names.into_iter().map(|name| {
                let key = if is_identifier(name) { name.clone() } else { quoted(name) };
                format!("{key} = {}\n", expression(&members[name]))
            });
            format!("{{\n{}}}", lines.collect::<String>())
        }
    }
}

fn is_identifier(name: &str) -> bool {
    name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// A text in quotes that stands for itself.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '$' | '%' if rest.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
