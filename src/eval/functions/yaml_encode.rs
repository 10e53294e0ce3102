//! Values as YAML text, in the bytes of the peer's emitter: block style, texts and keys in double quotes, texts of
//! several lines as literal blocks.

use crate::value::{Kind, Value};

/// Column behind which a quoted text continues on the next line at its next space.
const BEST_WIDTH: usize = 80;
/// Longer keys stand behind a `?`. In bytes.
const LONGEST_KEY: usize = 128;

/// A wholly known value as one document.
pub(super) fn encode(value: &Value) -> String {
    let mut emitter = Emitter { out: String::new() };
    emitter.node(value, 0, Place::Root);
    if !emitter.out.ends_with('\n') {
        emitter.out.push('\n');
    }
    // A bare value could go on in a next document; the mark says that it does not.
    if matches!(value.kind, Kind::Null(_) | Kind::Bool(_) | Kind::Number(_)) {
        emitter.out.push_str("...\n");
    }
    emitter.out
}

/// Where a node stands; it decides whether a collection begins on the same line and how far it is indented.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    /// Behind `- `.
    Item,
    /// Behind `key:`.
    Entry,
}

struct Emitter {
    out: String,
}

impl Emitter {
    /// `indent` is that of the collection around the node.
    fn node(&mut self, value: &Value, indent: usize, place: Place) {
        match &value.kind {
            Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) if !items.is_empty() => {
                self.items(items, indent, place);
            }
            Kind::Map(_, entries) | Kind::Object(entries) if !entries.is_empty() => {
                let indent = if place == Place::Root { indent } else { indent + 2 };
                for (number, (key, item)) in entries.iter().enumerate() {
                    self.line(indent, number == 0 && place != Place::Entry);
                    self.key(key, indent);
                    self.node(item, indent, Place::Entry);
                }
            }
            scalar => {
                if place == Place::Entry {
                    self.out.push(' ');
                }
                match scalar {
                    Kind::String(text) => self.text(text, indent + 2),
                    Kind::Null(_) | Kind::Unknown(_) => self.out.push_str("null"),
                    Kind::Bool(flag) => self.out.push_str(if *flag { "true" } else { "false" }),
                    Kind::Number(number) => self.out.push_str(&number.to_string()),
                    Kind::List(..) | Kind::Set(..) | Kind::Tuple(_) => self.out.push_str("[]"),
                    Kind::Map(..) | Kind::Object(_) => self.out.push_str("{}"),
                }
            }
        }
    }

    /// A list below a key is not indented.
    fn items(&mut self, items: &[Value], indent: usize, place: Place) {
        let indent = if place == Place::Item { indent + 2 } else { indent };
        for (number, item) in items.iter().enumerate() {
            self.line(indent, number == 0 && place != Place::Entry);
            self.out.push_str("- ");
            self.node(item, indent, Place::Item);
        }
    }

    /// Begins a line, unless `same` or the text is at its beginning already.
    fn line(&mut self, indent: usize, same: bool) {
        if same {
            return;
        }
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.out.push_str(&" ".repeat(indent));
    }

    fn key(&mut self, key: &str, indent: usize) {
        if key.len() <= LONGEST_KEY && !key.contains(is_break) {
            self.quoted(key, None);
        } else {
            self.out.push_str("? ");
            self.text(key, indent + 2);
            self.line(indent, false);
        }
        self.out.push(':');
    }

    fn text(&mut self, text: &str, indent: usize) {
        if text.contains('\n') && is_literal(text) {
            self.literal(text, indent)
        } else {
            self.quoted(text, Some(indent))
        }
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n']) {
            self.out.push('2');
        }
        match text.strip_suffix('\n') {
            None => self.out.push('-'),
            Some(rest) if rest.is_empty() || rest.ends_with('\n') => self.out.push('+'),
            Some(_) => {}
        }
        self.out.push('\n');
        for line in text.split_inclusive('\n') {
            if line != "\n" {
                self.out.push_str(&" ".repeat(indent));
            }
            self.out.push_str(line);
        }
    }

    /// With an indent, the text may go on on the next line.
    fn quoted(&mut self, text: &str, indent: Option<usize>) {
        self.out.push('"');
        let mut after_space = false;
        let mut column = self.out.chars().rev().take_while(|c| *c != '\n').count();
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let before = self.out.len();
            if c == ' ' {
                let inside = at > 0 && chars.peek().is_some();
                match indent {
                    Some(indent) if inside && !after_space && column > BEST_WIDTH => {
                        self.out.push('\n');
                        self.out.push_str(&" ".repeat(indent));
                        if chars.peek().is_some_and(|(_, next)| *next == ' ') {
                            self.out.push('\\');
                        }
                        column = 0;
                    }
                    _ => self.out.push(' '),
                }
            } else {
                escape(&mut self.out, c);
            }
            after_space = c == ' ';
            column += self.out[before..].trim_start_matches('\n').chars().count();
        }
        self.out.push('"');
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What YAML readers of old took for printable: nothing beyond 16 bits.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// A literal block can hold no escapes and no spaces at the end of a line.
fn is_literal(text: &str) -> bool {
    let bare = |c: char| is_printable(c) && (c == '\n' || !is_break(c));
    !text.ends_with(' ') && !text.contains(" \n") && text.chars().all(bare)
}

fn escape(out: &mut String, c: char) {
    let code = u32::from(c);
    match c {
        '"' | '\\' => out.extend(['\\', c]),
        c if is_printable(c) && !is_break(c) => out.push(c),
        '\0' => out.push_str("\\0"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\x0b' => out.push_str("\\v"),
        '\x0c' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        '\x1b' => out.push_str("\\e"),
        '\u{85}' => out.push_str("\\N"),
        '\u{2028}' => out.push_str("\\L"),
        '\u{2029}' => out.push_str("\\P"),
        _ if code <= 0xff => out.push_str(&format!("\\x{code:02X}")),
        _ if code <= 0xffff => out.push_str(&format!("\\u{code:04X}")),
        _ => out.push_str(&format!("\\U{code:08X}")),
    }
}
