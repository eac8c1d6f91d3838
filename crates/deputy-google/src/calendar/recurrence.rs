//! Recurrence lines (RFC 5545: RRULE, RDATE, EXDATE): checked before Google sees them, and cut in
//! two where only this occurrence and the following ones change.
//!
//! Rules are taken on wall time: the engine gets the start as if it were UTC, so that no zone's
//! clock changes get in its way.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use rrule::{RRule, RRuleSet, Unvalidated};

use super::time::Moment;
use crate::error::ToolError;

/// A series cut in two: the lines of what stays and of what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) before: Vec<String>,
    pub(crate) after: Vec<String>,
}

/// No more occurrences than these are counted; Google itself gives up on longer series.
const OCCURRENCES_MAX: usize = 20_000;

/// Checks recurrence lines for an event of days (`all_day`) or of times, and writes them as Google
/// wants them: a rule without its `RRULE:` gets it.
pub(crate) fn checked(lines: &[String], all_day: bool) -> Result<Vec<String>, ToolError> {
    lines
        .iter()
        .enumerate()
        .map(|(i, line)| checked_line(&format!("/recurrence/{i}"), line, all_day))
        .collect()
}

fn checked_line(pointer: &str, line: &str, all_day: bool) -> Result<String, ToolError> {
    let line = line.trim();
    let upper = line.to_ascii_uppercase();
    if upper.starts_with("DTSTART") || upper.starts_with("DTEND") {
        return Err(ToolError::argument(
            pointer,
            "leave DTSTART and DTEND out: start_time and end_time say them",
        ));
    }
    if upper.starts_with("EXDATE") || upper.starts_with("RDATE") {
        return match upper.split_once(':') {
            Some((_, dates)) if dates.split(',').all(|d| stamp(d).is_some()) => Ok(line.to_owned()),
            _ => Err(ToolError::argument(
                pointer,
                format!("'{line}' has no dates; write EXDATE;TZID=Europe/Berlin:20260213T100000"),
            )),
        };
    }
    let rule = upper.strip_prefix("RRULE:").unwrap_or(&upper);
    let wrong = |what: &str| {
        ToolError::argument(
            pointer,
            format!("'{line}': {what}; write for example RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10"),
        )
    };
    let parts = parts(rule).ok_or_else(|| wrong("this is no list of NAME=VALUE"))?;
    let value = |name: &str| {
        parts
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    if value("FREQ").is_none() {
        return Err(wrong("FREQ is missing"));
    }
    if value("COUNT").is_some() && value("UNTIL").is_some() {
        return Err(wrong("COUNT and UNTIL exclude each other"));
    }
    if let Some(until) = value("UNTIL") {
        let fits =
            stamp(until).is_some() && (until.len() == 8 || (!all_day && until.ends_with('Z')));
        if !fits {
            return Err(wrong(if all_day {
                "UNTIL of an all-day event is a date, UNTIL=20261231"
            } else {
                "UNTIL is a date or a time in UTC, UNTIL=20261231T225959Z"
            }));
        }
    }
    // The engine wants UNTIL in the zone of the start; it is checked above.
    without(&parts, &["UNTIL"])
        .parse::<RRule<Unvalidated>>()
        .map_err(|error| wrong(&error.to_string()))?;
    Ok(format!("RRULE:{rule}"))
}

/// Cuts the lines of a series that starts at `start` before its occurrence at `at`, both on the
/// wall; `last` is the last moment that the first part may reach, as a value of UNTIL. `shift` is
/// how far the second part's occurrences move.
pub(crate) fn cut(
    lines: &[String],
    start: DateTime,
    at: DateTime,
    last: &str,
    shift: SignedDuration,
) -> Cut {
    let mut cut = Cut {
        before: Vec::new(),
        after: Vec::new(),
    };
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        let upper = name.to_ascii_uppercase();
        if upper.starts_with("RRULE") {
            cut_rule(value, start, at, last, &mut cut);
        } else if upper.starts_with("EXDATE") || upper.starts_with("RDATE") {
            // Read on the wall, which is how Google writes them (with TZID).
            let (early, late): (Vec<_>, Vec<_>) = value
                .split(',')
                .partition(|d| stamp(d).is_some_and(|d| d < at));
            if !early.is_empty() {
                cut.before.push(format!("{name}:{}", early.join(",")));
            }
            let late: Vec<_> = late.into_iter().map(|d| shifted(d, shift)).collect();
            if !late.is_empty() {
                cut.after.push(format!("{name}:{}", late.join(",")));
            }
        }
    }
    cut
}

