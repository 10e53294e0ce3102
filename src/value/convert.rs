//! Conversion of a value to a type and unification of several types, by the language's rules: numbers, bools and
//! texts interconvert, tuples become lists and sets, objects become maps, surplus attributes are dropped.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::{Attribute, Kind, Number, Type, Value};

/// Why a value does not fit a type; `path` leads to the part that does not, such as `.tags[0]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub(crate) struct ConvertError {
    pub path: String,
    pub message: String,
}

impl ConvertError {
    fn new(message: impl Into<String>) -> Self {
        Self { path: String::new(), message: message.into() }
    }

    fn under(mut self, step: &str) -> Self {
        self.path.insert_str(0, step);
        self
    }
}

/// The value as `ty`. Null and unknown stay null and unknown, now of that type; marks are kept.
pub(crate) fn convert(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    let sensitive = value.sensitive;
    converted(value, ty).map(|v| v.marked(sensitive))
}

fn converted(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    match (&value.kind, ty) {
        (_, Type::Any) => Ok(value.clone()),
        (Kind::Null(_), _) => Ok(Kind::Null(ty.clone()).into()),
        (Kind::Unknown(Type::Any), _) => Ok(Value::unknown(ty.clone())),
        (Kind::Unknown(from), _) => match plausible(from, ty) {
            true => Ok(Value::unknown(ty.clone())),
            false => Err(required(ty)),
        },
        (Kind::String(_), Type::String) | (Kind::Number(_), Type::Number) | (Kind::Bool(_), Type::Bool) => {
            Ok(value.clone())
        }
        (Kind::Number(number), Type::String) => Ok(number.to_string().into()),
        (Kind::Bool(flag), Type::String) => Ok(flag.to_string().into()),
        (Kind::String(text), Type::Number) => {
            Number::parse(text).map(Value::from).ok_or_else(|| ConvertError::new("a number is required"))
        }
        (Kind::String(text), Type::Bool) => match text.as_ref() {
            "true" | "1" => Ok(true.into()),
            "false" | "0" => Ok(false.into()),
            _ => Err(ConvertError::new("a bool is required; it is written true or false")),
        },
        (Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items), Type::List(element)) => {
            let (items, element) = elements(items, element)?;
            Ok(Value::list(element, items))
        }
        (Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items), Type::Set(element)) => {
            let (items, element) = elements(items, element)?;
            Ok(set(element, items))
        }
        (Kind::List(_, items) | Kind::Tuple(items), Type::Tuple(types)) => {
            if items.len() != types.len() {
                return Err(ConvertError::new(format!(
                    "{} elements are required, there are {}",
                    types.len(),
                    items.len()
                )));
            }
            let items = items.iter().zip(types).enumerate();
            let items = items.map(|(i, (item, ty))| convert(item, ty).map_err(|e| e.under(&format!("[{i}]"))));
            Ok(Value::tuple(items.collect::<Result<_, _>>()?))
        }
        (Kind::Map(_, entries) | Kind::Object(entries), Type::Map(element)) => {
            let element = element_type(element, entries.values())?;
            let entries = entries.iter().map(|(key, item)| {
                let item = convert(item, &element).map_err(|e| e.under(&step(key)))?;
                Ok((key.clone(), item))
            });
            Ok(Value::map(element.clone(), entries.collect::<Result<_, ConvertError>>()?))
        }
        (Kind::Map(_, entries) | Kind::Object(entries), Type::Object(attributes)) => object(entries, attributes),
        _ => Err(required(ty)),
    }
}

fn required(ty: &Type) -> ConvertError {
    let mut text = String::new();
    let _ = match ty {
        Type::Object(_) => write!(text, "an object is required"),
        Type::Tuple(_) => write!(text, "a tuple is required"),
        Type::List(_) | Type::Set(_) | Type::Map(_) => write!(text, "a {ty} is required"),
        other => write!(text, "a {other} is required"),
    };
    ConvertError::new(text)
}

fn step(key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if plain { format!(".{key}") } else { format!("[{key:?}]") }
}

