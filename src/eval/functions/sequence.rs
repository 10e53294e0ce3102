//! Functions that take lists apart and put them together.

use super::{
    ANY, Args, Function, FunctionError, ITEMS, NUMBER, Parameter, Result, SEQUENCE, TEXTS, Takes, bounded, fixed,
    items, variadic,
};
use crate::value::{Kind, Number, Type, Value, convert, unify};

/// Most elements that `range` makes, as in the peer.
const LONGEST_RANGE: usize = 1024;

/// Texts of which some may be null: `compact` drops them.
const SPARSE: Parameter = Parameter { takes: Takes::Texts, null: false, parts: false };

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("chunklist", &[SEQUENCE, NUMBER], chunklist),
    fixed("compact", &[SPARSE], compact),
    variadic("concat", &[SEQUENCE], SEQUENCE, concat),
    fixed("distinct", &[ITEMS], distinct),
    fixed("element", &[SEQUENCE, NUMBER], element),
    fixed("flatten", &[SEQUENCE], flatten),
    fixed("length", &[ANY], length),
    Function { name: "range", needs: &[NUMBER], may: &[NUMBER, NUMBER], rest: None, run: range },
    fixed("reverse", &[SEQUENCE], reverse),
    fixed("slice", &[SEQUENCE, NUMBER, NUMBER], slice),
    fixed("sort", &[TEXTS], sort),
];

/// The argument as a list: its elements have one type.
pub(super) fn listed(a: &Args<'_>, number: usize) -> Result<(Type, Vec<Value>)> {
    let list = convert(a.value(number)?, &Type::list(Type::Any));
    match list.map_err(|error| FunctionError::at(number, error.to_string()))?.kind {
        Kind::List(element, items) => Ok((element, items.to_vec())),
        _ => Err(FunctionError::at(number, "a list is required")),
    }
}

/// Elements as a tuple if they came from one, else as a list of the same type.
fn like(source: &Value, elements: Vec<Value>) -> Value {
    match &source.kind {
        Kind::List(element, _) | Kind::Set(element, _) => Value::list(element.clone(), elements),
        _ => Value::tuple(elements),
    }
}

fn chunklist(a: &Args<'_>) -> Result<Value> {
    let (element, items) = listed(a, 0)?;
    let size = a.size(1)?;
    let chunk = Type::list(element.clone());
    if items.is_empty() {
        return Ok(Value::list(chunk, Vec::new()));
    }
    // Size 0 means one chunk with everything.
    let size = if size == 0 { items.len() } else { size };
    Ok(Value::list(chunk, items.chunks(size).map(|part| Value::list(element.clone(), part.to_vec())).collect()))
}

fn compact(a: &Args<'_>) -> Result<Value> {
    let kept = a.items(0)?.iter().filter(|item| item.as_str().is_some_and(|text| !text.is_empty()));
    Ok(Value::list(Type::String, kept.cloned().collect()))
}

/// Lists of one type make a list, anything else a tuple.
fn concat(a: &Args<'_>) -> Result<Value> {
    let mut all = Vec::new();
    let mut lists = true;
    for (number, value) in a.values.iter().enumerate() {
        if matches!(value.kind, Kind::Set(..)) {
            return Err(FunctionError::at(number, "a list or tuple is required"));
        }
        lists &= matches!(value.kind, Kind::List(..));
        let marked = value.sensitive;
        all.extend(a.items(number)?.iter().map(|item| item.clone().marked(marked)));
        bounded(Some(all.len()))?;
    }
    let types: Vec<Type> = a.values.iter().map(Value::ty).collect();
    Ok(match unify(&types).filter(|_| lists) {
        Some(Type::List(element)) => {
            let items = all.iter().map(|item| convert(item, &element)).collect::<std::result::Result<_, _>>();
            Value::list(*element, items.map_err(|error| error.to_string())?)
        }
        _ => Value::tuple(all),
    })
}

fn distinct(a: &Args<'_>) -> Result<Value> {
    let (element, items) = listed(a, 0)?;
    let mut seen = std::collections::HashSet::new();
    let kept = items.into_iter().filter(|item| seen.insert(format!("{:?}", item.kind)));
    Ok(Value::list(element, kept.collect()))
}