fn cut_rule(rule: &str, start: DateTime, at: DateTime, last: &str, cut: &mut Cut) {
    let parts = parts(&rule.to_ascii_uppercase()).unwrap_or_default();
    let unbounded = without(&parts, &["COUNT", "UNTIL"]);
    cut.before.push(format!("RRULE:{unbounded};UNTIL={last}"));
    let count = parts
        .iter()
        .find(|(n, _)| n == "COUNT")
        .and_then(|(_, v)| v.parse::<usize>().ok());
    let until = parts.iter().find(|(n, _)| n == "UNTIL").map(|(_, v)| v);
    cut.after.push(match (count, until) {
        (Some(count), _) => {
            let left = count
                .saturating_sub(occurrences_before(&unbounded, start, at))
                .max(1);
            format!("RRULE:{unbounded};COUNT={left}")
        }
        (None, Some(until)) => format!("RRULE:{unbounded};UNTIL={until}"),
        (None, None) => format!("RRULE:{unbounded}"),
    });
}

fn occurrences_before(rule: &str, start: DateTime, at: DateTime) -> usize {
    let text = format!("DTSTART:{}Z\nRRULE:{rule}", start.strftime("%Y%m%dT%H%M%S"));
    let Ok(set) = text.parse::<RRuleSet>() else {
        return 0;
    };
    let at = jiff::tz::Offset::UTC
        .to_timestamp(at)
        .map_or(i64::MAX, jiff::Timestamp::as_second);
    set.limit()
        .into_iter()
        .take(OCCURRENCES_MAX)
        .take_while(|occurrence| occurrence.timestamp() < at)
        .count()
}

/// The value of UNTIL that ends a series just before its occurrence at `at`.
pub(crate) fn until_before(at: Moment) -> String {
    match at {
        Moment::Day(day) => day
            .yesterday()
            .unwrap_or(day)
            .strftime("%Y%m%d")
            .to_string(),
        Moment::Instant(at, _) => {
            let before = at.checked_sub(SignedDuration::from_secs(1)).unwrap_or(at);
            before.strftime("%Y%m%dT%H%M%SZ").to_string()
        }
    }
}

/// Whether the rule among `lines` says on which days it falls, so that moving the start to another
/// day would contradict it.
pub(crate) fn names_days(lines: &[String]) -> bool {
    lines.iter().any(|line| {
        let upper = line.to_ascii_uppercase();
        upper.starts_with("RRULE")
            && ["BYDAY=", "BYMONTHDAY=", "BYYEARDAY=", "BYWEEKNO="]
                .iter()
                .any(|by| upper.contains(by))
    })
}

fn parts(rule: &str) -> Option<Vec<(String, String)>> {
    rule.split(';')
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.split_once('=')
                .map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()))
        })
        .collect()
}

fn without(parts: &[(String, String)], names: &[&str]) -> String {
    let kept = parts
        .iter()
        .filter(|(name, _)| !names.contains(&name.as_str()));
    kept.map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(";")
}

/// `20260213`, `20260213T100000` or the same with `Z`, as shown on a wall.
fn stamp(text: &str) -> Option<DateTime> {
    let text = text.trim();
    if text.len() == 8 {
        return jiff::civil::Date::strptime("%Y%m%d", text)
            .ok()
            .map(DateTime::from);
    }
    DateTime::strptime("%Y%m%dT%H%M%S", text.trim_end_matches('Z')).ok()
}

fn shifted(text: &str, shift: SignedDuration) -> String {
    let Some(moved) = stamp(text).and_then(|at| at.checked_add(shift).ok()) else {
        return text.to_owned();
    };
    match text.trim().len() {
        8 => moved.strftime("%Y%m%d").to_string(),
        16 => moved.strftime("%Y%m%dT%H%M%SZ").to_string(),
        _ => moved.strftime("%Y%m%dT%H%M%S").to_string(),
    }
}

#[cfg(test)]
mod tests;
