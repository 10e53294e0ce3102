//! `format` and `formatlist`: verbs as in C and Go, with the peer's rules for what each takes.

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, Signed as _, Zero as _};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{Args, Function, FunctionError, Parameter, Result, TEXT, Takes, bounded, items, json, variadic};
use crate::value::{Kind, Number, Type, Value, convert};

/// Width and precision are bounded: the text they make is memory.
const WIDEST: usize = 4096;
/// From this exponent on, `%v` and `%g` write a number without precision as `1e+06`.
const SHORTEST_EXPONENT: i64 = 6;
/// Bits of the peer's numbers.
const MANTISSA: u64 = 512;

const ARGUMENT: Parameter = Parameter { takes: Takes::Anything, null: true, parts: false };

pub(super) const FUNCTIONS: &[Function] = &[
    variadic("format", &[TEXT], ARGUMENT, |a| Ok(format(a.text(0)?, a.values.get(1..).unwrap_or_default())?.into())),
    variadic("formatlist", &[TEXT], ARGUMENT, formatlist),
];

/// One `%` of a format: its text as written, for messages, and what it asks for.
struct Verb<'f> {
    raw: &'f str,
    offset: usize,
    mode: char,
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    /// `%[2]s`, from one on.
    index: Option<usize>,
}

impl<'f> Verb<'f> {
    /// Reads the verb that begins at `offset` of `format` with a `%`.
    fn read(format: &'f str, offset: usize) -> Result<Self> {
        let mut verb = Self {
            raw: "",
            offset,
            mode: ' ',
            plus: false,
            minus: false,
            sharp: false,
            space: false,
            zero: false,
            width: 0,
            precision: None,
            index: None,
        };
        let bytes = format.as_bytes();
        let mut at = offset + 1;
        loop {
            match bytes.get(at) {
                Some(b'+') => verb.plus = true,
                Some(b'-') => verb.minus = true,
                Some(b'#') => verb.sharp = true,
                Some(b' ') => verb.space = true,
                Some(b'0') => verb.zero = true,
                _ => break,
            }
            at += 1;
        }
        verb.width = count(format, &mut at)?.unwrap_or(0);
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            verb.precision = Some(count(format, &mut at)?.unwrap_or(0));
        }
        if bytes.get(at) == Some(&b'[') {
            at += 1;
            let index = count(format, &mut at)?.filter(|index| *index > 0 && bytes.get(at) == Some(&b']'));
            verb.index = Some(index.ok_or_else(|| unreadable(offset))?);
            at += 1;
        }
        verb.mode = format.get(at..).and_then(|rest| rest.chars().next()).ok_or_else(|| unreadable(offset))?;
        verb.raw = format.get(offset..at + verb.mode.len_utf8()).unwrap_or_default();
        if !"vtbdoxXeEfgGsq".contains(verb.mode) {
            let text =
                format!("the format has no verb {:?} (in {:?} at {offset}); write %% for a %", verb.mode, verb.raw);
            return Err(FunctionError::at(0, text));
        }
        Ok(verb)
    }

    fn wrong(&self, why: &str) -> FunctionError {
        format!("unsupported value for {:?} at {}: {why}", self.raw, self.offset).into()
    }

    /// Fills up to the width, which counts characters as people see them.
    fn pad(&self, text: String) -> String {
        let missing = self.width.saturating_sub(text.graphemes(true).count());
        match (missing, self.minus) {
            (0, _) => text,
            (_, true) => text + &self.filler().repeat(missing),
            (_, false) => self.filler().repeat(missing) + &text,
        }
    }

    fn filler(&self) -> &'static str {
        if self.zero { "0" } else { " " }
    }

    /// Fills a number: zeros stand behind its sign.
    fn pad_number(&self, negative: bool, prefix: &str, digits: &str, zeros: bool) -> String {
        let sign = match (negative, self.plus, self.space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        let missing = self.width.saturating_sub(sign.len() + prefix.len() + digits.len());
        match (zeros, self.minus) {
            (true, _) => format!("{sign}{prefix}{}{digits}", "0".repeat(missing)),
            (_, true) => format!("{sign}{prefix}{digits}{}", " ".repeat(missing)),
            (_, false) => format!("{}{sign}{prefix}{digits}", " ".repeat(missing)),
        }
    }

    fn write(&self, value: &Value) -> Result<String> {
        match self.mode {
            'v' => return Ok(self.any(value)),
            _ if value.is_null() => return Err(self.wrong("null value cannot be formatted")),
            't' => {
                let flag = convert(value, &Type::Bool).map_err(|_| self.wrong("a bool is required"))?;
                // The peer gives this verb no width.
                return Ok((flag.kind == Kind::Bool(true)).to_string());
            }
            's' | 'q' => {
                let text = convert(value, &Type::String).map_err(|_| self.wrong("a string is required"))?;
                // A precision of zero is none.
                let text = match self.precision.filter(|length| *length > 0) {
                    Some(length) => text.as_str().unwrap_or_default().graphemes(true).take(length).collect(),
                    None => text.as_str().unwrap_or_default().to_owned(),
                };
                return Ok(self.pad(if self.mode == 'q' { json::encode(&text.into()) } else { text }));
            }
            _ => {}
        }
        let number = match convert(value, &Type::Number).map(|value| value.kind) {
            Ok(Kind::Number(number)) => number,
            _ => return Err(self.wrong("a number is required")),
        };
        match self.mode {
            'e' | 'E' | 'f' | 'g' | 'G' => Ok(self.float(&number)),
            _ => Ok(self.integer(&number.to_bigint().ok_or_else(|| self.wrong("an integer is required"))?)),
        }
    }

    /// Texts and numbers plainly, all else, and everything with `#`, as JSON.
    fn any(&self, value: &Value) -> String {
        self.pad(match &value.kind {
            Kind::String(text) if !self.sharp => text.to_string(),
            Kind::Number(number) if !self.sharp => {
                let sign = if number.is_negative() { "-" } else { "" };
                sign.to_owned() + &general(&number.decimal().abs(), None)
            }
            _ => json::encode(value),
        })
    }

    fn integer(&self, number: &BigInt) -> String {
        let (radix, prefix) = match self.mode {
            'b' => (2, "0b"),
            'o' => (8, "0"),
            'x' => (16, "0x"),
            'X' => (16, "0X"),
            _ => (10, ""),
        };
        let mut digits = number.abs().to_str_radix(radix);
        if self.mode == 'X' {
            digits.make_ascii_uppercase();
        }
        let least = self.precision.unwrap_or(1);
        // As in Go: not even the width is filled.
        if least == 0 && number.is_zero() {
            return String::new();
        }
        digits = "0".repeat(least.saturating_sub(digits.len())) + &digits;
        let zeros = self.zero && !self.minus && self.precision.is_none();
        self.pad_number(number.is_negative(), if self.sharp { prefix } else { "" }, &digits, zeros)
    }

    fn float(&self, number: &Number) -> String {
        let magnitude = number.decimal().abs();
        let digits = match (self.mode, self.precision) {
            ('f', precision) => fixed(&binary(&magnitude), precision.unwrap_or(6)),
            ('e' | 'E', precision) => scientific(&binary(&magnitude), precision.unwrap_or(6)),
            (_, None) => general(&magnitude, None),
            (_, precision) => general(&binary(&magnitude), precision),
        };
        let digits = if matches!(self.mode, 'E' | 'G') { digits.to_uppercase() } else { digits };
        self.pad_number(number.is_negative(), "", &digits, self.zero)
    }
}

