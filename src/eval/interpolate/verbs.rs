//! How `printf` writes one value by one verb: filled, signed, rounded or quoted as Go does.

use std::fmt::Write;

use super::Fault;
use super::builtins::is_printable;

/// No binary fraction has more decimals than this that are not zero.
const EXACT_DECIMALS: usize = 1100;

/// Flags, width and precision of one `%`.
#[derive(Default, Clone)]
pub(super) struct Directive {
    pub plus: bool,
    pub minus: bool,
    pub sharp: bool,
    pub space: bool,
    pub zero: bool,
    /// `%#v`: as a literal of Go.
    pub literal: bool,
    pub width: usize,
    pub precision: Option<usize>,
}

/// Fills up to the width, which counts characters.
pub(super) fn pad(out: &mut String, directive: &Directive, text: &str) {
    let missing = directive.width.saturating_sub(text.chars().count());
    if directive.minus {
        out.push_str(text);
        out.extend(std::iter::repeat_n(' ', missing));
    } else {
        out.extend(std::iter::repeat_n(if directive.zero { '0' } else { ' ' }, missing));
        out.push_str(text);
    }
}

/// Fills a number, whose sign stands before zeros that fill.
fn pad_number(out: &mut String, directive: &Directive, sign: &str, digits: &str, zeros: bool) {
    let missing = directive.width.saturating_sub(sign.len() + digits.len());
    if zeros && !directive.minus {
        out.push_str(sign);
        out.extend(std::iter::repeat_n('0', missing));
        out.push_str(digits);
    } else {
        pad(out, &Directive { zero: false, ..directive.clone() }, &format!("{sign}{digits}"));
    }
}

fn sign(directive: &Directive, negative: bool) -> &'static str {
    match (negative, directive.plus, directive.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    }
}

pub(super) fn integer(out: &mut String, directive: &Directive, verb: char, number: i64) {
    let magnitude = number.unsigned_abs();
    let digits = match verb {
        'b' => format!("{magnitude:b}"),
        'o' | 'O' => format!("{magnitude:o}"),
        'x' => format!("{magnitude:x}"),
        'X' => format!("{magnitude:X}"),
        _ => magnitude.to_string(),
    };
    let mut sign = sign(directive, number < 0).to_owned();
    let precision = directive.precision.unwrap_or(1);
    if precision == 0 && magnitude == 0 {
        return pad(out, &Directive { zero: false, ..directive.clone() }, "");
    }
    // Zeros that fill the width stand behind the sign and before the prefix does not count.
    let fill = if directive.zero && !directive.minus && directive.precision.is_none() {
        directive.width.saturating_sub(sign.len())
    } else {
        precision
    };
    let zeros = "0".repeat(fill.saturating_sub(digits.len()));
    match verb {
        'b' if directive.sharp => sign.push_str("0b"),
        'o' | 'O' => {
            if verb == 'O' {
                sign.push_str("0o");
            }
            if directive.sharp && !zeros.starts_with('0') && !digits.starts_with('0') {
                sign.push('0');
            }
        }
        'x' if directive.sharp => sign.push_str("0x"),
        'X' if directive.sharp => sign.push_str("0X"),
        _ => {}
    }
    pad_number(out, directive, &sign, &(zeros + &digits), false);
}

pub(super) fn character(out: &mut String, directive: &Directive, verb: char, number: i64) {
    let c = u32::try_from(number).ok().and_then(char::from_u32);
    let shown = c.unwrap_or(char::REPLACEMENT_CHARACTER);
    let text = match verb {
        'c' => shown.to_string(),
        'q' => quote_char(shown, directive.plus),
        _ => {
            let mut text = format!("U+{number:0digits$X}", digits = directive.precision.unwrap_or(4).clamp(4, 64));
            if directive.sharp
                && let Some(c) = c.filter(|c| is_printable(*c))
            {
                let _ = write!(text, " '{c}'");
            }
            text
        }
    };
    let zero = directive.zero && verb != 'U';
    pad(out, &Directive { zero, ..directive.clone() }, &text);
}

