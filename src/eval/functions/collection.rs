//! Functions of maps, objects and sets, and those that look for a value.

use std::collections::BTreeMap;

use super::sequence::listed;
use super::{Args, Function, FunctionError, ITEMS, KEYED, Parameter, Result, SEQUENCE, TEXT, TEXTS, Takes, VALUE};
use super::{bounded, fixed, items, variadic};
use crate::eval::operators::equal;
use crate::value::{Kind, Type, Value, convert, set, unify};

const KEYED_OR_NULL: Parameter = Parameter { takes: Takes::Keyed, null: true, parts: true };
const DEFAULT: Parameter = Parameter { takes: Takes::Anything, null: true, parts: true };

pub(super) const FUNCTIONS: &[Function] = &[
    variadic("coalesce", &[VALUE], VALUE, coalesce),
    variadic("coalescelist", &[SEQUENCE], SEQUENCE, coalescelist),
    fixed("contains", &[ITEMS, VALUE], contains),
    fixed("index", &[ITEMS, VALUE], index),
    fixed("keys", &[KEYED], keys),
    fixed("values", &[KEYED], values),
    fixed("lookup", &[KEYED, TEXT, DEFAULT], lookup),
    variadic("merge", &[], KEYED_OR_NULL, merge),
    variadic("setintersection", &[ITEMS], ITEMS, setintersection),
    variadic("setunion", &[ITEMS], ITEMS, setunion),
    variadic("setproduct", &[ITEMS, ITEMS], ITEMS, setproduct),
    fixed("zipmap", &[TEXTS, SEQUENCE], zipmap),
];

/// The first that is neither null nor an empty text.
fn coalesce(a: &Args<'_>) -> Result<Value> {
    let types: Vec<Type> = a.values.iter().map(Value::ty).collect();
    let common = unify(&types).ok_or("all arguments must have the same type")?;
    let good = |value: &&Value| !value.is_null() && value.as_str() != Some("");
    let found = a.values.iter().find(good).ok_or("every argument is null or empty")?;
    convert(found, &common).map_err(|error| error.to_string().into())
}

fn coalescelist(a: &Args<'_>) -> Result<Value> {
    let full = |value: &&Value| items(value).is_some_and(|items| !items.is_empty());
    a.values.iter().find(full).cloned().ok_or_else(|| "every list is empty".into())
}

/// An element and a value are the same when the value, as an element, equals it.
fn place(a: &Args<'_>) -> Result<Option<usize>> {
    let (items, wanted) = (a.items(0)?, a.value(1)?);
    Ok(items.iter().position(|item| equal(item, wanted) == Some(true)))
}

fn contains(a: &Args<'_>) -> Result<Value> {
    Ok(place(a)?.is_some().into())
}

fn index(a: &Args<'_>) -> Result<Value> {
    let found = place(a)?.ok_or_else(|| FunctionError::at(1, "the list does not hold this value"))?;
    Ok(i64::try_from(found).unwrap_or(i64::MAX).into())
}

fn keys(a: &Args<'_>) -> Result<Value> {
    let names: Vec<Value> = a.entries(0)?.keys().map(|key| key.as_str().into()).collect();
    Ok(match a.value(0)?.kind {
        Kind::Map(..) => Value::list(Type::String, names),
        _ => Value::tuple(names),
    })
}

fn values(a: &Args<'_>) -> Result<Value> {
    let found: Vec<Value> = a.entries(0)?.values().cloned().collect();
    Ok(match &a.value(0)?.kind {
        Kind::Map(element, _) => Value::list(element.clone(), found),
        _ => Value::tuple(found),
    })
}

fn lookup(a: &Args<'_>) -> Result<Value> {
    let (entries, key, default) = (a.entries(0)?, a.text(1)?, a.value(2)?);
    match (entries.get(key), &a.value(0)?.kind) {
        (Some(found), _) => Ok(found.clone()),
        (None, Kind::Map(element, _)) => {
            convert(default, element).map_err(|error| FunctionError::at(2, error.to_string()))
        }
        (None, _) => Ok(default.clone()),
    }
}

