//! Moments and their parts.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, FixedOffset, SecondsFormat, TimeDelta, Timelike as _, Utc};

use super::{Args, Function, FunctionError, NUMBER, Result, TEXT, fixed};
use crate::eval::duration;
use crate::eval::interpolate::go_time;
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("formatdate", &[TEXT, TEXT], formatdate),
    Function { name: "legacy_isotime", needs: &[], may: &[TEXT], rest: None, run: legacy_isotime },
    Function { name: "legacy_strftime", needs: &[], may: &[TEXT], rest: None, run: legacy_strftime },
    fixed("rfc3339_parse", &[TEXT], rfc3339_parse),
    fixed("timeadd", &[TEXT, TEXT], timeadd),
    // Each call asks the clock anew, as in the peer; legacy_isotime() is the same throughout a run.
    fixed("timestamp", &[], |a| Ok(written(DateTime::<Utc>::from(a.cx.now()).into()).into())),
    fixed("unix_timestamp_parse", &[NUMBER], unix_timestamp_parse),
];

fn written(time: DateTime<FixedOffset>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A moment in RFC 3339; `space` allows one between date and time, in place of the `T`.
fn moment(a: &Args<'_>, number: usize, space: bool) -> Result<DateTime<FixedOffset>> {
    let text = a.text(number)?;
    let wrong = |why: &str| {
        FunctionError::at(number, format!("{text:?} is no time such as \"2026-01-31T12:00:00Z\" (RFC 3339): {why}"))
    };
    match text.as_bytes().get(10) {
        Some(b'T') => {}
        Some(b' ') if space => {}
        _ => return Err(wrong("there is no T behind the date")),
    }
    DateTime::parse_from_rfc3339(text).map_err(|error| wrong(&error.to_string()))
}

fn timeadd(a: &Args<'_>) -> Result<Value> {
    let (time, text) = (moment(a, 0, false)?, a.text(1)?);
    let span = duration::parse(text.strip_prefix('-').unwrap_or(text));
    let span = span.map_err(|error| FunctionError::at(1, error.to_string()))?;
    let span = TimeDelta::from_std(span).map_err(|error| FunctionError::at(1, error.to_string()))?;
    let sum = if text.starts_with('-') { time.checked_sub_signed(span) } else { time.checked_add_signed(span) };
    Ok(written(sum.ok_or("the result is out of range")?).into())
}

fn legacy_isotime(a: &Args<'_>) -> Result<Value> {
    let layout = if a.len() > 0 { a.text(0)? } else { go_time::RFC3339 };
    Ok(go_time::format(layout, a.cx.started).into())
}

fn legacy_strftime(a: &Args<'_>) -> Result<Value> {
    let pattern = if a.len() > 0 { a.text(0)? } else { "" };
    Ok(go_time::strftime(pattern, a.cx.started).map_err(|message| FunctionError::at(0, message))?.into())
}

fn rfc3339_parse(a: &Args<'_>) -> Result<Value> {
    let time = moment(a, 0, true)?;
    Ok(parts(time, ("unix", time.timestamp().into())))
}

fn unix_timestamp_parse(a: &Args<'_>) -> Result<Value> {
    let time = DateTime::from_timestamp(a.integer(0)?, 0);
    let time = time.ok_or_else(|| FunctionError::at(0, "the time is out of range"))?.fixed_offset();
    Ok(parts(time, ("rfc3339", written(time).into())))
}

/// The calendar's view of a moment, and one part more.
fn parts(time: DateTime<FixedOffset>, more: (&str, Value)) -> Value {
    let number = |number: u32| Value::from(i64::from(number));
    let week = time.iso_week();
    let parts: [(&str, Value); 13] = [
        ("year", i64::from(time.year()).into()),
        ("year_day", number(time.ordinal())),
        ("day", number(time.day())),
        ("month", number(time.month())),
        ("month_name", time.format("%B").to_string().into()),
        ("weekday", number(time.weekday().num_days_from_sunday())),
        ("weekday_name", time.format("%A").to_string().into()),
        ("hour", number(time.hour())),
        ("minute", number(time.minute())),
        ("second", number(time.second())),
        ("iso_year", i64::from(week.year()).into()),
        ("iso_week", number(week.week())),
        more,
    ];
    Value::object(parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>())
}

fn formatdate(a: &Args<'_>) -> Result<Value> {
    let (mut rest, time) = (a.text(0)?, moment(a, 1, false)?);
    let wrong = |message: String| FunctionError::at(0, message);
    let mut out = String::new();
    while let Some(c) = rest.chars().next() {
        if c == '\'' {
            rest = quoted(&mut out, rest).ok_or_else(|| wrong("a quoted text is never closed".to_owned()))?;
            continue;
        }
        let length = rest.len() - rest.trim_start_matches(c).len();
        let token;
        (token, rest) = rest.split_at(length);
        if !c.is_ascii_alphabetic() {
            out.push_str(token);
            continue;
        }
        let part = token_of(token, time);
        out.push_str(&part.ok_or_else(|| {
            wrong(format!("{token:?} is no part of a date; write other letters in single quotes, as in 'at'"))
        })?);
    }
    Ok(out.into())
}

/// Copies `'it''s'` without its quotes; what comes behind it.
fn quoted<'t>(out: &mut String, text: &'t str) -> Option<&'t str> {
    let mut rest = text.get(1..)?;
    // Quotes around nothing are one quote.
    if let Some(after) = rest.strip_prefix('\'') {
        out.push('\'');
        return Some(after);
    }
    loop {
        let end = rest.find('\'')?;
        out.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
            }
            None => return Some(rest),
        }
    }
}

fn token_of(token: &str, time: DateTime<FixedOffset>) -> Option<String> {
    let utc = time.offset().local_minus_utc() == 0;
    let layout = match token {
        "YYYY" => "%Y",
        "YY" => "%y",
        "MMMM" => "%B",
        "MMM" => "%b",
        "MM" => "%m",
        "M" => "%-m",
        "DD" => "%d",
        "D" => "%-d",
        "EEEE" => "%A",
        "EEE" => "%a",
        "hh" => "%H",
        "h" => "%-H",
        "HH" => "%I",
        "H" => "%-I",
        "AA" => "%p",
        "aa" => "%P",
        "mm" => "%M",
        "m" => "%-M",
        "ss" => "%S",
        "s" => "%-S",
        "ZZZ" if utc => return Some("UTC".to_owned()),
        "Z" if utc => return Some("Z".to_owned()),
        "ZZZZZ" | "Z" => "%:z",
        "ZZZZ" | "ZZZ" => "%z",
        _ => return None,
    };
    Some(time.format(layout).to_string())
}