/// A decimal number at `at`, if there is one.
fn count(format: &str, at: &mut usize) -> Result<Option<usize>> {
    let rest = format.get(*at..).unwrap_or_default();
    let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    *at += length;
    match &rest[..length] {
        "" => Ok(None),
        digits => match digits.parse() {
            Ok(count) if count <= WIDEST => Ok(Some(count)),
            _ => Err(FunctionError::at(0, format!("widths, precisions and indexes end at {WIDEST}"))),
        },
    }
}

fn unreadable(offset: usize) -> FunctionError {
    FunctionError::at(0, format!("the verb at offset {offset} of the format cannot be read; write %% for a %"))
}

/// The number as the peer holds it, in [`MANTISSA`] bits: which way 2.675 is rounded depends on it.
fn binary(number: &BigDecimal) -> BigDecimal {
    let (digits, scale) = number.normalized().into_bigint_and_exponent();
    let Some(scale) = u32::try_from(scale).ok().filter(|scale| *scale > 0) else { return number.clone() };
    let divisor = BigInt::from(10).pow(scale);
    // Enough bits for the mantissa, and one or two more that do not matter.
    let shift = MANTISSA + 1 + divisor.bits().saturating_sub(digits.bits());
    let quotient = (digits << shift) / divisor;
    let surplus = quotient.bits().saturating_sub(MANTISSA);
    let half = BigInt::from(1) << (surplus - 1);
    let mantissa = (quotient + half) >> surplus;
    // m / 2^n is m * 5^n / 10^n.
    let power = shift.checked_sub(surplus).and_then(|power| u32::try_from(power).ok());
    // Without a power the mantissa ends before the point; the exact digits do as well then.
    let Some(power) = power else { return number.clone() };
    BigDecimal::new(mantissa * BigInt::from(5).pow(power), i64::from(power))
}

