//! Debian's order (deb-version(7)).

use std::cmp::Ordering;

use super::{epoch, number, release, split_while};

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let ((ea, a), (eb, b)) = (epoch(a), epoch(b));
    let ((va, ra), (vb, rb)) = (release(a), release(b));
    number(ea, eb).then_with(|| part(va, vb)).then_with(|| part(ra.unwrap_or_default(), rb.unwrap_or_default()))
}

/// Texts and numbers take turns.
fn part(mut a: &str, mut b: &str) -> Ordering {
    let is_digit = |byte: u8| byte.is_ascii_digit();
    while !a.is_empty() || !b.is_empty() {
        let ((ta, ra), (tb, rb)) = (split_text(a), split_text(b));
        let ((na, ra), (nb, rb)) = (split_while(ra, is_digit), split_while(rb, is_digit));
        let order = text(ta, tb).then_with(|| number(na, nb));
        if order.is_ne() {
            return order;
        }
        (a, b) = (ra, rb);
    }
    Ordering::Equal
}

fn split_text(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// A tilde goes before the end, the end before letters, letters before all else.
fn text(a: &str, b: &str) -> Ordering {
    let weight = |byte: Option<u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(byte),
        Some(byte) => i32::from(byte) + 256,
    };
    let (mut a, mut b) = (a.bytes(), b.bytes());
    loop {
        let (x, y) = (a.next(), b.next());
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        let order = weight(x).cmp(&weight(y));
        if order.is_ne() {
            return order;
        }
    }
}
