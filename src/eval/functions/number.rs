//! Numeric functions.

use bigdecimal::num_bigint::BigInt;

use super::{Args, FLAGS, Function, FunctionError, ITEMS, NUMBER, Result, TEXT, fixed, variadic};
use crate::value::{Kind, Number, Type, Value, convert};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("abs", &[NUMBER], |a| Ok(a.number(0)?.abs().into())),
    fixed("ceil", &[NUMBER], |a| Ok(a.number(0)?.ceil().into())),
    fixed("floor", &[NUMBER], |a| Ok(a.number(0)?.floor().into())),
    fixed("signum", &[NUMBER], signum),
    fixed("log", &[NUMBER, NUMBER], log),
    fixed("pow", &[NUMBER, NUMBER], pow),
    fixed("parseint", &[TEXT, NUMBER], parseint),
    fixed("sum", &[ITEMS], sum),
    fixed("alltrue", &[FLAGS], |a| Ok(a.items(0)?.iter().all(is_true).into())),
    fixed("anytrue", &[FLAGS], |a| Ok(a.items(0)?.iter().any(is_true).into())),
    variadic("max", &[NUMBER], NUMBER, |a| best(a, |new, best| new > best)),
    variadic("min", &[NUMBER], NUMBER, |a| best(a, |new, best| new < best)),
];

/// Null counts as false.
fn is_true(value: &Value) -> bool {
    value.kind == Kind::Bool(true)
}

fn signum(a: &Args<'_>) -> Result<Value> {
    let number = a.number(0)?;
    Ok(match number {
        n if n.is_zero() => 0,
        n if n.is_negative() => -1,
        _ => 1,
    }
    .into())
}

fn best(a: &Args<'_>, better: fn(&Number, &Number) -> bool) -> Result<Value> {
    let mut best = a.number(0)?;
    for number in 1..a.len() {
        let new = a.number(number)?;
        if better(new, best) {
            best = new;
        }
    }
    Ok(best.clone().into())
}

fn from_float(value: f64) -> Result<Value> {
    Number::from_f64(value).map(Value::from).ok_or_else(|| "the result is not a finite number".into())
}

fn log(a: &Args<'_>) -> Result<Value> {
    let (number, base) = (a.number(0)?.to_f64(), a.number(1)?.to_f64());
    // Quotients of natural logarithms, as in the peer: log(1000, 10) is 2.9999999999999996.
    from_float(number.ln() / base.ln())
}

fn pow(a: &Args<'_>) -> Result<Value> {
    from_float(a.number(0)?.to_f64().powf(a.number(1)?.to_f64()))
}

/// Digits are `0-9a-zA-Z`; up to base 36 the case does not matter.
fn parseint(a: &Args<'_>) -> Result<Value> {
    let (text, base) = (a.text(0)?, a.integer(1)?);
    let base = u32::try_from(base).ok().filter(|base| (2..=62).contains(base));
    let base = base.ok_or_else(|| FunctionError::at(1, "a base from 2 to 62 is required"))?;
    let wrong = || FunctionError::at(0, format!("{text:?} is no whole number in base {base}"));
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || digits.len() > 4096 {
        return Err(wrong());
    }
    let mut result = BigInt::from(0);
    for digit in digits.chars() {
        let value = match digit {
            '0'..='9' => digit as u32 - '0' as u32,
            'a'..='z' => digit as u32 - 'a' as u32 + 10,
            'A'..='Z' if base <= 36 => digit as u32 - 'A' as u32 + 10,
            'A'..='Z' => digit as u32 - 'A' as u32 + 36,
            _ => return Err(wrong()),
        };
        if value >= base {
            return Err(wrong());
        }
        result = result * base + value;
    }
    let number = Number::from(if negative { -result } else { result });
    Ok(number.into())
}

fn sum(a: &Args<'_>) -> Result<Value> {
    let items = a.items(0)?;
    if items.is_empty() {
        return Err(FunctionError::at(0, "cannot sum an empty list"));
    }
    let mut total = Number::from(0);
    for item in items {
        let number = convert(item, &Type::Number).ok();
        let Some(Kind::Number(number)) = number.map(|value| value.kind) else {
            return Err(FunctionError::at(0, "every element must be a number"));
        };
        total = total.add(&number).ok_or("the result is out of bounds")?;
    }
    Ok(total.into())
}