fn fixed(number: &BigDecimal, decimals: usize) -> String {
    number.with_scale_round(i64::try_from(decimals).unwrap_or(i64::MAX), RoundingMode::HalfEven).to_plain_string()
}

/// Significant digits and the exponent of the first one, rounded to at most `most` digits.
fn significant(number: &BigDecimal, most: Option<usize>) -> (String, i64) {
    let rounded = match most.and_then(|most| std::num::NonZeroU64::new(most as u64)) {
        Some(most) => number.with_precision_round(most, RoundingMode::HalfEven),
        None => number.clone(),
    };
    let (digits, scale) = rounded.normalized().into_bigint_and_exponent();
    let digits = digits.to_string();
    let exponent = if number.is_zero() { 0 } else { digits.len() as i64 - 1 - scale };
    (digits, exponent)
}

fn scientific(number: &BigDecimal, decimals: usize) -> String {
    let (mut digits, exponent) = significant(number, Some(decimals + 1));
    digits.push_str(&"0".repeat((decimals + 1).saturating_sub(digits.len())));
    with_exponent(&digits, exponent)
}

/// `d.ddde+XX`
fn with_exponent(digits: &str, exponent: i64) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.abs())
}

fn general(number: &BigDecimal, precision: Option<usize>) -> String {
    let most = precision.map(|digits| digits.max(1));
    let (digits, exponent) = significant(number, most);
    let limit = most.map_or(SHORTEST_EXPONENT, |most| most as i64);
    if exponent < -4 || exponent >= limit {
        return with_exponent(&digits, exponent);
    }
    let decimals = (digits.len() as i64 - 1 - exponent).max(0);
    fixed(number, usize::try_from(decimals).unwrap_or(0))
}

/// The format with its verbs replaced. Verbs take the arguments in order; one with an index goes on from there.
fn format(format: &str, arguments: &[Value]) -> Result<String> {
    let mut out = String::new();
    let (mut next, mut used, mut at) = (0, 0, 0);
    while let Some(found) = format[at..].find('%') {
        let offset = at + found;
        out.push_str(&format[at..offset]);
        if format[offset + 1..].starts_with('%') {
            out.push('%');
            at = offset + 2;
            continue;
        }
        let verb = Verb::read(format, offset)?;
        let number = verb.index.map_or(next, |index| index - 1);
        let argument = arguments.get(number).ok_or_else(|| {
            let (raw, total) = (verb.raw, arguments.len());
            format!("not enough arguments for {raw:?} at {offset}: need index {} but have {total} total", number + 1)
        })?;
        out.push_str(&verb.write(argument)?);
        next = number + 1;
        used = used.max(next);
        at = offset + verb.raw.len();
    }
    out.push_str(&format[at..]);
    match (arguments.get(used).is_some(), used) {
        (false, _) => Ok(out),
        (true, 0) => Err(FunctionError::at(1, "too many arguments; no verbs in format string")),
        (true, used) => {
            Err(FunctionError::at(used + 1, format!("too many arguments; only {used} used by format string")))
        }
    }
}

/// The format once for each element of the lists among the arguments; other arguments are the same each time.
fn formatlist(a: &Args<'_>) -> Result<Value> {
    let arguments = a.values.get(1..).unwrap_or_default();
    let mut length: Option<(usize, usize)> = None;
    for (number, argument) in arguments.iter().enumerate() {
        let Some(list) = items(argument) else { continue };
        match length {
            Some((first, length)) if list.len() != length => {
                let text = format!(
                    "argument {} has length {}, which is inconsistent with argument {} of length {length}",
                    number + 1,
                    list.len(),
                    first + 1,
                );
                return Err(FunctionError::at(number + 1, text));
            }
            Some(_) => {}
            None => length = Some((number, list.len())),
        }
    }
    let rounds = bounded(Some(length.map_or(1, |(_, length)| length)))?;
    let mut texts = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let row: Vec<Value> =
            arguments.iter().map(|a| items(a).and_then(|l| l.get(round)).unwrap_or(a).clone()).collect();
        let text = format(a.text(0)?, &row).map_err(|error| FunctionError {
            message: format!("error on format iteration {round}: {}", error.message),
            ..error
        })?;
        texts.push(Value::from(text));
    }
    Ok(Value::list(Type::String, texts))
}