/// Whether a value of type `from` may turn out to convert to `to`.
fn plausible(from: &Type, to: &Type) -> bool {
    let primitive = |ty: &Type| matches!(ty, Type::String | Type::Number | Type::Bool);
    let row = |ty: &Type| matches!(ty, Type::List(_) | Type::Set(_) | Type::Tuple(_));
    let keyed = |ty: &Type| matches!(ty, Type::Map(_) | Type::Object(_));
    matches!(to, Type::Any)
        || (primitive(from) && primitive(to) && (from == to || *from == Type::String || *to == Type::String))
        || (row(from) && row(to))
        || (keyed(from) && keyed(to))
}

fn elements(items: &[Value], element: &Type) -> Result<(Vec<Value>, Type), ConvertError> {
    let element = element_type(element, items.iter())?;
    let converted = items.iter().enumerate();
    let converted = converted.map(|(i, item)| convert(item, &element).map_err(|e| e.under(&format!("[{i}]"))));
    Ok((converted.collect::<Result<_, _>>()?, element.clone()))
}

/// `any` as element type means: one type for all elements, found by unification.
fn element_type<'a>(element: &Type, items: impl Iterator<Item = &'a Value>) -> Result<Type, ConvertError> {
    if *element != Type::Any {
        return Ok(element.clone());
    }
    let types: Vec<Type> = items.map(Value::ty).collect();
    unify(&types).ok_or_else(|| ConvertError::new("all elements must have the same type"))
}

/// Sorted and without doubles, so that equal sets are equal.
pub(crate) fn set(element: Type, items: Vec<Value>) -> Value {
    let mut unique: Vec<Value> = Vec::with_capacity(items.len());
    let mut seen = std::collections::BTreeSet::new();
    for item in items {
        if seen.insert(format!("{:?}", item.kind)) {
            unique.push(item);
        }
    }
    unique.sort_by(in_set);
    Kind::Set(element, Arc::new(unique)).into()
}

