//! Types of the template language, as declared by a variable or had by a value.

use std::collections::BTreeMap;
use std::fmt;

use super::Value;

/// A type. `Any` is the dynamic type: everything converts to it unchanged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Any,
    String,
    Number,
    Bool,
    List(Box<Type>),
    Set(Box<Type>),
    Map(Box<Type>),
    Tuple(Vec<Type>),
    Object(BTreeMap<String, Attribute>),
}

/// One attribute of an object type; `optional(T, default)` fills a missing value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attribute {
    pub ty: Type,
    pub optional: bool,
    pub default: Option<Value>,
}

impl Attribute {
    pub(crate) fn required(ty: Type) -> Self {
        Self { ty, optional: false, default: None }
    }
}

impl Type {
    pub(crate) fn list(element: Type) -> Self {
        Self::List(Box::new(element))
    }

    pub(crate) fn set(element: Type) -> Self {
        Self::Set(Box::new(element))
    }

    pub(crate) fn map(element: Type) -> Self {
        Self::Map(Box::new(element))
    }
}

/// As a user would write it: `list(string)`, `object({a=number})`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => write!(f, "any"),
            Self::String => write!(f, "string"),
            Self::Number => write!(f, "number"),
            Self::Bool => write!(f, "bool"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Set(element) => write!(f, "set({element})"),
            Self::Map(element) => write!(f, "map({element})"),
            Self::Tuple(items) => {
                let items: Vec<_> = items.iter().map(ToString::to_string).collect();
                write!(f, "tuple([{}])", items.join(", "))
            }
            Self::Object(attributes) => {
                let attributes: Vec<_> = attributes
                    .iter()
                    .map(
                        |(name, a)| {
                            if a.optional { format!("{name}=optional({})", a.ty) } else { format!("{name}={}", a.ty) }
                        },
                    )
                    .collect();
                write!(f, "object({{{}}})", attributes.join(", "))
            }
        }
    }
}
