//! Which of two versions is the newer one, as each manager of packages sees it.

mod apk;
mod dpkg;
mod rpm;
#[cfg(test)]
mod tests;
mod words;

use std::cmp::Ordering;

use super::Manager;

/// Never fails: versions that are none are put in some order, always the same.
pub(crate) fn compare(manager: Manager, a: &str, b: &str) -> Ordering {
    match manager {
        Manager::Dpkg => dpkg::compare(a, b),
        Manager::Rpm => rpm::compare(a, b),
        Manager::Pacman => rpm::pacman(a, b),
        Manager::Apk => apk::compare(a, b),
        Manager::Python | Manager::Ruby => words::compare(a, b),
        Manager::Node => words::semantic(a, b),
    }
}

/// Numbers of any length.
fn number(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The text's longest beginning of such bytes, and the rest.
fn split_while(text: &str, wanted: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !wanted(byte)).unwrap_or(text.len());
    // A byte that is part of a character is never wanted, so the end is between two.
    text.split_at(end)
}

/// `1:2.3-4` in epoch and rest; no epoch is epoch zero.
fn epoch(text: &str) -> (&str, &str) {
    match text.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|b| b.is_ascii_digit()) => (epoch, rest),
        _ => ("", text),
    }
}

/// `2.3-4` in version and release: what stands behind the last dash.
fn release(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('-') {
        Some((version, release)) => (version, Some(release)),
        None => (text, None),
    }
}
