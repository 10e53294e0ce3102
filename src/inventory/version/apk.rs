//! Alpine's order: `1.2.3b_rc4-r5`.

use std::cmp::Ordering;

use super::{number, split_while, words};

/// Words behind a version, in order; those before the empty one are of what comes before it.
const SUFFIXES: [&str; 10] = ["alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"];

#[derive(Debug, Default, PartialEq, Eq)]
struct Version<'a> {
    numbers: Vec<&'a str>,
    letter: &'a str,
    suffixes: Vec<(usize, &'a str)>,
    release: &'a str,
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    match (parse(a), parse(b)) {
        (Some(a), Some(b)) => order(&a, &b),
        _ => words::compare(a, b),
    }
}

fn order(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    for at in 0..a.numbers.len().max(b.numbers.len()) {
        let order = match (a.numbers.get(at), b.numbers.get(at)) {
            // Behind the first point, numbers with a zero in front are fractions.
            (Some(a), Some(b)) if at > 0 && (a.starts_with('0') || b.starts_with('0')) => a.cmp(b),
            (Some(a), Some(b)) => number(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
    let none = (4, "");
    let suffixes = || {
        let pairs = (0..a.suffixes.len().max(b.suffixes.len()))
            .map(|at| (a.suffixes.get(at).unwrap_or(&none), b.suffixes.get(at).unwrap_or(&none)));
        pairs.map(|(a, b)| a.0.cmp(&b.0).then_with(|| number(a.1, b.1))).find(|order| order.is_ne())
    };
    a.letter
        .cmp(b.letter)
        .then_with(|| suffixes().unwrap_or(Ordering::Equal))
        .then_with(|| number(a.release, b.release))
}

fn parse(text: &str) -> Option<Version<'_>> {
    let digits = |byte: u8| byte.is_ascii_digit();
    let mut version = Version::default();
    let mut rest = text;
    loop {
        let (number, behind) = split_while(rest, digits);
        if number.is_empty() {
            return None;
        }
        version.numbers.push(number);
        rest = behind;
        match rest.strip_prefix('.') {
            Some(behind) => rest = behind,
            None => break,
        }
    }
    if rest.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase()) {
        (version.letter, rest) = rest.split_at(1);
    }
    while let Some(behind) = rest.strip_prefix('_') {
        let (word, behind) = split_while(behind, |byte| byte.is_ascii_lowercase());
        let (number, behind) = split_while(behind, digits);
        let rank = SUFFIXES.iter().position(|suffix| *suffix == word && !word.is_empty())?;
        version.suffixes.push((rank, number));
        rest = behind;
    }
    if let Some(behind) = rest.strip_prefix("-r") {
        (version.release, rest) = split_while(behind, digits);
    }
    rest.is_empty().then_some(version)
}
