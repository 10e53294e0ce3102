//! Writing template text from JSON, with the place that each part of it came from.

use std::ops::Range;

use jsonc_parser::ast::{Object, StringLit, Value};

use super::{characters, member, range};
use crate::diagnostic::Part;
use crate::lexer::{self, tokens};

/// What the strings of a JSON text are in the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    /// `${ }` and `%{ }` mean something.
    Templates,
    /// Just their characters.
    Plain,
}

/// A growing template text.
pub(crate) struct Writer<'t> {
    json: &'t str,
    texts: Texts,
    made: String,
    parts: Vec<Part>,
}

impl<'t> Writer<'t> {
    /// `json` is the whole text that places are in.
    pub(crate) fn new(json: &'t str, texts: Texts) -> Self {
        Self { json, texts, made: String::new(), parts: Vec::new() }
    }

    /// The text and where its parts are from.
    pub(crate) fn finish(self) -> (String, Vec<Part>) {
        (self.made, self.parts)
    }

    /// Adds what is nowhere in the JSON text: signs and line ends.
    pub(crate) fn add(&mut self, text: &str) {
        self.made.push_str(text);
    }

    /// Adds a text that stands for what is at `from`.
    pub(crate) fn add_from(&mut self, text: &str, from: Range<usize>) {
        let start = self.made.len();
        self.made.push_str(text);
        let made = start..self.made.len();
        if let Some(last) = self.parts.last_mut() {
            let whole = last.made.len() == last.from.len() && made.len() == from.len();
            if whole && last.made.end == made.start && last.from.end == from.start {
                last.made.end = made.end;
                last.from.end = from.end;
                return;
            }
        }
        self.parts.push(Part { made, from });
    }

    /// A name without quotes, from the quoted one.
    pub(crate) fn name(&mut self, name: &str, quoted: Range<usize>) {
        self.add_from(name, quoted.start + 1..quoted.end.saturating_sub(1).max(quoted.start + 1));
    }

    /// A label in quotes: its characters, whatever they are.
    pub(crate) fn label(&mut self, quoted: Range<usize>) {
        self.quotes(quoted, Texts::Plain);
    }

    /// The characters of a string, which are themselves an expression, such as a type.
    pub(crate) fn bare(&mut self, text: &StringLit<'_>) {
        for (c, from) in characters(self.json, range(text)) {
            self.add_from(c.encode_utf8(&mut [0; 4]), from);
        }
    }

    /// A value as an expression.
    pub(crate) fn value(&mut self, value: &Value<'_>) {
        match value {
            Value::StringLit(text) => self.quotes(range(text), self.texts),
            Value::NumberLit(number) => self.add_from(number.value, range(number)),
            Value::BooleanLit(flag) => self.add_from(if flag.value { "true" } else { "false" }, range(flag)),
            Value::NullKeyword(null) => self.add_from("null", range(null)),
            Value::Array(array) => {
                self.add_from("[", array.range.start..array.range.start + 1);
                for element in &array.elements {
                    self.value(element);
                    self.add(", ");
                }
                self.add_from("]", array.range.end - 1..array.range.end);
            }
            Value::Object(object) => self.object(object),
        }
    }

    /// An object as an expression; of repeated keys the last counts.
    fn object(&mut self, object: &Object<'_>) {
        self.add_from("{", object.range.start..object.range.start + 1);
        for property in &object.properties {
            let (_, name, value) = member(property);
            self.quotes(name, self.texts);
            self.add(" = ");
            self.value(value);
            self.add(", ");
        }
        self.add_from("}", object.range.end - 1..object.range.end);
    }