pub(super) fn float(out: &mut String, directive: &Directive, verb: char, number: f64) -> Result<(), Fault> {
    if directive.sharp {
        return Err(Fault::new(format!("printf's %#{verb} is not supported for fractions")));
    }
    let magnitude = number.abs();
    let decimals = directive.precision.unwrap_or(6);
    let digits = match verb {
        'e' | 'E' => exponential(magnitude, decimals),
        'f' | 'F' => fixed(magnitude, decimals),
        _ => general(magnitude, directive.precision),
    };
    let digits = if matches!(verb, 'E' | 'G') { digits.to_uppercase() } else { digits };
    pad_number(out, directive, sign(directive, number.is_sign_negative()), &digits, directive.zero);
    Ok(())
}

/// Go's `%v` of a fraction: as many digits as it takes to tell it from its neighbours.
pub(super) fn shortest(number: f64) -> String {
    let sign = if number.is_sign_negative() { "-" } else { "" };
    sign.to_owned() + &general(number.abs(), None)
}

fn fixed(number: f64, decimals: usize) -> String {
    let exact = decimals.min(EXACT_DECIMALS);
    format!("{number:.exact$}") + &"0".repeat(decimals - exact)
}

fn exponential(number: f64, decimals: usize) -> String {
    let exact = decimals.min(EXACT_DECIMALS);
    let text = format!("{number:.exact$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{digits}{}{}", "0".repeat(decimals - exact), go_exponent(exponent))
}

/// Two digits at least, and always a sign.
fn go_exponent(exponent: &str) -> String {
    match exponent.strip_prefix('-') {
        Some(digits) => format!("e-{digits:0>2}"),
        None => format!("e+{exponent:0>2}"),
    }
}

fn general(number: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(digits) => format!("{number:.*e}", digits.clamp(1, EXACT_DECIMALS) - 1),
        None => format!("{number:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    let limit = precision.map_or(6, |digits| i32::try_from(digits.max(1)).unwrap_or(i32::MAX));
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    if power < -4 || power >= limit {
        return mantissa.to_owned() + &go_exponent(exponent);
    }
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let point = usize::try_from(power + 1).unwrap_or(0);
    if power < 0 {
        return format!("0.{}{digits}", "0".repeat(power.unsigned_abs() as usize - 1));
    }
    if digits.len() <= point {
        return format!("{digits}{}", "0".repeat(point - digits.len()));
    }
    format!("{}.{}", &digits[..point], &digits[point..])
}

pub(super) fn truncated(text: &str, precision: Option<usize>) -> &str {
    let end = precision.and_then(|count| text.char_indices().nth(count)).map(|(end, _)| end);
    end.map_or(text, |end| &text[..end])
}

pub(super) fn hex(text: &str, directive: &Directive, upper: bool) -> String {
    let bytes = &text.as_bytes()[..directive.precision.unwrap_or(text.len()).min(text.len())];
    let prefix = if upper { "0X" } else { "0x" };
    let mut out = String::with_capacity(bytes.len() * 2);
    for (i, byte) in bytes.iter().enumerate() {
        if directive.space && i > 0 {
            out.push(' ');
        }
        if directive.sharp && (directive.space || i == 0) {
            out.push_str(prefix);
        }
        let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
    }
    out
}

/// A text as a literal of Go.
pub(super) fn quote(text: &str, ascii: bool) -> String {
    let mut out = String::from("\"");
    text.chars().for_each(|c| escape(&mut out, c, '"', ascii));
    out.push('"');
    out
}

fn quote_char(c: char, ascii: bool) -> String {
    let mut out = String::from("'");
    escape(&mut out, c, '\'', ascii);
    out.push('\'');
    out
}

fn escape(out: &mut String, c: char, quote: char, ascii: bool) {
    let code = u32::from(c);
    match c {
        c if c == quote || c == '\\' => out.extend(['\\', c]),
        c if is_printable(c) && (c.is_ascii() || !ascii) => out.push(c),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        _ if code < 0x20 || code == 0x7f => out.push_str(&format!("\\x{code:02x}")),
        _ if code < 0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
        _ => out.push_str(&format!("\\U{code:08x}")),
    }
}
