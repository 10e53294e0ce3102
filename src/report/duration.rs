//! Durations for people.

use std::time::Duration;

/// Units of [`words`], each with its length in microseconds, longest first.
const UNITS: [(&str, u128); 8] = [
    ("year", 365 * 86_400_000_000),
    ("week", 7 * 86_400_000_000),
    ("day", 86_400_000_000),
    ("hour", 3_600_000_000),
    ("minute", 60_000_000),
    ("second", 1_000_000),
    ("millisecond", 1_000),
    ("microsecond", 1),
];

/// The two largest units, as the peer writes them: `3 minutes 20 seconds`.
pub(crate) fn words(duration: Duration) -> String {
    let mut left = duration.as_micros();
    let mut parts = Vec::new();
    for (unit, length) in UNITS {
        let count = left / length;
        left %= length;
        if count > 0 {
            parts.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0 seconds".to_owned() } else { parts.join(" ") }
}

/// For tables and status lines: `0.4s`, `12s`, `3m20s`, `2h05m`.
pub(crate) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=9 => format!("{:.1}s", duration.as_secs_f64()),
        10..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_the_two_largest_units() {
        for (micros, expected) in [
            (0, "0 seconds"),
            (19_798, "19 milliseconds 798 microseconds"),
            (1_000_000, "1 second"),
            (200_000_000, "3 minutes 20 seconds"),
            (7_500_000_000, "2 hours 5 minutes"),
            (3_600_000_001, "1 hour 1 microsecond"),
        ] {
            assert_eq!(words(Duration::from_micros(micros)), expected);
        }
    }

    #[test]
    fn short_fits_a_column() {
        for (millis, expected) in
            [(0, "0.0s"), (440, "0.4s"), (59_999, "59s"), (200_000, "3m20s"), (7_500_000, "2h05m")]
        {
            assert_eq!(short(Duration::from_millis(millis)), expected);
        }
    }
}