/// Later arguments win; null ones are skipped. Maps of one type make a map, anything else an object.
fn merge(a: &Args<'_>) -> Result<Value> {
    let mut merged: BTreeMap<String, Value> = BTreeMap::new();
    let mut types = Vec::new();
    for (number, value) in a.values.iter().enumerate().filter(|(_, value)| !value.is_null()) {
        types.push(value.ty());
        merged.extend(a.entries(number)?.iter().map(|(k, v)| (k.clone(), v.clone().marked(value.sensitive))));
    }
    let same = types.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
    Ok(match types.into_iter().next() {
        Some(Type::Map(element)) if same => Value::map(*element, merged),
        _ => Value::object(merged),
    })
}

/// All arguments as sets of one element type.
fn sets(a: &Args<'_>) -> Result<(Type, Vec<Vec<Value>>)> {
    let lists = (0..a.len()).map(|number| listed(a, number)).collect::<Result<Vec<_>>>()?;
    // An empty list has no element type of its own.
    let types: Vec<Type> = lists.iter().filter(|(_, items)| !items.is_empty()).map(|(ty, _)| ty.clone()).collect();
    let element = unify(&types).ok_or("all arguments must have the same element type")?;
    let convert_all = |items: Vec<Value>| items.iter().map(|item| convert(item, &element)).collect();
    let converted: std::result::Result<Vec<Vec<Value>>, _> = lists.into_iter().map(|(_, i)| convert_all(i)).collect();
    Ok((element.clone(), converted.map_err(|error| error.to_string())?))
}

fn setunion(a: &Args<'_>) -> Result<Value> {
    let (element, lists) = sets(a)?;
    bounded(Some(lists.iter().map(Vec::len).sum()))?;
    Ok(set(element, lists.into_iter().flatten().collect()))
}

fn setintersection(a: &Args<'_>) -> Result<Value> {
    let (element, lists) = sets(a)?;
    let keys = |items: &Vec<Value>| items.iter().map(|i| format!("{:?}", i.kind)).collect();
    let others: Vec<std::collections::HashSet<String>> = lists.iter().skip(1).map(keys).collect();
    let mut first = lists.into_iter().next().unwrap_or_default();
    first.retain(|item| others.iter().all(|other| other.contains(&format!("{:?}", item.kind))));
    Ok(set(element, first))
}

/// Every combination, the last argument turning fastest: a list of tuples, or a set when one argument is a set.
fn setproduct(a: &Args<'_>) -> Result<Value> {
    let any_set = a.values.iter().any(|value| matches!(value.kind, Kind::Set(..)));
    let lists = (0..a.len()).map(|number| listed(a, number)).collect::<Result<Vec<_>>>()?;
    bounded(lists.iter().try_fold(1usize, |count, (_, items)| count.checked_mul(items.len())))?;
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for (_, items) in &lists {
        let longer = |row: &Vec<Value>| {
            items.iter().map(|item| row.iter().chain([item]).cloned().collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        rows = rows.iter().flat_map(longer).collect();
    }
    let element = Type::Tuple(lists.into_iter().map(|(element, _)| element).collect());
    let rows: Vec<Value> = rows.into_iter().map(Value::tuple).collect();
    Ok(if any_set { set(element, rows) } else { Value::list(element, rows) })
}

fn zipmap(a: &Args<'_>) -> Result<Value> {
    let (names, found) = (a.items(0)?, a.items(1)?);
    if names.len() != found.len() {
        return Err(format!("{} keys do not fit {} values", names.len(), found.len()).into());
    }
    let entry = |(name, value): (&Value, &Value)| match name.as_str() {
        Some(name) => Ok((name.to_owned(), value.clone())),
        None => Err(FunctionError::at(0, "a key must not be null")),
    };
    let entries = names.iter().zip(found).map(entry).collect::<Result<BTreeMap<_, _>>>()?;
    Ok(match &a.value(1)?.kind {
        Kind::List(element, _) => Value::map(element.clone(), entries),
        _ => Value::object(entries),
    })
}
