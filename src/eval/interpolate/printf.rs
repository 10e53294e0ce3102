//! Go's `printf`: verbs, flags, width, precision and argument indexes. Misuse shows in the text as in Go,
//! as in `%!d(string=x)`.

use std::fmt::Write;

use super::data::Value;
use super::verbs::{self, Directive};
use super::{Fault, MAX_OUTPUT};

/// Go takes no larger width or precision.
const MAX_WIDTH: i64 = 1_000_000;
pub(super) fn sprintf(format: &str, arguments: &[Value<'_>]) -> Result<String, Fault> {
    let mut printer = Printer { rest: format, arguments, next: 0, reordered: false, bad_index: false };
    let mut out = String::new();
    while let Some(start) = printer.rest.find('%') {
        out.push_str(&printer.rest[..start]);
        printer.rest = &printer.rest[start + 1..];
        printer.directive(&mut out)?;
        if out.len() > MAX_OUTPUT {
            return Err(Fault::new("the result of printf is too long"));
        }
    }
    out.push_str(printer.rest);
    if !printer.reordered && printer.next < arguments.len() {
        let extra: Vec<String> = arguments[printer.next..].iter().map(typed).collect();
        let _ = write!(out, "%!(EXTRA {})", extra.join(", "));
    }
    Ok(out)
}

struct Printer<'p, 'a> {
    rest: &'p str,
    arguments: &'p [Value<'a>],
    next: usize,
    /// Whether an argument index was used, which switches off the complaint about extra arguments.
    reordered: bool,
    bad_index: bool,
}

impl Printer<'_, '_> {
    fn directive(&mut self, out: &mut String) -> Result<(), Fault> {
        let mut directive = Directive::default();
        self.bad_index = false;
        loop {
            match self.rest.as_bytes().first() {
                Some(b'+') => directive.plus = true,
                Some(b'-') => directive.minus = true,
                Some(b'#') => directive.sharp = true,
                Some(b' ') => directive.space = true,
                Some(b'0') => directive.zero = true,
                _ => break,
            }
            self.rest = &self.rest[1..];
        }
        self.index();
        match self.size() {
            Size::Given(width) => {
                directive.width = width.unsigned_abs() as usize;
                directive.minus |= width < 0;
            }
            Size::Bad => out.push_str("%!(BADWIDTH)"),
            Size::Absent => {}
        }
        if let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            self.index();
            match self.size() {
                Size::Given(precision) if precision >= 0 => directive.precision = usize::try_from(precision).ok(),
                Size::Given(_) | Size::Bad => out.push_str("%!(BADPREC)"),
                Size::Absent => directive.precision = Some(0),
            }
        }
        self.index();
        let mut chars = self.rest.chars();
        let Some(verb) = chars.next() else {
            out.push_str("%!(NOVERB)");
            return Ok(());
        };
        self.rest = chars.as_str();
        if verb == 'v' {
            directive.literal = std::mem::take(&mut directive.sharp);
            directive.plus = false;
        }
        if verb == '%' {
            out.push('%');
        } else if self.bad_index {
            let _ = write!(out, "%!{verb}(BADINDEX)");
        } else if let Some(argument) = self.arguments.get(self.next) {
            self.next += 1;
            print(out, &directive, verb, argument)?;
        } else {
            let _ = write!(out, "%!{verb}(MISSING)");
        }
        Ok(())
    }

    /// `[3]`: the third argument is next.
    fn index(&mut self) {
        let Some(inside) = self.rest.strip_prefix('[') else { return };
        self.reordered = true;
        let Some(end) = inside.find(']') else {
            self.rest = inside;
            self.bad_index = true;
            return;
        };
        match inside[..end].parse::<usize>() {
            Ok(index) if (1..=self.arguments.len()).contains(&index) => self.next = index - 1,
            _ => self.bad_index = true,
        }
        self.rest = &inside[end + 1..];
    }

    /// A width or precision: digits, or `*` for the next argument.
    fn size(&mut self) -> Size {
        if let Some(rest) = self.rest.strip_prefix('*') {
            self.rest = rest;
            let argument = self.arguments.get(self.next);
            self.next += usize::from(argument.is_some());
            return match argument {
                Some(Value::Number(number)) if number.abs() <= MAX_WIDTH => Size::Given(*number),
                _ => Size::Bad,
            };
        }
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        match digits.parse() {
            Ok(number) if number <= MAX_WIDTH => Size::Given(number),
            _ if digits.is_empty() => Size::Absent,
            _ => Size::Bad,
        }
    }
}

enum Size {
    Absent,
    Given(i64),
    Bad,
}

fn print(out: &mut String, directive: &Directive, verb: char, value: &Value<'_>) -> Result<(), Fault> {
    if out.len() > MAX_OUTPUT {
        return Err(Fault::new("the result of printf is too long"));
    }
    match (value, verb) {
        (value, 'T') => verbs::pad(out, directive, verbs::truncated(type_name(value), directive.precision)),
        (Value::Nil, 'v') => verbs::pad(out, directive, "<nil>"),
        (Value::Bool(flag), 'v' | 't') => verbs::pad(out, directive, if *flag { "true" } else { "false" }),
        (Value::Number(number), 'v' | 'd' | 'b' | 'o' | 'O' | 'x' | 'X') => {
            verbs::integer(out, directive, verb, *number)
        }
        (Value::Number(number), 'c' | 'q' | 'U') => verbs::character(out, directive, verb, *number),
        (Value::Float(number), 'v' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G') => verbs::float(out, directive, verb, *number)?,
        (Value::Float(_), 'b' | 'x' | 'X') => {
            return Err(Fault::new(format!("printf's %{verb} is not supported for fractions")));
        }
        (Value::Text(text), 'v') if directive.literal => verbs::pad(out, directive, &verbs::quote(text, false)),
        (Value::Text(text), 'v' | 's') => verbs::pad(out, directive, verbs::truncated(text, directive.precision)),
        (Value::Text(text), 'q') => {
            let text = verbs::truncated(text, directive.precision);
            let raw = directive.sharp && !text.contains(|c: char| c == '`' || (c.is_control() && c != '\t'));
            verbs::pad(out, directive, &if raw { format!("`{text}`") } else { verbs::quote(text, directive.plus) });
        }
        (Value::Text(text), 'x' | 'X') => verbs::pad(out, directive, &verbs::hex(text, directive, verb == 'X')),
        (Value::List(items), verb) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { " " });
                print(out, directive, verb, &item.into())?;
            }
            out.push(']');
        }
        (Value::Map(entries), verb) => {
            out.push_str("map[");
            for (i, (key, item)) in entries.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { " " });
                print(out, directive, verb, &Value::Text(key.into()))?;
                out.push(':');
                print(out, directive, verb, &item.into())?;
            }
            out.push(']');
        }
        (Value::Nil, verb) => out.push_str(&format!("%!{verb}(<nil>)")),
        (value, verb) => {
            let _ = write!(out, "%!{verb}({}=", type_name(value));
            print(out, directive, 'v', value)?;
            out.push(')');
        }
    }
    Ok(())
}

fn type_name(value: &Value<'_>) -> &'static str {
    match value {
        Value::Nil => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(_) => "int",
        Value::Float(_) => "float64",
        Value::Text(_) => "string",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
    }
}

/// Type and value, as complaints name them.
fn typed(value: &Value<'_>) -> String {
    if matches!(value, Value::Nil) { "<nil>".to_owned() } else { format!("{}={value}", type_name(value)) }
}
