//! Functions of texts. Characters are grapheme clusters, as people see them.

use unicode_segmentation::UnicodeSegmentation as _;

use super::{Args, Function, FunctionError, NUMBER, Result, TEXT, TEXTS, fixed, variadic};
use crate::value::{Kind, Value};

/// Largest text a function makes, in bytes.
const LARGEST: usize = 64 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("chomp", &[TEXT], |a| Ok(a.text(0)?.trim_end_matches(['\r', '\n']).into())),
    fixed("endswith", &[TEXT, TEXT], |a| Ok(a.text(0)?.ends_with(a.text(1)?).into())),
    fixed("startswith", &[TEXT, TEXT], |a| Ok(a.text(0)?.starts_with(a.text(1)?).into())),
    fixed("strcontains", &[TEXT, TEXT], |a| Ok(a.text(0)?.contains(a.text(1)?).into())),
    fixed("indent", &[NUMBER, TEXT], indent),
    fixed("lower", &[TEXT], |a| Ok(each(a.text(0)?, char::to_lowercase).into())),
    fixed("upper", &[TEXT], |a| Ok(each(a.text(0)?, char::to_uppercase).into())),
    fixed("title", &[TEXT], title),
    fixed("replace", &[TEXT, TEXT, TEXT], replace),
    fixed("split", &[TEXT, TEXT], split),
    fixed("strrev", &[TEXT], |a| Ok(a.text(0)?.graphemes(true).rev().collect::<String>().into())),
    fixed("substr", &[TEXT, NUMBER, NUMBER], substr),
    fixed("trim", &[TEXT, TEXT], trim),
    fixed("trimprefix", &[TEXT, TEXT], |a| {
        let text = a.text(0)?;
        Ok(text.strip_prefix(a.text(1)?).unwrap_or(text).into())
    }),
    fixed("trimsuffix", &[TEXT, TEXT], |a| {
        let text = a.text(0)?;
        Ok(text.strip_suffix(a.text(1)?).unwrap_or(text).into())
    }),
    fixed("trimspace", &[TEXT], |a| Ok(a.text(0)?.trim().into())),
    variadic("join", &[TEXT, TEXTS], TEXTS, join),
];

/// Characters that become several (`ß` as `SS`) stay as they are, as in the peer.
fn each<I: ExactSizeIterator<Item = char>>(text: &str, change: fn(char) -> I) -> String {
    let one = |c: char| {
        let mut changed = change(c);
        if changed.len() == 1 { changed.next().unwrap_or(c) } else { c }
    };
    text.chars().map(one).collect()
}

fn title(a: &Args<'_>) -> Result<Value> {
    let text = a.text(0)?;
    let mut result = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match inside {
            false => result.push_str(&each(c.encode_utf8(&mut [0; 4]), char::to_uppercase)),
            true => result.push(c),
        }
        // The peer's word borders: `don't` is two words.
        inside = if c.is_ascii() {
            c.is_ascii_alphanumeric() || c == '_'
        } else {
            c.is_alphanumeric() || (inside && !c.is_whitespace())
        };
    }
    Ok(result.into())
}

fn indent(a: &Args<'_>) -> Result<Value> {
    let (spaces, text) = (a.size(0)?, a.text(1)?);
    let lines = text.matches('\n').count();
    if spaces.saturating_mul(lines) > LARGEST {
        return Err(FunctionError::at(0, "the result is too large"));
    }
    Ok(text.replace('\n', &format!("\n{}", " ".repeat(spaces))).into())
}

fn replace(a: &Args<'_>) -> Result<Value> {
    let (text, from, to) = (a.text(0)?, a.text(1)?, a.text(2)?);
    if text.matches(from).count().saturating_mul(to.len()) > LARGEST {
        return Err("the result is too large".into());
    }
    Ok(text.replace(from, to).into())
}

fn split(a: &Args<'_>) -> Result<Value> {
    let (separator, text) = (a.text(0)?, a.text(1)?);
    // Without a separator the text falls into its characters.
    Ok(match separator {
        "" => Value::strings(text.chars().map(String::from)),
        separator => Value::strings(text.split(separator)),
    })
}

fn join(a: &Args<'_>) -> Result<Value> {
    let separator = a.text(0)?;
    let mut texts = Vec::new();
    for list in 1..a.len() {
        for (number, item) in a.items(list)?.iter().enumerate() {
            match &item.kind {
                Kind::String(text) => texts.push(text.as_ref()),
                _ => return Err(FunctionError::at(list, format!("element {number} is null; it cannot be joined"))),
            }
        }
    }
    let size: usize = texts.iter().map(|text| text.len() + separator.len()).sum();
    if size > LARGEST {
        return Err("the result is too large".into());
    }
    Ok(texts.join(separator).into())
}

/// A negative offset counts from the end; a negative length means the rest.
fn substr(a: &Args<'_>) -> Result<Value> {
    let (text, offset, length) = (a.text(0)?, a.integer(1)?, a.integer(2)?);
    let from_end = offset < 0;
    let offset = match usize::try_from(offset) {
        Ok(offset) => offset,
        Err(_) => {
            let count = text.graphemes(true).count();
            count.saturating_sub(usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX))
        }
    };
    let rest = text.graphemes(true).skip(offset);
    // The peer takes no length for the rest, too, but only behind a negative offset.
    let length = if length == 0 && from_end { -1 } else { length };
    Ok(match usize::try_from(length) {
        Ok(length) => rest.take(length).collect::<String>().into(),
        Err(_) => rest.collect::<String>().into(),
    })
}

fn trim(a: &Args<'_>) -> Result<Value> {
    let cut: Vec<char> = a.text(1)?.chars().collect();
    Ok(a.text(0)?.trim_matches(|c| cut.contains(&c)).into())
}
