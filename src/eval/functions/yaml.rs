//! YAML: `yamlencode` and `yamldecode`.
//!
//! The peer reads bare words by the rules of YAML 1.1 (`yes` and `on` are true) and numbers by those of 1.2, which
//! needs to know which words are bare; the event parser tells, readers into a data model do not.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::encoding::BASE64;
use super::{Args, Function, FunctionError, TEXT, VALUE, fixed, yaml_encode};
use crate::value::{Kind, Number, Type, Value};

/// Deeper nesting is refused.
const DEEPEST: usize = 128;
/// Nodes at most, those counted that aliases stand for.
const MOST: usize = 1 << 20;

type Result<T> = std::result::Result<T, String>;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("yamldecode", &[TEXT], yamldecode),
    fixed("yamlencode", &[VALUE], |a| Ok(yaml_encode::encode(a.value(0)?).into())),
];

fn yamldecode(a: &Args<'_>) -> super::Result<Value> {
    decode(a.text(0)?).map_err(|message| FunctionError::at(0, message))
}

/// A collection that has begun and not ended.
struct Open {
    anchor: usize,
    size: usize,
    content: Content,
}

enum Content {
    Items(Vec<Value>),
    Entries { own: BTreeMap<String, Value>, merged: BTreeMap<String, Value>, key: Option<Key> },
}

enum Key {
    Name(String),
    /// `<<`: the entries of the value are added, those written out win.
    Merge,
}

#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    /// Values that aliases can stand for, with the number of their nodes.
    anchors: HashMap<usize, (Value, usize)>,
    document: Option<Value>,
}

/// Reads one document into objects and tuples; an empty one is null.
fn decode(text: &str) -> Result<Value> {
    let mut reader = Reader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            format!(
                "this is not YAML: line {}, column {}: {}",
                error.marker().line(),
                error.marker().col() + 1,
                error.info()
            )
        })?;
        reader.event(event).map_err(|message| format!("line {} of the YAML: {message}", span.start.line()))?;
    }
    Ok(reader.document.unwrap_or_else(|| Kind::Null(Type::Any).into()))
}