/// Counts around: an index beyond the end starts again, a negative one counts from the end.
fn element(a: &Args<'_>) -> Result<Value> {
    let (items, index) = (a.items(0)?, a.integer(1)?);
    if matches!(a.value(0)?.kind, Kind::Set(..)) {
        return Err(FunctionError::at(0, "a list or tuple is required"));
    }
    let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
    if count == 0 {
        return Err(FunctionError::at(0, "there is no element in an empty list"));
    }
    let index = usize::try_from(index.rem_euclid(count)).unwrap_or_default();
    items.get(index).cloned().ok_or_else(|| FunctionError::at(1, "there is no such element"))
}

fn flatten(a: &Args<'_>) -> Result<Value> {
    fn spread(value: &Value, into: &mut Vec<Value>) -> bool {
        match &value.kind {
            // What it is made of, and how many, is not known.
            Kind::Unknown(Type::Any | Type::List(_) | Type::Set(_) | Type::Tuple(_)) => false,
            Kind::List(_, parts) | Kind::Set(_, parts) | Kind::Tuple(parts) => {
                parts.iter().all(|part| spread(&part.clone().marked(value.sensitive), into))
            }
            _ => {
                into.push(value.clone());
                true
            }
        }
    }
    let mut flat = Vec::new();
    Ok(if spread(a.value(0)?, &mut flat) { Value::tuple(flat) } else { Value::unknown(Type::Any) })
}

/// Texts are counted in characters as people see them.
fn length(a: &Args<'_>) -> Result<Value> {
    use unicode_segmentation::UnicodeSegmentation as _;
    let value = a.value(0)?;
    let count = match &value.kind {
        Kind::String(text) => text.graphemes(true).count(),
        Kind::Map(_, entries) | Kind::Object(entries) => entries.len(),
        _ => items(value).ok_or_else(|| FunctionError::at(0, "a string or collection is required"))?.len(),
    };
    Ok(i64::try_from(count).unwrap_or(i64::MAX).into())
}

fn range(a: &Args<'_>) -> Result<Value> {
    let zero = Number::from(0);
    let (start, limit) = if a.len() == 1 { (&zero, a.number(0)?) } else { (a.number(0)?, a.number(1)?) };
    let down = limit < start;
    let step = if a.len() == 3 { a.number(2)?.clone() } else { Number::from(if down { -1 } else { 1 }) };
    if step.is_zero() {
        return Err(FunctionError::at(2, "the step must not be zero"));
    }
    if start != limit && step.is_negative() != down {
        let wanted = if down { "negative" } else { "positive" };
        return Err(FunctionError::at(2, format!("the step must be {wanted} to get from {start} to {limit}")));
    }
    let mut numbers = Vec::new();
    let mut next = start.clone();
    while if down { next > *limit } else { next < *limit } {
        if numbers.len() == LONGEST_RANGE {
            return Err(format!("more than {LONGEST_RANGE} values are too many; use a larger step").into());
        }
        numbers.push(Value::from(next.clone()));
        next = next.add(&step).ok_or("the result is out of bounds")?;
    }
    Ok(Value::list(Type::Number, numbers))
}

fn reverse(a: &Args<'_>) -> Result<Value> {
    Ok(like(a.value(0)?, a.items(0)?.iter().rev().cloned().collect()))
}

fn slice(a: &Args<'_>) -> Result<Value> {
    let (items, start, end) = (a.items(0)?, a.size(1)?, a.size(2)?);
    if matches!(a.value(0)?.kind, Kind::Set(..)) {
        return Err(FunctionError::at(0, "a list or tuple is required"));
    }
    if end > items.len() {
        return Err(FunctionError::at(2, format!("the end must not be beyond the {} elements", items.len())));
    }
    let part = items.get(start..end).ok_or_else(|| FunctionError::at(1, "the start must not be behind the end"))?;
    Ok(like(a.value(0)?, part.to_vec()))
}

fn sort(a: &Args<'_>) -> Result<Value> {
    let mut items = a.items(0)?.to_vec();
    if items.iter().any(Value::is_null) {
        return Err(FunctionError::at(0, "null cannot be sorted"));
    }
    items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    Ok(Value::list(Type::String, items))
}
