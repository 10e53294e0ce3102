//! Values of the template language: HCL's types, with null, unknown and sensitive as part of each value.
//!
//! Made by the evaluator, read by `eval::fields` when a component is decoded. Clones share their contents.

mod convert;
mod display;
mod loose;
mod number;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use convert::{convert, set, unify};
pub(crate) use display::quoted;
pub(crate) use loose::loosely;
pub(crate) use number::Number;
pub(crate) use types::{Attribute, Type};

/// A value and its mark. The mark of a collection says that the whole is sensitive; parts have marks of their own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub kind: Kind,
    pub sensitive: bool,
}

/// What a value is. Sets hold no doubles and are sorted; maps are ordered by key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null(Type),
    /// A value of a known type that exists only once something has run.
    Unknown(Type),
    String(Arc<str>),
    Number(Number),
    Bool(bool),
    /// Element type, elements.
    List(Type, Arc<Vec<Value>>),
    Set(Type, Arc<Vec<Value>>),
    Tuple(Arc<Vec<Value>>),
    Map(Type, Arc<BTreeMap<String, Value>>),
    Object(Arc<BTreeMap<String, Value>>),
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Self {
        Self { kind, sensitive: false }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Kind::String(text.into()).into()
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Kind::String(text.into()).into()
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Kind::Bool(flag).into()
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Kind::Number(number.into()).into()
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Kind::Number(number).into()
    }
}

impl Value {
    pub(crate) fn null() -> Self {
        Kind::Null(Type::Any).into()
    }

    pub(crate) fn unknown(ty: Type) -> Self {
        Kind::Unknown(ty).into()
    }

    pub(crate) fn tuple(items: Vec<Value>) -> Self {
        Kind::Tuple(Arc::new(items)).into()
    }

    pub(crate) fn list(element: Type, items: Vec<Value>) -> Self {
        Kind::List(element, Arc::new(items)).into()
    }

    /// A list of texts.
    pub(crate) fn strings<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::list(Type::String, items.into_iter().map(Into::into).collect())
    }

    pub(crate) fn object(attributes: BTreeMap<String, Value>) -> Self {
        Kind::Object(Arc::new(attributes)).into()
    }

    pub(crate) fn map(element: Type, entries: BTreeMap<String, Value>) -> Self {
        Kind::Map(element, Arc::new(entries)).into()
    }

    /// The same value with the sensitive mark added when `flag` is set.
    pub(crate) fn marked(mut self, flag: bool) -> Self {
        self.sensitive |= flag;
        self
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null(_))
    }

    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown(_))
    }

    /// No part of the value is unknown.
    pub(crate) fn is_wholly_known(&self) -> bool {
        !self.is_unknown() && self.children().all(Value::is_wholly_known)
    }

    /// The value or a part of it is sensitive.
    pub(crate) fn has_sensitive(&self) -> bool {
        self.sensitive || self.children().any(Value::has_sensitive)
    }

    /// Direct elements, without keys.
    pub(crate) fn children(&self) -> Box<dyn Iterator<Item = &Value> + '_> {
        match &self.kind {
            Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items) => Box::new(items.iter()),
            Kind::Map(_, entries) | Kind::Object(entries) => Box::new(entries.values()),
            _ => Box::new(std::iter::empty()),
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The same value with every text in it changed, keys of maps and objects too.
    pub(crate) fn with_texts(&self, change: &mut impl FnMut(&str) -> String) -> Self {
        let mut list = |items: &Arc<Vec<Value>>| -> Arc<Vec<Value>> {
            Arc::new(items.iter().map(|item| item.with_texts(change)).collect())
        };
        let kind = match &self.kind {
            Kind::String(text) => Kind::String(change(text).into()),
            Kind::List(ty, items) => Kind::List(ty.clone(), list(items)),
            Kind::Set(ty, items) => Kind::Set(ty.clone(), list(items)),
            Kind::Tuple(items) => Kind::Tuple(list(items)),
            Kind::Map(ty, entries) => Kind::Map(ty.clone(), changed(entries, change)),
            Kind::Object(entries) => Kind::Object(changed(entries, change)),
            other => other.clone(),
        };
        Self { kind, sensitive: self.sensitive }
    }

    /// Every text in the value, at any depth: what a sensitive value registers with the redactor.
    pub(crate) fn texts(&self, found: &mut Vec<String>) {
        if let Some(text) = self.as_str() {
            found.push(text.to_owned());
        }
        for child in self.children() {
            child.texts(found);
        }
    }

    /// The value's type. Lists and maps know their element type even when empty.
    pub(crate) fn ty(&self) -> Type {
        match &self.kind {
            Kind::Null(ty) | Kind::Unknown(ty) => ty.clone(),
            Kind::String(_) => Type::String,
            Kind::Number(_) => Type::Number,
            Kind::Bool(_) => Type::Bool,
            Kind::List(element, _) => Type::List(Box::new(element.clone())),
            Kind::Set(element, _) => Type::Set(Box::new(element.clone())),
            Kind::Map(element, _) => Type::Map(Box::new(element.clone())),
            Kind::Tuple(items) => Type::Tuple(items.iter().map(Value::ty).collect()),
            Kind::Object(attributes) => {
                Type::Object(attributes.iter().map(|(k, v)| (k.clone(), Attribute::required(v.ty()))).collect())
            }
        }
    }
}

fn changed(entries: &BTreeMap<String, Value>, change: &mut impl FnMut(&str) -> String) -> Arc<BTreeMap<String, Value>> {
    Arc::new(entries.iter().map(|(key, value)| (change(key), value.with_texts(change))).collect())
}