/// The order of a set's elements.
fn in_set(a: &Value, b: &Value) -> Ordering {
    match (&a.kind, &b.kind) {
        (Kind::Number(a), Kind::Number(b)) => a.cmp(b),
        (Kind::String(a), Kind::String(b)) => a.cmp(b),
        // Null is last, as in the peer.
        (Kind::Null(_), _) | (_, Kind::Null(_)) => a.is_null().cmp(&b.is_null()),
        (Kind::Tuple(a), Kind::Tuple(b)) => {
            let differs = a.iter().zip(b.iter()).map(|(a, b)| in_set(a, b)).find(|order| order.is_ne());
            differs.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (a, b) => format!("{a:?}").cmp(&format!("{b:?}")),
    }
}

fn object(entries: &BTreeMap<String, Value>, attributes: &BTreeMap<String, Attribute>) -> Result<Value, ConvertError> {
    let mut result = BTreeMap::new();
    for (name, attribute) in attributes {
        let given = entries.get(name).filter(|v| !(attribute.optional && v.is_null()));
        let item = match (given, &attribute.default) {
            (Some(item), _) => convert(item, &attribute.ty).map_err(|e| e.under(&step(name)))?,
            (None, Some(default)) => convert(default, &attribute.ty).map_err(|e| e.under(&step(name)))?,
            (None, None) if attribute.optional => Kind::Null(attribute.ty.clone()).into(),
            (None, None) => return Err(ConvertError::new(format!("attribute \"{name}\" is required"))),
        };
        result.insert(name.clone(), item);
    }
    Ok(Value::object(result))
}

/// The one type that values of all `types` convert to, if there is one. No types at all unify to `any`.
pub(crate) fn unify(types: &[Type]) -> Option<Type> {
    let mut known = types.iter().filter(|ty| **ty != Type::Any);
    let Some(first) = known.next() else { return Some(Type::Any) };
    known.try_fold(first.clone(), |left, right| unify_two(&left, right))
}

fn unify_two(left: &Type, right: &Type) -> Option<Type> {
    if left == right {
        return Some(left.clone());
    }
    match (left, right) {
        (Type::Any, other) | (other, Type::Any) => Some(other.clone()),
        (Type::String, Type::Number | Type::Bool) | (Type::Number | Type::Bool, Type::String) => Some(Type::String),
        (Type::List(a), Type::List(b)) => Some(Type::list(unify_two(a, b)?)),
        (Type::Set(a), Type::Set(b) | Type::List(b)) | (Type::List(a), Type::Set(b)) => {
            Some(Type::set(unify_two(a, b)?))
        }
        (Type::Map(a), Type::Map(b)) => Some(Type::map(unify_two(a, b)?)),
        (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => {
            Some(Type::Tuple(a.iter().zip(b).map(|(a, b)| unify_two(a, b)).collect::<Option<_>>()?))
        }
        (Type::Tuple(a), Type::Tuple(b)) => Some(Type::list(unify(&a.iter().chain(b).cloned().collect::<Vec<_>>())?)),
        (Type::Tuple(items), Type::List(element)) | (Type::List(element), Type::Tuple(items)) => {
            Some(Type::list(unify_two(&unify(items)?, element)?))
        }
        (Type::Tuple(items), Type::Set(element)) | (Type::Set(element), Type::Tuple(items)) => {
            Some(Type::set(unify_two(&unify(items)?, element)?))
        }
        (Type::Object(a), Type::Object(b)) if a.keys().eq(b.keys()) => {
            let unified = a
                .iter()
                .zip(b.values())
                .map(|((name, a), b)| Some((name.clone(), Attribute::required(unify_two(&a.ty, &b.ty)?))));
            Some(Type::Object(unified.collect::<Option<_>>()?))
        }
        (Type::Object(a), Type::Object(b)) => {
            Some(Type::map(unify(&a.values().chain(b.values()).map(|a| a.ty.clone()).collect::<Vec<_>>())?))
        }
        (Type::Object(a), Type::Map(element)) | (Type::Map(element), Type::Object(a)) => {
            let types: Vec<_> = a.values().map(|a| a.ty.clone()).collect();
            Some(Type::map(unify_two(&unify(&types)?, element)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primitives_interconvert() {
        assert_eq!(convert(&"5".into(), &Type::Number).unwrap(), 5.into());
        assert_eq!(convert(&true.into(), &Type::String).unwrap(), "true".into());
        assert_eq!(convert(&"1".into(), &Type::Bool).unwrap(), true.into());
        assert!(convert(&"yes".into(), &Type::Bool).is_err());
        assert!(convert(&1.into(), &Type::Bool).is_err());
    }

    #[test]
    fn tuples_unify_and_paths_name_the_part() {
        let mixed = Value::tuple(vec![1.into(), "b".into()]);
        assert_eq!(convert(&mixed, &Type::list(Type::Any)).unwrap(), Value::strings(["1", "b"]));
        let error = convert(&mixed, &Type::list(Type::Number)).unwrap_err();
        assert_eq!(error.to_string(), "[1]: a number is required");
    }

    #[test]
    fn objects_fill_optional_and_drop_surplus() {
        let ty = Type::Object(BTreeMap::from([
            ("a".to_owned(), Attribute::required(Type::String)),
            ("b".to_owned(), Attribute { ty: Type::Number, optional: true, default: Some(7.into()) }),
        ]));
        let value = Value::object(BTreeMap::from([("a".to_owned(), 1.into()), ("z".to_owned(), 1.into())]));
        let expected = BTreeMap::from([("a".to_owned(), "1".into()), ("b".to_owned(), 7.into())]);
        assert_eq!(convert(&value, &ty).unwrap(), Value::object(expected));
        let error = convert(&Value::object(BTreeMap::new()), &ty).unwrap_err();
        assert_eq!(error.to_string(), "attribute \"a\" is required");
    }

    #[test]
    fn sensitive_survives_conversion() {
        assert!(convert(&Value::from(1).marked(true), &Type::String).unwrap().sensitive);
    }
}
