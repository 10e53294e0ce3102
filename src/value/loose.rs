//! Conversion as the old JSON format has it: texts stand for numbers, bools and lists, one thing for a list of one.

use std::collections::BTreeMap;

use super::convert::{ConvertError, convert};
use super::{Kind, Number, Type, Value};

/// The value as `ty`, taking what the peer's decoder of untyped values takes.
pub(crate) fn loosely(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    let sensitive = value.sensitive;
    let loose = match (&value.kind, ty) {
        (Kind::Bool(flag), Type::String) => Value::from(if *flag { "1" } else { "0" }),
        (Kind::Bool(flag), Type::Number) => i64::from(*flag).into(),
        (Kind::String(text), Type::Number) => number(text)?,
        (Kind::Number(number), Type::Bool) => (!number.is_zero()).into(),
        (Kind::String(text), Type::Bool) => flag(text)?,
        (Kind::String(text), Type::List(element) | Type::Set(element)) => {
            let items: Vec<Value> = match text.is_empty() {
                true => Vec::new(),
                false => text.split(',').map(Value::from).collect(),
            };
            list(&items, element, ty)?
        }
        (Kind::List(_, items) | Kind::Set(_, items) | Kind::Tuple(items), Type::List(element) | Type::Set(element)) => {
            list(items, element, ty)?
        }
        (Kind::Object(attributes), Type::List(_) | Type::Set(_)) if attributes.is_empty() => {
            convert(&Value::tuple(Vec::new()), ty)?
        }
        (
            Kind::Bool(_) | Kind::Number(_) | Kind::Object(_) | Kind::Map(..),
            Type::List(element) | Type::Set(element),
        ) => list(std::slice::from_ref(value), element, ty)?,
        (Kind::Object(entries) | Kind::Map(_, entries), Type::Map(element)) => map(entries, element)?,
        // Maps in a list are taken together, later ones over earlier ones.
        (Kind::List(_, items) | Kind::Tuple(items), Type::Map(element)) => {
            let mut entries = BTreeMap::new();
            for item in items.iter() {
                match &item.kind {
                    Kind::Object(more) | Kind::Map(_, more) => {
                        entries.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())))
                    }
                    _ => return convert(value, ty),
                }
            }
            map(&entries, element)?
        }
        _ => convert(value, ty)?,
    };
    Ok(loose.marked(sensitive))
}

fn list(items: &[Value], element: &Type, ty: &Type) -> Result<Value, ConvertError> {
    let items = items.iter().map(|item| part(item, element)).collect::<Result<Vec<_>, _>>()?;
    convert(&Value::tuple(items), ty)
}

/// A part of a list or map, where null is the empty value of its type.
fn part(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    match (&value.kind, ty) {
        (Kind::Null(_), Type::String) => Ok("".into()),
        (Kind::Null(_), Type::Number) => Ok(0.into()),
        (Kind::Null(_), Type::Bool) => Ok(false.into()),
        _ => loosely(value, ty),
    }
}

fn map(entries: &BTreeMap<String, Value>, element: &Type) -> Result<Value, ConvertError> {
    let entries = entries.iter().map(|(key, value)| Ok((key.clone(), part(value, element)?)));
    Ok(Value::map(element.clone(), entries.collect::<Result<_, ConvertError>>()?))
}

/// Decimal, or with a sign for its base as Go reads it.
fn number(text: &str) -> Result<Value, ConvertError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let prefixed = |prefix: [&str; 2], base| {
        let digits = digits.strip_prefix(prefix[0]).or_else(|| digits.strip_prefix(prefix[1]))?;
        let value = i64::from_str_radix(digits, base).ok()?;
        Some(Value::from(if text.starts_with('-') { -value } else { value }))
    };
    let based = prefixed(["0x", "0X"], 16).or_else(|| prefixed(["0b", "0B"], 2)).or_else(|| prefixed(["0o", "0O"], 8));
    let found = match text {
        "" => Some(Value::from(0)),
        _ => based.or_else(|| Number::parse(text).map(Value::from)),
    };
    found.map_or_else(|| convert(&Value::from(text), &Type::Number), Ok)
}

/// What Go's `strconv.ParseBool` reads; nothing is false.
fn flag(text: &str) -> Result<Value, ConvertError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true.into()),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false.into()),
        _ => convert(&Value::from(text), &Type::Bool),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stand_for_other_types() {
        let texts = |items: &[&str]| Value::strings(items.iter().copied());
        let list = Type::list(Type::String);
        for (value, ty, expected) in [
            ("22".into(), Type::Number, Value::from(22)),
            ("0x1F".into(), Type::Number, 31.into()),
            ("".into(), Type::Number, 0.into()),
            (true.into(), Type::Number, 1.into()),
            ("True".into(), Type::Bool, true.into()),
            ("".into(), Type::Bool, false.into()),
            (2.into(), Type::Bool, true.into()),
            (22.into(), Type::String, "22".into()),
            (true.into(), Type::String, "1".into()),
            ("a,b".into(), list.clone(), texts(&["a", "b"])),
            ("".into(), list.clone(), texts(&[])),
            (Value::tuple(vec![1.into(), true.into()]), list.clone(), texts(&["1", "1"])),
            (5.into(), list, texts(&["5"])),
            ("1,2".into(), Type::list(Type::Number), Value::list(Type::Number, vec![1.into(), 2.into()])),
        ] {
            assert_eq!(loosely(&value, &ty), Ok(expected), "{value:?}");
        }
        let one = |key: &str| Value::object(BTreeMap::from([(key.to_owned(), 1.into())]));
        let merged = loosely(&Value::tuple(vec![one("a"), one("b")]), &Type::map(Type::String));
        assert_eq!(merged.expect("a map").children().count(), 2);
        for (value, ty) in [("yes", Type::Bool), ("a", Type::Number), ("a", Type::map(Type::String))] {
            assert!(loosely(&value.into(), &ty).is_err(), "{value}");
        }
    }
}
