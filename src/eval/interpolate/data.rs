//! What a `{{ }}` text can see, [`Data`], and what its expressions compute, [`Value`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display};

/// What `{{ .Path }}` sees: a tree of strings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Text(String),
    #[cfg_attr(not(test), expect(dead_code, reason = "the builders so far hand on texts only"))]
    Number(i64),
    #[cfg_attr(not(test), expect(dead_code, reason = "the builders so far hand on texts only"))]
    Bool(bool),
    #[cfg_attr(not(test), expect(dead_code, reason = "the builders so far hand on texts only"))]
    List(Vec<Data>),
    Map(BTreeMap<String, Data>),
}

/// A map of texts.
pub(crate) fn data<const N: usize>(fields: [(&str, &str); N]) -> Data {
    Data::Map(fields.into_iter().map(|(k, v)| (k.to_owned(), Data::Text(v.to_owned()))).collect())
}

/// The texts of `base`, overlaid with `fields`.
pub(crate) fn over<const N: usize>(base: &BTreeMap<String, String>, fields: [(&str, &str); N]) -> Data {
    let base = base.iter().map(|(key, text)| (key.as_str(), text.as_str()));
    Data::Map(base.chain(fields).map(|(key, text)| (key.to_owned(), Data::Text(text.to_owned()))).collect())
}

/// The value of an expression. Lists and maps come from the data only, so they are borrowed.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Nil,
    Bool(bool),
    Number(i64),
    Float(f64),
    Text(Cow<'a, str>),
    List(&'a [Data]),
    Map(&'a BTreeMap<String, Data>),
}

impl<'a> From<&'a Data> for Value<'a> {
    fn from(data: &'a Data) -> Self {
        match data {
            Data::Text(text) => Value::Text(Cow::Borrowed(text)),
            Data::Number(number) => Value::Number(*number),
            Data::Bool(flag) => Value::Bool(*flag),
            Data::List(items) => Value::List(items),
            Data::Map(entries) => Value::Map(entries),
        }
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Cow::Owned(text))
    }
}

impl Value<'_> {
    /// Whether `if` takes it: everything but nil, false, zero and what is empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(flag) => *flag,
            Value::Number(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Map(entries) => !entries.is_empty(),
        }
    }

    /// For error messages.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a whole number",
            Value::Float(_) => "a fraction",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Bytes that a function has to go through; a guess for nested data.
    pub(super) fn weight(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::List(items) => items.iter().map(|item| Value::from(item).weight() + 1).sum(),
            Value::Map(entries) => entries.iter().map(|(k, v)| k.len() + Value::from(v).weight() + 2).sum(),
            _ => 8,
        }
    }
}

/// The text that an action leaves, as Go's `%v` writes it.
impl Display for Value<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nil => out.write_str("<nil>"),
            Value::Bool(flag) => write!(out, "{flag}"),
            Value::Number(number) => write!(out, "{number}"),
            Value::Float(number) => out.write_str(&super::verbs::shortest(*number)),
            Value::Text(text) => out.write_str(text),
            Value::List(items) => {
                out.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(out, "{}{}", if i == 0 { "" } else { " " }, Value::from(item))?;
                }
                out.write_str("]")
            }
            Value::Map(entries) => {
                out.write_str("map[")?;
                for (i, (key, item)) in entries.iter().enumerate() {
                    write!(out, "{}{key}:{}", if i == 0 { "" } else { " " }, Value::from(item))?;
                }
                out.write_str("]")
            }
        }
    }
}
