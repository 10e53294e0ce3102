//! JSON with its places: strict parsing into a tree that keeps byte ranges and repeated keys.

mod native;

use std::ops::Range;

pub(crate) use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
pub(crate) use native::{Texts, Writer};

/// What keeps a text from being JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Malformed {
    /// Where, in bytes.
    pub range: Range<usize>,
    pub message: String,
}

/// As RFC 8259 wants it: nothing of the dialects.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// The value that the text holds. Nesting is limited to 512 levels.
pub(crate) fn parse(text: &str) -> Result<Value<'_>, Malformed> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &STRICT).map_err(|error| {
        let range = error.range();
        Malformed { range: range.start..range.end, message: error.kind().to_string() }
    })?;
    let nothing = || Malformed { range: text.len()..text.len(), message: "the file holds no value".to_owned() };
    parsed.value.ok_or_else(nothing)
}

/// A member of an object by name and value, with the range of the quoted name.
pub(crate) fn member<'t, 'a>(property: &'t ObjectProp<'a>) -> (&'t str, Range<usize>, &'t Value<'a>) {
    (property.name.as_str(), range(&property.name), &property.value)
}

/// The place of a node in bytes, quotes and brackets included.
pub(crate) fn range(node: &impl Ranged) -> Range<usize> {
    node.start()..node.end()
}

/// What a value is, for messages.
pub(crate) fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "a text",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(_) => "true or false",
        Value::Object(_) => "an object",
        Value::Array(_) => "a list",
        Value::NullKeyword(_) => "null",
    }
}

/// The characters of a quoted text that was parsed before, each with its place: `\n` is one character of two bytes.
pub(crate) fn characters(text: &str, quoted: Range<usize>) -> Vec<(char, Range<usize>)> {
    let mut found = Vec::new();
    let inside = quoted.start + 1..quoted.end.saturating_sub(1);
    let mut rest = text.get(inside.clone()).unwrap_or_default().char_indices();
    while let Some((at, c)) = rest.next() {
        let start = inside.start + at;
        let decoded = match c {
            '\\' => escape(&mut rest),
            c => c,
        };
        found.push((decoded, start..inside.start + rest.offset()));
    }
    found
}

/// What follows a backslash; a pair of surrogates is one character.
fn escape(rest: &mut std::str::CharIndices<'_>) -> char {
    match rest.next().map_or('\\', |(_, c)| c) {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let high = unit(rest);
            if !(0xd800..0xdc00).contains(&high) {
                return char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            let mut ahead = rest.clone();
            let low = match (ahead.next(), ahead.next()) {
                (Some((_, '\\')), Some((_, 'u'))) => unit(&mut ahead),
                _ => 0,
            };
            if !(0xdc00..0xe000).contains(&low) {
                return char::REPLACEMENT_CHARACTER;
            }
            *rest = ahead;
            char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        other => other,
    }
}

/// Four hexadecimal digits.
fn unit(rest: &mut std::str::CharIndices<'_>) -> u32 {
    (0..4).fold(0, |value, _| value * 16 + rest.next().and_then(|(_, c)| c.to_digit(16)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strict_json_is_json() {
        for text in ["{}", "[1, -2.5e3, true, null]", "{\"a\": {\"a\": 1, \"a\": 2}}", " \"x\" "] {
            assert!(parse(text).is_ok(), "{text}");
        }
        let bad = ["", " ", "{", "{a: 1}", "[1,]", "// c\n{}", "{} {}", "'a'", "0x1", "+1", ".5", "\"\\x41\"", "NaN"];
        for text in bad {
            assert!(parse(text).is_err(), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse(&deep).is_err());
    }

    #[test]
    fn characters_know_their_places() {
        let text = r#"{"a": "é\n\u00e9\ud83d\ude00x\"\/"}"#;
        let Ok(Value::Object(object)) = parse(text) else { panic!() };
        let (_, _, value) = member(&object.properties[0]);
        let found = characters(text, range(value));
        let decoded: String = found.iter().map(|(c, _)| c).collect();
        assert_eq!(decoded, "é\né😀x\"/");
        let written: Vec<&str> = found.iter().map(|(_, range)| &text[range.clone()]).collect();
        assert_eq!(written, ["é", "\\n", "\\u00e9", "\\ud83d\\ude00", "x", "\\\"", "\\/"]);
    }
}
