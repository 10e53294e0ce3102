//! RE2's syntax in that of the `regex` crate, which reads some patterns in another way: its classes are Unicode's, a
//! brace must repeat something, and brackets inside a class begin another one.

use std::fmt::Write as _;

const WORD: &str = "0-9A-Za-z_";
const DIGIT: &str = "0-9";
/// Without the vertical tab.
const SPACE: &str = r"\t\n\f\r ";

/// The pattern for the crate. What RE2 refuses is passed on as it is: the crate refuses it too.
pub(super) fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '\\' => escape(&mut out, rest),
            '[' => class(&mut out, rest),
            '{' if !repeats(rest) => {
                out.push_str(r"\{");
                &rest[1..]
            }
            _ => {
                out.push(c);
                &rest[c.len_utf8()..]
            }
        };
    }
    out
}

/// `{2}`, `{2,}` or `{2,3}`; any other brace is a character.
fn repeats(text: &str) -> bool {
    let Some((counts, _)) = text[1..].split_once('}') else { return false };
    let (least, most) = counts.split_once(',').unwrap_or((counts, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

/// The members of `\d`, `\w` or `\s`, and whether it is negated.
fn perl(c: char) -> Option<(&'static str, bool)> {
    let members = match c.to_ascii_lowercase() {
        'd' => DIGIT,
        'w' => WORD,
        's' => SPACE,
        _ => return None,
    };
    Some((members, c.is_ascii_uppercase()))
}

/// Writes the escape that `text` begins with, outside of a class; what follows it.
fn escape<'t>(out: &mut String, text: &'t str) -> &'t str {
    let Some(c) = text[1..].chars().next() else {
        out.push('\\');
        return "";
    };
    let after = &text[1 + c.len_utf8()..];
    match (perl(c), c) {
        (Some((members, negated)), _) => {
            let _ = write!(out, "[{}{members}]", if negated { "^" } else { "" });
        }
        (_, 'b') => out.push_str(r"(?-u:\b)"),
        (_, 'B') => out.push_str(r"(?-u:\B)"),
        (_, 'Q') => {
            let (literal, after) = after.split_once(r"\E").unwrap_or((after, ""));
            out.push_str(&regex::escape(literal));
            return after;
        }
        _ => return group(out, text).unwrap_or_else(|| member(out, text)),
    }
    after
}

/// Writes the escaped character that `text` begins with; what follows it.
fn single<'t>(out: &mut String, text: &'t str) -> &'t str {
    let mut chars = text.chars();
    chars.next();
    let Some(c) = chars.next() else {
        out.push('\\');
        return "";
    };
    let digits = text[1..].bytes().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
    // One digit other than zero would refer to a group, which RE2 cannot.
    if c == '0' || digits > 1 {
        let code = u32::from_str_radix(&text[1..=digits], 8).unwrap_or(0);
        let _ = write!(out, r"\x{{{code:x}}}");
        return &text[1 + digits..];
    }
    // To the crate `\<` and `\>` are borders of words.
    if matches!(c, '<' | '>') {
        out.push(c)
    } else {
        out.extend(['\\', c])
    }
    chars.as_str()
}

/// Writes the class that `text` begins with; what follows it.
fn class<'t>(out: &mut String, text: &'t str) -> &'t str {
    let mut rest = &text[1..];
    out.push('[');
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    loop {
        // A bracket at the start is a member.
        match rest.strip_prefix(']').filter(|_| !first) {
            Some(after) => {
                out.push(']');
                return after;
            }
            None if rest.is_empty() => return rest,
            None => {}
        }
        first = false;
        rest = match named(rest) {
            Some(length) => {
                out.push_str(&rest[..length]);
                &rest[length..]
            }
            None => group(out, rest).unwrap_or_else(|| range(out, rest)),
        };
    }
}

/// Length of a `[:alpha:]` at the start.
fn named(text: &str) -> Option<usize> {
    let (name, _) = text.strip_prefix("[:")?.split_once(":]")?;
    name.trim_start_matches('^').bytes().all(|b| b.is_ascii_lowercase()).then_some(name.len() + 4)
}

/// Writes an escape that stands for several characters; what follows it.
fn group<'t>(out: &mut String, text: &'t str) -> Option<&'t str> {
    let escape = text.strip_prefix('\\')?;
    let c = escape.chars().next()?;
    if let Some((members, negated)) = perl(c) {
        let _ = if negated { write!(out, "[^{members}]") } else { write!(out, "{members}") };
        return Some(&escape[1..]);
    }
    if !matches!(c, 'p' | 'P') {
        return None;
    }
    let length = if escape[1..].starts_with('{') {
        escape.find('}').map_or(escape.len(), |end| end + 1)
    } else {
        1 + escape[1..].chars().next().map_or(0, char::len_utf8)
    };
    let _ = write!(out, r"\{}", &escape[..length]);
    Some(&escape[length..])
}

/// Writes a member of a class or a range of them; what follows.
fn range<'t>(out: &mut String, text: &'t str) -> &'t str {
    let rest = member(out, text);
    match rest.strip_prefix('-') {
        Some(end) if !end.is_empty() && !end.starts_with(']') => {
            out.push('-');
            member(out, end)
        }
        _ => rest,
    }
}

/// Writes one character, so that it cannot be an operator of the crate's classes; what follows it.
fn member<'t>(out: &mut String, text: &'t str) -> &'t str {
    let Some(c) = text.chars().next() else { return text };
    if c != '\\' {
        let _ = write!(out, r"\x{{{:x}}}", u32::from(c));
        return &text[c.len_utf8()..];
    }
    if text[1..].starts_with('x') {
        let length = match text[2..].starts_with('{') {
            true => text.find('}').map_or(text.len(), |end| end + 1),
            false => text.char_indices().nth(4).map_or(text.len(), |(at, _)| at),
        };
        out.push_str(&text[..length]);
        return &text[length..];
    }
    single(out, text)
}
