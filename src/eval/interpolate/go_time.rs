//! Moments as text by Go's reference time (`2006-01-02 15:04:05`) and by strftime, always in UTC.
//!
//! `isotime` and `strftime` use it, and so do the functions of like names in HCL.

use chrono::{DateTime, Datelike, Timelike, Utc};

pub(crate) const RFC3339: &str = "2006-01-02T15:04:05Z07:00";

#[derive(Clone, Copy)]
enum Element {
    /// A part of the moment, filled with a character up to a width.
    Number(Part, char, usize),
    MonthName,
    ShortMonthName,
    WeekdayName,
    ShortWeekdayName,
    /// For the first and the second half of the day.
    Half(&'static str, &'static str),
    /// What UTC makes of the name or offset of a zone.
    Zone(&'static str),
}

#[derive(Clone, Copy)]
enum Part {
    Year,
    ShortYear,
    Month,
    Day,
    YearDay,
    Hour,
    Hour12,
    Minute,
    Second,
}

use Element::{Half, MonthName, Number, ShortMonthName, ShortWeekdayName, WeekdayName, Zone};
use Part::{Day, Hour, Hour12, Minute, Month, Second, ShortYear, Year, YearDay};

/// What layouts are made of; a longer spelling stands before one that it begins with.
const ELEMENTS: [(&str, Element); 33] = [
    ("January", MonthName),
    ("Jan", ShortMonthName),
    ("Monday", WeekdayName),
    ("Mon", ShortWeekdayName),
    ("MST", Zone("UTC")),
    ("01", Number(Month, '0', 2)),
    ("02", Number(Day, '0', 2)),
    ("002", Number(YearDay, '0', 3)),
    ("03", Number(Hour12, '0', 2)),
    ("04", Number(Minute, '0', 2)),
    ("05", Number(Second, '0', 2)),
    ("06", Number(ShortYear, '0', 2)),
    ("15", Number(Hour, '0', 2)),
    ("1", Number(Month, '0', 1)),
    ("2006", Number(Year, '0', 4)),
    ("2", Number(Day, '0', 1)),
    ("__2", Number(YearDay, ' ', 3)),
    ("_2", Number(Day, ' ', 2)),
    ("3", Number(Hour12, '0', 1)),
    ("4", Number(Minute, '0', 1)),
    ("5", Number(Second, '0', 1)),
    ("PM", Half("AM", "PM")),
    ("pm", Half("am", "pm")),
    ("-070000", Zone("+000000")),
    ("-07:00:00", Zone("+00:00:00")),
    ("-0700", Zone("+0000")),
    ("-07:00", Zone("+00:00")),
    ("-07", Zone("+00")),
    ("Z070000", Zone("Z")),
    ("Z07:00:00", Zone("Z")),
    ("Z0700", Zone("Z")),
    ("Z07:00", Zone("Z")),
    ("Z07", Zone("Z")),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Writes the moment as `layout` writes Go's reference time, Monday 2 January 2006, 15:04:05.
pub(crate) fn format(layout: &str, time: impl Into<DateTime<Utc>>) -> String {
    let time = time.into();
    let mut out = String::with_capacity(layout.len() + 8);
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        if let Some((length, digits)) = fraction(rest) {
            write_fraction(&mut out, &rest[..length], digits, time.nanosecond());
            rest = &rest[length..];
        } else if let Some((spelling, element)) = element(rest) {
            write_element(&mut out, element, time);
            rest = &rest[spelling.len()..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

fn element(rest: &str) -> Option<(&'static str, Element)> {
    // The underscore before a long year is plain text, not the filling of a day.
    if rest.starts_with("_2006") {
        return None;
    }
    ELEMENTS.into_iter().find(|(spelling, element)| {
        let Some(after) = rest.strip_prefix(spelling) else { return false };
        let name = matches!(element, ShortMonthName | ShortWeekdayName);
        !(name && after.starts_with(|c: char| c.is_ascii_lowercase()))
    })
}

/// `.000` or `,999`: the length with the separator, and the number of digits; other digits may not follow.
fn fraction(rest: &str) -> Option<(usize, usize)> {
    let after = rest.strip_prefix(['.', ','])?;
    let digit = after.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let digits = after.len() - after.trim_start_matches(digit).len();
    let ends = !after[digits..].starts_with(|c: char| c.is_ascii_digit());
    ends.then_some((digits + 1, digits))
}

/// Nines leave out zeros at the end, and the separator if nothing is left.
fn write_fraction(out: &mut String, layout: &str, digits: usize, nanosecond: u32) {
    let all = format!("{:09}", nanosecond.min(999_999_999));
    let shown = &all[..digits.min(9)];
    let shown = if layout.ends_with('9') { shown.trim_end_matches('0') } else { shown };
    if !shown.is_empty() {
        out.push_str(&layout[..1]);
        out.push_str(shown);
    }
}

fn write_element(out: &mut String, element: Element, time: DateTime<Utc>) {
    let month = MONTHS[time.month0() as usize % 12];
    let weekday = WEEKDAYS[time.weekday().num_days_from_sunday() as usize % 7];
    match element {
        Number(part, '0', width) => out.push_str(&format!("{:0width$}", number(part, time))),
        Number(part, _, width) => out.push_str(&format!("{:width$}", number(part, time))),
        MonthName => out.push_str(month),
        ShortMonthName => out.push_str(&month[..3]),
        WeekdayName => out.push_str(weekday),
        ShortWeekdayName => out.push_str(&weekday[..3]),
        Half(first, second) => out.push_str(if time.hour() < 12 { first } else { second }),
        Zone(zone) => out.push_str(zone),
    }
}

fn number(part: Part, time: DateTime<Utc>) -> u32 {
    let year = u32::try_from(time.year()).unwrap_or(0);
    match part {
        Year => year,
        ShortYear => year % 100,
        Month => time.month(),
        Day => time.day(),
        YearDay => time.ordinal(),
        Hour => time.hour(),
        Hour12 => time.hour12().1,
        Minute => time.minute(),
        Second => time.second(),
    }
}

/// Writes the moment by the directives of C's strftime. `%-d` and `%#d` leave out what only fills.
pub(crate) fn strftime(pattern: &str, time: impl Into<DateTime<Utc>>) -> Result<String, String> {
    let time = time.into();
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let stray = || format!("a \"%\" at the end of the time format {pattern:?}");
        let first = chars.next().ok_or_else(stray)?;
        let bare = matches!(first, '-' | '#');
        let verb = if bare { chars.next().ok_or_else(stray)? } else { first };
        let text = directive(verb, time).ok_or_else(|| format!("\"%{verb}\" is not a directive of strftime"))?;
        out.push_str(&if bare { unfilled(&text) } else { text });
    }
    Ok(out)
}

fn directive(verb: char, time: DateTime<Utc>) -> Option<String> {
    let layout = match verb {
        'A' => "Monday",
        'a' => "Mon",
        'B' => "January",
        'b' | 'h' => "Jan",
        'c' => "Mon Jan _2 15:04:05 2006",
        'D' | 'x' => "01/02/06",
        'd' => "02",
        'e' => "_2",
        'F' => "2006-01-02",
        'H' => "15",
        'I' => "03",
        'j' => "002",
        'M' => "04",
        'm' => "01",
        'p' => "PM",
        'R' => "15:04",
        'r' => "03:04:05 PM",
        'S' => "05",
        'T' | 'X' => "15:04:05",
        'v' => "_2-Jan-2006",
        'Y' => "2006",
        'y' => "06",
        'Z' => "MST",
        'z' => "-0700",
        _ => return calculated(verb, time),
    };
    Some(format(layout, time))
}

/// What no layout of Go can say.
fn calculated(verb: char, time: DateTime<Utc>) -> Option<String> {
    let weekday = time.weekday();
    let week = |since_first: u32| (time.ordinal0() + 7 - since_first) / 7;
    Some(match verb {
        'C' => format!("{:02}", time.year() / 100),
        'G' => format!("{:04}", time.iso_week().year()),
        'g' => format!("{:02}", time.iso_week().year() % 100),
        'k' => format!("{:2}", time.hour()),
        'l' => format!("{:2}", time.hour12().1),
        'n' => "\n".to_owned(),
        't' => "\t".to_owned(),
        'U' => format!("{:02}", week(weekday.num_days_from_sunday())),
        'u' => weekday.number_from_monday().to_string(),
        'V' => format!("{:02}", time.iso_week().week()),
        'W' => format!("{:02}", week(weekday.num_days_from_monday())),
        'w' => weekday.num_days_from_sunday().to_string(),
        '%' => "%".to_owned(),
        _ => return None,
    })
}

/// Without leading spaces and zeros, but for a sign and the last digit.
fn unfilled(text: &str) -> String {
    let text = text.trim_start_matches(' ');
    let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    format!("{sign}{}", &digits[zeros.min(digits.len().saturating_sub(1))..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tuesday 5 March 2024, 17:08:09.012345 UTC.
    fn moment() -> DateTime<Utc> {
        DateTime::from_timestamp(1_709_658_489, 12_345_000).unwrap()
    }

    /// The results are those of Go's `time.Format`.
    #[test]
    fn layouts_of_go() {
        for (layout, expected) in [
            (RFC3339, "2024-03-05T17:08:09Z"),
            ("Mon Jan _2 15:04:05 2006", "Tue Mar  5 17:08:09 2024"),
            ("Monday, 02-Jan-06 15:04:05 MST", "Tuesday, 05-Mar-24 17:08:09 UTC"),
            ("Mon, 02 Jan 2006 15:04:05 -0700", "Tue, 05 Mar 2024 17:08:09 +0000"),
            ("3:04PM 03:4:5pm January 1 2", "5:08PM 05:8:9pm March 3 5"),
            ("002 __2 _2006 20060102150405", "065  65 _2024 20240305170809"),
            ("05.000 05,000000 .999 05.999999999", "09.012 09,012345 .012 09.012345"),
            ("05.0001 5.", "09.0003 9."),
            ("-07 -07:00:00 Z0700 Z07:00 -070000", "+00 +00:00:00 Z Z +000000"),
            ("Janet Mondayish Month Jan_Mon", "Janet Tuesdayish Month Mar_Tue"),
            ("release-é", "release-é"),
        ] {
            assert_eq!(format(layout, moment()), expected, "{layout}");
        }
        assert_eq!(format("05.999", DateTime::from_timestamp(0, 0).unwrap()), "00");
    }

    #[test]
    fn directives_of_strftime() {
        for (pattern, expected) in [
            ("%Y-%m-%dT%H:%M:%S%z %Z", "2024-03-05T17:08:09+0000 UTC"),
            ("%A %a %B %b %h %C %y %j", "Tuesday Tue March Mar Mar 20 24 065"),
            (
                "%c|%v|%D|%F|%R|%r|%T|%X|%x",
                "Tue Mar  5 17:08:09 2024| 5-Mar-2024|03/05/24|2024-03-05|17:08|05:08:09 PM|17:08:09|17:08:09|03/05/24",
            ),
            ("%e|%k|%l|%I|%p|%u|%w|%U|%W|%V|%G|%g", " 5|17| 5|05|PM|2|2|09|10|10|2024|24"),
            ("%-d %#m %-e %n%t%%", "5 3 5 \n\t%"),
        ] {
            assert_eq!(strftime(pattern, moment()).as_deref(), Ok(expected), "{pattern}");
        }
        for pattern in ["%", "%-", "%Q", "%Ey"] {
            assert!(strftime(pattern, moment()).is_err(), "{pattern}");
        }
    }
}
