//! Durations in Go's notation, as every duration option of a template is written: `300ms`, `1.5h`, `2h45m`.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration; write it like \"5m\", \"1h30m\" or \"500ms\"")]
pub(crate) struct DurationError(String);

/// Units with their length in nanoseconds, longer spellings first.
const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];

/// Reads a duration. A bare number is an error, but for `0`; negative ones are errors here.
pub(crate) fn parse(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(text.to_owned());
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = 0.0;
    if rest.is_empty() {
        return Err(error());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(error)?;
        let number: f64 = rest[..digits].parse().map_err(|_| error())?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (_, length) = UNITS.iter().find(|(unit, _)| *unit == &rest[..end]).ok_or_else(error)?;
        total += number * length;
        rest = &rest[end..];
    }
    // Go's durations are 63-bit nanoseconds, about 292 years.
    if total > i64::MAX as f64 { Err(error()) } else { Ok(Duration::from_nanos(total as u64)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_notation() {
        for (text, ms) in [("300ms", 300), ("1.5h", 5_400_000), ("2h45m", 9_900_000), ("0", 0), ("1m0.5s", 60_500)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "-5s", "5 m", "m", "1d", "1..5s", "9999999999h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