    fn quotes(&mut self, quoted: Range<usize>, texts: Texts) {
        let characters = characters(self.json, quoted.clone());
        let code = match texts {
            Texts::Templates => code(&characters),
            Texts::Plain => Vec::new(),
        };
        self.add_from("\"", quoted.start..quoted.start + 1);
        let mut code = code.into_iter().peekable();
        let mut at = 0;
        for (number, (c, from)) in characters.iter().enumerate() {
            while code.next_if(|range| range.end <= at).is_some() {}
            let in_code = code.peek().is_some_and(|range| range.contains(&at));
            at += c.len_utf8();
            let next = characters.get(number + 1).map(|(next, _)| *next);
            match c {
                // Line ends between the signs of an expression mean nothing.
                '\n' | '\r' if in_code => self.add_from(" ", from.clone()),
                c if in_code => self.add_from(c.encode_utf8(&mut [0; 4]), from.clone()),
                '"' => self.add_from("\\\"", from.clone()),
                '\\' => self.add_from("\\\\", from.clone()),
                '\n' => self.add_from("\\n", from.clone()),
                '\r' => self.add_from("\\r", from.clone()),
                '\t' => self.add_from("\\t", from.clone()),
                c if c.is_control() => self.add_from(&format!("\\u{:04x}", u32::from(*c)), from.clone()),
                '$' if texts == Texts::Plain && next == Some('{') => self.add_from("$$", from.clone()),
                '%' if texts == Texts::Plain && next == Some('{') => self.add_from("%%", from.clone()),
                c => self.add_from(c.encode_utf8(&mut [0; 4]), from.clone()),
            }
        }
        self.add_from("\"", quoted.end.saturating_sub(1)..quoted.end);
    }
}

/// The `${ }` and `%{ }` of a text, in its own bytes.
fn code(characters: &[(char, Range<usize>)]) -> Vec<Range<usize>> {
    let text: String = characters.iter().map(|(c, _)| c).collect();
    if !text.contains("${") && !text.contains("%{") {
        return Vec::new();
    }
    // A heredoc is the form in which a text stands for itself but for these.
    let marker = (0..).map(|n| format!("T{n}")).find(|marker| !text.contains(marker.as_str())).unwrap_or_default();
    let opening = format!("<<{marker}\n");
    let heredoc = format!("{opening}{text}\n{marker}\n");
    let (mut found, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for token in tokens(&heredoc) {
        match token.kind {
            lexer::Kind::Interpolation | lexer::Kind::Directive => {
                if depth == 0 {
                    start = token.at.saturating_sub(opening.len());
                }
                depth += 1;
            }
            lexer::Kind::TemplateEnd => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    found.push(start..(token.at + token.text.len()).saturating_sub(opening.len()));
                }
            }
            _ => {}
        }
    }
    if depth > 0 {
        found.push(start..text.len());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn native(json: &str, texts: Texts) -> String {
        let mut writer = Writer::new(json, texts);
        writer.value(&parse(json).expect(json));
        let (made, parts) = writer.finish();
        for pair in parts.windows(2) {
            assert!(pair[0].made.end <= pair[1].made.start, "{parts:?}");
        }
        made
    }

    #[test]
    fn values_are_written_in_native_syntax() {
        for (json, expected) in [
            ("[1, -2.5e3, true, null]", "[1, -2.5e3, true, null, ]"),
            (r#"{"a b": {"c": []}}"#, r#"{"a b" = {"c" = [], }, }"#),
            (r#""é\"\\\n\t\u0001""#, r#""é\"\\\n\t\u0001""#),
            (r#""$${x} %%{y} $ { ${""#, r#""$${x} %%{y} $ { ${""#),
            (r#""${upper(\"a\")}\"${var.x}""#, r#""${upper("a")}\"${var.x}""#),
            (r#""a${\"b${\"c\"}\"}d\"""#, r#""a${"b${"c"}"}d\"""#),
            (r#""%{ if x }\"%{ endif }""#, r#""%{ if x }\"%{ endif }""#),
        ] {
            assert_eq!(native(json, Texts::Templates), expected, "{json}");
        }
        assert_eq!(native(r#""${x} $${y} %{z} $5""#, Texts::Plain), r#""$${x} $$${y} %%{z} $5""#);
    }
}
