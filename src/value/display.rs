//! Values for people, as the peer's console shows them: texts plainly, collections over several lines.

use std::fmt::Write as _;

use super::{Kind, Value};

impl Value {
    /// The value as text; parts that are sensitive or unknown say just that.
    pub(crate) fn shown(&self) -> String {
        let mut out = String::new();
        match (&self.kind, self.sensitive) {
            (Kind::String(text), false) => out.push_str(text),
            _ => write(&mut out, self, 0),
        }
        out
    }
}

fn write(out: &mut String, value: &Value, depth: usize) {
    if value.sensitive {
        return out.push_str(if depth > 0 { "\"<sensitive>\"" } else { "<sensitive>" });
    }
    let inner = "  ".repeat(depth + 1);
    match &value.kind {
        Kind::Null(_) => out.push_str("null"),
        Kind::Unknown(_) => out.push_str("<unknown>"),
        Kind::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Kind::Number(number) => out.push_str(&number.to_string()),
        Kind::String(text) => out.push_str(&quoted(text)),
        Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => {
            out.push('[');
            for item in items.iter() {
                out.push('\n');
                out.push_str(&inner);
                write(out, item, depth + 1);
                out.push(',');
            }
            close(out, items.is_empty(), depth, ']');
        }
        Kind::Map(_, entries) | Kind::Object(entries) => {
            out.push('{');
            // As in the peer, an attribute that is null is not there.
            let entries: Vec<_> = entries.iter().filter(|(_, item)| !item.is_null()).collect();
            for (key, item) in &entries {
                let _ = write!(out, "\n{inner}{} = ", quoted(key));
                write(out, item, depth + 1);
            }
            close(out, entries.is_empty(), depth, '}');
        }
    }
}

fn close(out: &mut String, empty: bool, depth: usize, bracket: char) {
    if !empty {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    }
    out.push(bracket);
}

/// The text in quotes, on one line.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
