//! The orders of rpm and of pacman, which are nearly one.

use std::cmp::Ordering;

use super::{epoch, number, release, split_while};

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    whole(a, b, part)
}

pub(super) fn pacman(a: &str, b: &str) -> Ordering {
    whole(a, b, part_of_pacman)
}

fn whole(a: &str, b: &str, part: fn(&str, &str) -> Ordering) -> Ordering {
    let ((ea, a), (eb, b)) = (epoch(a), epoch(b));
    let ((va, ra), (vb, rb)) = (release(a), release(b));
    let releases = || match (ra, rb) {
        (Some(a), Some(b)) => part(a, b),
        // As pacman has it: without a release any is meant.
        _ => Ordering::Equal,
    };
    number(ea, eb).then_with(|| part(va, vb)).then_with(releases)
}

/// Rows of digits or letters, whatever parts them. A tilde goes before the end, a caret behind it.
fn part(mut a: &str, mut b: &str) -> Ordering {
    loop {
        (a, b) = (skip(a), skip(b));
        let order = match (a.strip_prefix('~'), b.strip_prefix('~')) {
            (Some(ra), Some(rb)) => {
                (a, b) = (ra, rb);
                continue;
            }
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => match (a.strip_prefix('^'), b.strip_prefix('^')) {
                (Some(ra), Some(rb)) => {
                    (a, b) = (ra, rb);
                    continue;
                }
                (Some(_), None) => {
                    if b.is_empty() {
                        Ordering::Greater
                    } else {
                        Ordering::Less
                    }
                }
                (None, Some(_)) => {
                    if a.is_empty() {
                        Ordering::Less
                    } else {
                        Ordering::Greater
                    }
                }
                (None, None) => Ordering::Equal,
            },
        };
        if order.is_ne() {
            return order;
        }
        if a.is_empty() || b.is_empty() {
            return a.len().cmp(&b.len());
        }
        let order;
        (order, a, b) = row(a, b);
        if order.is_ne() {
            return order;
        }
    }
}

/// Without marks of its own: the rest decides, and letters that follow at once are of what comes before.
fn part_of_pacman(mut a: &str, mut b: &str) -> Ordering {
    let is_mark = |c: char| !c.is_ascii_alphanumeric();
    while !a.is_empty() && !b.is_empty() {
        let (ra, rb) = (a.trim_start_matches(is_mark), b.trim_start_matches(is_mark));
        let (marks_a, marks_b) = (a.len() - ra.len(), b.len() - rb.len());
        (a, b) = (ra, rb);
        if a.is_empty() || b.is_empty() {
            break;
        }
        let order;
        (order, a, b) = row(a, b);
        let order = marks_a.cmp(&marks_b).then(order);
        if order.is_ne() {
            return order;
        }
    }
    let letter = |text: &str| text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) if !letter(b) => Ordering::Less,
        _ if letter(a) => Ordering::Less,
        _ => Ordering::Greater,
    }
}

/// The rows that both texts begin with, and what is behind them.
fn row<'a, 'b>(a: &'a str, b: &'b str) -> (Ordering, &'a str, &'b str) {
    let digits = |byte: u8| byte.is_ascii_digit();
    let letters = |byte: u8| byte.is_ascii_alphabetic();
    let numeric = a.bytes().next().is_some_and(digits);
    let ((sa, ra), (sb, rb)) = match numeric {
        true => (split_while(a, digits), split_while(b, digits)),
        false => (split_while(a, letters), split_while(b, letters)),
    };
    // A number is newer than a word.
    let order = match (numeric, sb.is_empty()) {
        (true, true) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (true, false) => number(sa, sb),
        (false, false) => sa.cmp(sb),
    };
    (order, ra, rb)
}

fn skip(text: &str) -> &str {
    text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^')
}
