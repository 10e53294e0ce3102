//! Native syntax from the members of JSON objects, sorted by name, before it is laid out.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::catalog::Options;
use crate::eval::functions::json;
use crate::value::{Number, Type, convert, loosely};

/// Blocks that hold nothing but plain values, where no table says that they are blocks.
const PLAIN_BLOCKS: [&str; 3] = ["linux_options", "network_interface", "shared_image_gallery"];

/// Flags that an empty text leaves open.
const THREE_STATES: [&str; 5] =
    ["associate_public_ip_address", "ena_support", "encrypt_boot", "encrypted", "root_volume_encrypt_boot"];

/// Appends arguments and blocks. Tables tell them apart; without one a guess must do: what holds objects or lists is a
/// block. `may_be_empty`: whether a text of `{{ }}` may come to nothing, which means that an option is not set.
pub(super) fn body(
    out: &mut String,
    members: &Map<String, Value>,
    known: Option<&Options>,
    may_be_empty: &dyn Fn(&str) -> bool,
) {
    let mut names: Vec<&String> = members.keys().collect();
    names.sort();
    for name in names {
        let value = &members[name];
        let nested = known.and_then(|options| options.blocks.get(name));
        let repeated = nested.is_some_and(|nested| nested.repeated);
        let nested = nested.map(|nested| &nested.options);
        let ty = known.and_then(|options| options.attributes.get(name));
        let attribute = ty.is_some();
        if THREE_STATES.contains(&name.as_str()) && attribute && value.as_str() == Some("") {
            continue;
        }
        let meant = ty.and_then(|ty| meant(value, ty));
        match meant.as_ref().unwrap_or(value) {
            // An empty list of blocks, in other words.
            Value::Object(object) if repeated && object.is_empty() => {}
            Value::String(text) if repeated && text.is_empty() => {}
            Value::Object(object) if nested.is_some() || (!attribute && is_block(name, object)) => {
                block(out, name, object, nested, may_be_empty);
            }
            Value::Array(items) if items.is_empty() => {}
            Value::Array(items) if !attribute && items.iter().all(Value::is_object) => {
                for object in items.iter().filter_map(Value::as_object) {
                    block(out, name, object, nested, may_be_empty);
                }
            }
            Value::String(text) if ty.is_some_and(is_list) => {
                let _ = writeln!(out, "{name} = {}", separated(text, may_be_empty(text)));
            }
            Value::String(text) if matches!(ty, Some(Type::Bool | Type::Number)) && may_be_empty(text) => {
                let text = quoted(text);
                let _ = writeln!(out, "{name} = {text} == \"\" ? null : {text}");
            }
            value => argument(out, name, value),
        }
    }
}

/// What a value stands for in the old format, where the language would take it otherwise or not at all.
fn meant(value: &Value, ty: &Type) -> Option<Value> {
    if value.as_str().is_some_and(|text| text.contains("{{")) {
        return None;
    }
    let written = json::decode(&value.to_string()).ok()?;
    let meant = loosely(&written, ty).ok()?;
    match convert(&written, ty) {
        Ok(taken) if taken == meant => None,
        _ => serde_json::from_str(&json::encode(&meant)).ok(),
    }
}

fn is_list(ty: &Type) -> bool {
    matches!(ty, Type::List(_) | Type::Set(_))
}

/// A list that was given as a text with commas.
fn separated(text: &str, may_be_empty: bool) -> String {
    match text.contains("{{") {
        true if may_be_empty => format!("compact(split(\",\", {}))", quoted(text)),
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

fn block(
    out: &mut String,
    name: &str,
    object: &Map<String, Value>,
    known: Option<&Options>,
    may_be_empty: &dyn Fn(&str) -> bool,
) {
    let _ = writeln!(out, "{name} {{");
    body(out, object, known, may_be_empty);
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