impl Reader {
    fn event(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::DocumentStart(_) if self.document.is_some() => {
                Err("a second document begins here; only one can be read".to_owned())
            }
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref()),
            Event::Alias(anchor) => {
                let (value, size) =
                    self.anchors.get(&anchor).cloned().ok_or("an alias stands inside of its own value")?;
                self.put(value, size)
            }
            Event::SequenceStart(anchor, tag) => self.begin(anchor, tag.as_deref(), "seq", Content::Items(Vec::new())),
            Event::MappingStart(anchor, tag) => {
                let content = Content::Entries { own: BTreeMap::new(), merged: BTreeMap::new(), key: None };
                self.begin(anchor, tag.as_deref(), "map", content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, tag: Option<&Tag>, own: &str, content: Content) -> Result<()> {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema() || tag.suffix != own) {
            return Err(format!("the tag {tag} is not supported"));
        }
        if self.open.len() >= DEEPEST {
            return Err(format!("the nesting is deeper than {DEEPEST} levels"));
        }
        if let Some(Open { content: Content::Entries { key: None, .. }, .. }) = self.open.last() {
            return Err("a key must be a single value".to_owned());
        }
        self.open.push(Open { anchor, size: 1, content });
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let Some(Open { anchor, size, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::Items(items) => Value::tuple(items),
            Content::Entries { own, mut merged, .. } => {
                merged.extend(own);
                Value::object(merged)
            }
        };
        self.anchors.insert(anchor, (value.clone(), size));
        self.put(value, size)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, tag: Option<&Tag>) -> Result<()> {
        let waiting = matches!(self.open.last(), Some(Open { content: Content::Entries { key: None, .. }, .. }));
        if waiting && text == "<<" && style == ScalarStyle::Plain {
            return self.name(Key::Merge);
        }
        let value = resolve(text, style == ScalarStyle::Plain, tag)?;
        self.anchors.insert(anchor, (value.clone(), 1));
        self.put(value, 1)
    }

    fn name(&mut self, name: Key) -> Result<()> {
        if let Some(Open { content: Content::Entries { key, .. }, .. }) = self.open.last_mut() {
            *key = Some(name);
        }
        Ok(())
    }

    /// Puts a value where the document goes on: as key, entry, item, or the whole.
    fn put(&mut self, value: Value, size: usize) -> Result<()> {
        let Some(open) = self.open.last_mut() else {
            self.document = Some(value);
            return Ok(());
        };
        open.size += size;
        if open.size > MOST {
            return Err(format!("the document has more than {MOST} values"));
        }
        match &mut open.content {
            Content::Items(items) => items.push(value),
            Content::Entries { own, merged, key } => match key.take() {
                None => {
                    return {
                        let name = key_of(&value)?;
                        self.name(Key::Name(name))
                    };
                }
                Some(Key::Name(name)) => drop(own.insert(name, value)),
                Some(Key::Merge) => merge(merged, &value)?,
            },
        }
        Ok(())
    }
}

fn key_of(value: &Value) -> Result<String> {
    match &value.kind {
        Kind::String(text) => Ok(text.to_string()),
        Kind::Number(number) => Ok(number.to_string()),
        Kind::Bool(flag) => Ok(flag.to_string()),
        _ => Err("a key must be a text, a number or a bool".to_owned()),
    }
}

/// Of several mappings the first wins.
fn merge(merged: &mut BTreeMap<String, Value>, value: &Value) -> Result<()> {
    match &value.kind {
        Kind::Object(entries) => {
            for (key, value) in entries.iter() {
                merged.entry(key.clone()).or_insert_with(|| value.clone());
            }
            Ok(())
        }
        Kind::Tuple(items) => items.iter().try_for_each(|item| merge(merged, item)),
        _ => Err("\"<<\" needs a mapping or a list of mappings".to_owned()),
    }
}

/// What a single value means by its tag or, when it has none and is bare, by its look.
fn resolve(text: &str, bare: bool, tag: Option<&Tag>) -> Result<Value> {
    let Some(tag) = tag else { return if bare { guess(text) } else { Ok(text.into()) } };
    let wrong = || format!("{text:?} is no {tag}");
    if !tag.is_yaml_core_schema() {
        return Err(format!("the tag {tag} is not supported"));
    }
    match tag.suffix.as_str() {
        "str" => Ok(text.into()),
        "binary" => match BASE64.decode(text.replace(['\n', ' '], "")) {
            Ok(_) => Ok(text.into()),
            Err(_) => Err(wrong()),
        },
        "bool" => bool_of(text).map(Value::from).ok_or_else(wrong),
        "int" | "float" => number_of(text).map(Value::from).ok_or_else(wrong),
        "null" => Ok(Kind::Null(Type::Any).into()),
        "timestamp" => timestamp_of(text).map(Value::from).ok_or_else(wrong),
        _ => Err(format!("the tag {tag} is not supported")),
    }
}

fn guess(text: &str) -> Result<Value> {
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Ok(Kind::Null(Type::Any).into());
    }
    if matches!(text.trim_start_matches(['+', '-']), ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Err(format!("{text} is no number of this language"));
    }
    let found = bool_of(text).map(Value::from).or_else(|| timestamp_of(text).map(Value::from));
    Ok(found.or_else(|| number_of(text).map(Value::from)).unwrap_or_else(|| text.into()))
}

fn bool_of(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn number_of(text: &str) -> Option<Number> {
    let digits = |radix, digits| {
        u64::from_str_radix(digits, radix).ok().map(|n| Number::from(bigdecimal::num_bigint::BigInt::from(n)))
    };
    match text.get(..2) {
        Some("0x") => digits(16, &text[2..]),
        Some("0o") => digits(8, &text[2..]),
        _ => Number::parse(text),
    }
}

/// A date or moment as text in RFC 3339, which is what the peer makes of it.
fn timestamp_of(text: &str) -> Option<String> {
    let year = text.get(..5)?;
    if !year.ends_with('-') || !year[..4].bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(format!("{date}T00:00:00Z"));
    }
    if let Ok(time) = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f") {
        return Some(time.and_utc().to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    let zoned = text.strip_suffix('Z').map_or_else(|| text.to_owned(), |local| format!("{local}+00:00"));
    let time = DateTime::parse_from_str(&zoned.replacen('t', "T", 1), "%Y-%m-%dT%H:%M:%S%.f%:z").ok()?;
    Some(time.to_rfc3339_opts(SecondsFormat::Secs, true))
}
