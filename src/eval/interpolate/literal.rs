//! Literals of an action: quoted and raw strings, characters, numbers, in Go's notation.

use super::Fault;
use super::data::Value;

/// The text of a token with its double quotes.
pub(super) fn quoted(token: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = inner(token);
    while !rest.is_empty() {
        match unescape(&mut rest, '"')? {
            Unit::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Unit::Byte(byte) => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| Fault::new(format!("the string {token} is not UTF-8")))
}

/// The text of a token with its backquotes: as it is, but for carriage returns, which Go drops.
pub(super) fn raw(token: &str) -> String {
    inner(token).replace('\r', "")
}

/// The number of a character with its single quotes.
pub(super) fn character(token: &str) -> Result<i64, Fault> {
    let error = || Fault::new(format!("{token} is not one character"));
    let mut rest = inner(token);
    if rest.is_empty() {
        return Err(error());
    }
    let unit = unescape(&mut rest, '\'')?;
    if !rest.is_empty() {
        return Err(error());
    }
    Ok(match unit {
        Unit::Char(c) => i64::from(u32::from(c)),
        Unit::Byte(byte) => i64::from(byte),
    })
}

pub(super) fn number(token: &str) -> Result<Value<'static>, Fault> {
    let error = || Fault::new(format!("\"{token}\" is not a number"));
    let (negative, digits) = match token.as_bytes().first() {
        Some(b'-') => (true, &token[1..]),
        Some(b'+') => (false, &token[1..]),
        _ => (false, token),
    };
    if digits.ends_with('i') && digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Fault::new(format!("the complex number {token} is not supported")));
    }
    let base = match digits.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 10,
    };
    let body = if base == 10 { digits } else { &digits[2..] };
    if body.ends_with('_') || body.contains("__") || (base == 10 && body.starts_with('_')) {
        return Err(error());
    }
    let body = body.replace('_', "");
    if base == 10 && body.contains(['.', 'e', 'E']) {
        if body.contains(|c: char| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-')) {
            return Err(error());
        }
        let value: f64 = body.parse().map_err(|_| error())?;
        if !value.is_finite() {
            return Err(Fault::new(format!("the number {token} is too large")));
        }
        return Ok(Value::Float(if negative { -value } else { value }));
    }
    // A leading zero alone means octal, as in Go.
    let base = if base == 10 && body.len() > 1 && body.starts_with('0') { 8 } else { base };
    if body.is_empty() || !body.chars().all(|c| c.is_digit(base)) {
        return Err(error());
    }
    let magnitude = i128::from_str_radix(&body, base).unwrap_or(i128::MAX);
    let value = if negative { -magnitude } else { magnitude };
    i64::try_from(value).map(Value::Number).map_err(|_| Fault::new(format!("the number {token} is too large")))
}

/// Without the quotes, which the lexer made sure of.
fn inner(token: &str) -> &str {
    token.get(1..token.len().saturating_sub(1)).unwrap_or_default()
}

enum Unit {
    Char(char),
    /// From `\x` and octal escapes, which name bytes, not characters.
    Byte(u8),
}

/// Takes one character or escape off `rest`, which is not empty.
fn unescape(rest: &mut &str, quote: char) -> Result<Unit, Fault> {
    let mut chars = rest.chars();
    let first = chars.next().unwrap_or_default();
    if first != '\\' {
        *rest = chars.as_str();
        return Ok(Unit::Char(first));
    }
    let escape = chars.next().unwrap_or_default();
    let after = chars.as_str();
    let simple = |c: char| Ok((Unit::Char(c), after));
    let (unit, after) = match escape {
        'a' => simple('\x07'),
        'b' => simple('\x08'),
        'f' => simple('\x0c'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\x0b'),
        '\\' => simple('\\'),
        c if c == quote => simple(c),
        'x' => digits(after, 2, 16, escape),
        'u' => digits(after, 4, 16, escape),
        'U' => digits(after, 8, 16, escape),
        '0'..='7' => digits(&rest[1..], 3, 8, escape),
        _ => Err(unknown_escape(escape)),
    }?;
    *rest = after;
    Ok(unit)
}

fn digits(text: &str, count: usize, base: u32, escape: char) -> Result<(Unit, &str), Fault> {
    let code = text.get(..count).filter(|digits| digits.chars().all(|c| c.is_digit(base)));
    let code = code.and_then(|digits| u32::from_str_radix(digits, base).ok());
    let unit = match (code, escape) {
        (Some(code), 'u' | 'U') => char::from_u32(code).map(Unit::Char),
        (Some(code), _) => u8::try_from(code).ok().map(Unit::Byte),
        (None, _) => None,
    };
    unit.map(|unit| (unit, &text[count..])).ok_or_else(|| unknown_escape(escape))
}

fn unknown_escape(escape: char) -> Fault {
    Fault::new(format!("\"\\{}\" is not an escape of Go's strings", escape.escape_default()))
}
