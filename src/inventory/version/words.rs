//! Versions of numbers and words: those of Python (PEP 440), of Ruby, and what is no version at all; and semantic ones.

use std::cmp::Ordering;

use super::{number, split_while};

/// One piece of a version, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    /// What comes before the version itself, and how long before.
    Before(u8, &'a str),
    /// Behind the last piece there are only zeros.
    Number(&'a str),
    /// A build of somebody's own.
    Local,
    /// What comes after it.
    After(&'a str),
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let ((ea, a), (eb, b)) = (epoch(a), epoch(b));
    number(ea, eb).then_with(|| pieces(a, b))
}

/// `1!2.0`
fn epoch(text: &str) -> (&str, &str) {
    text.split_once('!').unwrap_or(("", text))
}

fn pieces(mut a: &str, mut b: &str) -> Ordering {
    loop {
        let (x, ra) = next(a);
        let (y, rb) = next(b);
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        let end = Piece::Number("");
        let order = order(x.unwrap_or(end), y.unwrap_or(end));
        if order.is_ne() {
            return order;
        }
        (a, b) = (ra, rb);
    }
}

fn order(a: Piece<'_>, b: Piece<'_>) -> Ordering {
    let zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let rank = |piece: Piece<'_>| match piece {
        Piece::Before(..) => 0,
        Piece::Number(text) if zero(text) => 1,
        Piece::Local => 2,
        Piece::After(_) => 3,
        Piece::Number(_) => 4,
    };
    rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
        (Piece::Before(x, a), Piece::Before(y, b)) => x.cmp(&y).then_with(|| a.cmp(b)),
        (Piece::Number(a), Piece::Number(b)) => number(a, b),
        (Piece::After(a), Piece::After(b)) => a.cmp(b),
        _ => Ordering::Equal,
    })
}

/// The next piece, and what is behind it.
fn next(text: &str) -> (Option<Piece<'_>>, &str) {
    let text = text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '+');
    if let Some(rest) = text.strip_prefix('+') {
        return (Some(Piece::Local), rest);
    }
    let (digits, rest) = split_while(text, |byte| byte.is_ascii_digit());
    if !digits.is_empty() {
        return (Some(Piece::Number(digits)), rest);
    }
    let (word, rest) = split_while(text, |byte| byte.is_ascii_alphabetic());
    let piece = match word.to_ascii_lowercase().as_str() {
        "" => None,
        "dev" => Some(Piece::Before(0, "")),
        "a" | "alpha" => Some(Piece::Before(1, "")),
        "b" | "beta" => Some(Piece::Before(2, "")),
        "c" | "rc" | "pre" | "preview" => Some(Piece::Before(4, "")),
        "post" | "rev" | "r" => Some(Piece::After("")),
        // Ruby takes every word for one of before.
        _ => Some(Piece::Before(3, word)),
    };
    (piece, rest)
}

/// `1.2.3-rc.1+build`, as npm has them.
pub(super) fn semantic(a: &str, b: &str) -> Ordering {
    let plain = |text: &'_ str| text.split('+').next().unwrap_or_default().to_owned();
    let (a, b) = (plain(a), plain(b));
    let split = |text: &str| match text.split_once('-') {
        Some((core, before)) => (core.to_owned(), Some(before.to_owned())),
        None => (text.to_owned(), None),
    };
    let ((ca, pa), (cb, pb)) = (split(&a), split(&b));
    compare(&ca, &cb).then_with(|| match (pa, pb) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => identifiers(&a, &b),
    })
}

fn identifiers(a: &str, b: &str) -> Ordering {
    let numeric = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) if x.is_none() || y.is_none() => x.is_some().cmp(&y.is_some()),
            (x, y) => {
                let (x, y) = (x.unwrap_or_default(), y.unwrap_or_default());
                match (numeric(x), numeric(y)) {
                    (true, true) => number(x, y),
                    (true, false) => Ordering::Less,
                    (false, true) => Ordering::Greater,
                    (false, false) => x.cmp(y),
                }
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}
