//! Recurring events: which occurrences a series has.
//!
//! Rules are evaluated on local time without a zone and each occurrence is then placed in the zone,
//! so that a meeting at ten stays at ten when the clocks change.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rrule::{RRule, RRuleSet, Unvalidated};

use super::moment::{Moment, resolved};

/// No series is followed further than this many occurrences.
const MOST: usize = 20_000;

/// What the lines of `recurrence` and the start say.
#[derive(Debug)]
pub(crate) struct Series {
    start: DateTime,
    all_day: bool,
    zone: TimeZone,
    rules: Vec<RRuleSet>,
    extra: BTreeSet<DateTime>,
    except: BTreeSet<DateTime>,
}

/// A line of `recurrence` can't be understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadRule;

impl Series {
    /// Reads the lines; `zone` is that of the start.
    pub(crate) fn parse<'l>(
        start: Moment,
        zone: &TimeZone,
        lines: impl IntoIterator<Item = &'l str>,
    ) -> Result<Self, BadRule> {
        let mut series = Self {
            start: start.local(zone),
            all_day: matches!(start, Moment::Day(_)),
            zone: zone.clone(),
            rules: Vec::new(),
            extra: BTreeSet::new(),
            except: BTreeSet::new(),
        };
        let mut has_rule = false;
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(BadRule)?;
            let (name, parameters) = name.split_once(';').unwrap_or((name, ""));
            match name.to_ascii_uppercase().as_str() {
                "RRULE" => {
                    has_rule = true;
                    series.rules.extend(series.rule(value)?);
                }
                "RDATE" => series.extra.extend(series.dates(parameters, value)?),
                "EXDATE" => series.except.extend(series.dates(parameters, value)?),
                // Google documents EXRULE and nobody sends it; RFC 5545 dropped it.
                _ => return Err(BadRule),
            }
        }
        if !has_rule {
            series.extra.insert(series.start);
        }
        Ok(series)
    }

    /// The rule on local time; none if it ended before it began.
    fn rule(&self, value: &str) -> Result<Option<RRuleSet>, BadRule> {
        let mut parts = Vec::new();
        for part in value.split(';').filter(|p| !p.is_empty()) {
            let (name, text) = part.split_once('=').ok_or(BadRule)?;
            if name.eq_ignore_ascii_case("UNTIL") {
                let until = self.until(text)?;
                if until < self.start {
                    return Ok(None);
                }
                parts.push(format!("UNTIL={}", until.strftime("%Y%m%dT%H%M%SZ")));
            } else {
                parts.push(part.to_ascii_uppercase());
            }
        }
        let rule: RRule<Unvalidated> = parts.join(";").parse().map_err(|_| BadRule)?;
        let start = self.start.strftime("%Y%m%dT%H%M%SZ");
        let set: RRuleSet = format!("DTSTART:{start}\nRRULE:{rule}")
            .parse()
            .map_err(|_| BadRule)?;
        Ok(Some(set.limit()))
    }

    fn until(&self, text: &str) -> Result<DateTime, BadRule> {
        let end_of_day = |date: Date| date.at(23, 59, 59, 0);
        if text.len() == 8 {
            return Date::strptime("%Y%m%d", text)
                .map(end_of_day)
                .map_err(|_| BadRule);
        }
        let local = self.local(text)?;
        Ok(if self.all_day {
            end_of_day(local.date())
        } else {
            local
        })
    }

    fn dates(&self, parameters: &str, value: &str) -> Result<Vec<DateTime>, BadRule> {
        let zone = parameters
            .split(';')
            .find_map(|p| {
                p.split_once('=')
                    .filter(|(name, _)| name.eq_ignore_ascii_case("TZID"))
            })
            .map(|(_, name)| TimeZone::get(name).map_err(|_| BadRule))
            .transpose()?;
        value
            .split(',')
            .map(|text| match (text.len(), &zone) {
                (8, _) => {
                    let date = Date::strptime("%Y%m%d", text).map_err(|_| BadRule)?;
                    // A day of a timed series means its occurrence on that day.
                    Ok(date.to_datetime(self.start.time()))
                }
                (15, Some(zone)) => {
                    let there = DateTime::strptime("%Y%m%dT%H%M%S", text).map_err(|_| BadRule)?;
                    Ok(self.zone.to_datetime(resolved(there, zone)))
                }
                _ => self.local(text),
            })
            .collect()
    }

    /// `20261201T090000` in the series' zone, or with `Z` in UTC.
    fn local(&self, text: &str) -> Result<DateTime, BadRule> {
        match text.strip_suffix(['Z', 'z']) {
            Some(utc) => {
                let utc = DateTime::strptime("%Y%m%dT%H%M%S", utc).map_err(|_| BadRule)?;
                if self.all_day {
                    return Ok(utc);
                }
                let instant = TimeZone::UTC.to_timestamp(utc).map_err(|_| BadRule)?;
                Ok(self.zone.to_datetime(instant))
            }
            None => DateTime::strptime("%Y%m%dT%H%M%S", text).map_err(|_| BadRule),
        }
    }

    /// The starts of all occurrences before `end`, in order.
    pub(crate) fn before(&self, end: Timestamp) -> Vec<Moment> {
        // A day may begin up to 14 hours before it does in UTC.
        let end_local = self.zone.to_datetime(end);
        let mut all: BTreeSet<DateTime> = self
            .extra
            .iter()
            .copied()
            .filter(|at| *at < end_local)
            .collect();
        for rule in &self.rules {
            let dates = rule
                .into_iter()
                .filter_map(|at| Timestamp::from_second(at.timestamp()).ok())
                .map(|at| TimeZone::UTC.to_datetime(at))
                .take_while(|at| *at < end_local)
                .take(MOST);
            all.extend(dates);
        }
        all.retain(|at| !self.except.contains(at));
        all.into_iter().map(|at| self.moment(at)).collect()
    }

    /// Whether an occurrence begins exactly then.
    pub(crate) fn has(&self, at: Moment) -> bool {
        let after = at
            .instant(&self.zone)
            .saturating_add(super::moment::DAY)
            .unwrap_or(Timestamp::MAX);
        self.before(after).contains(&at)
    }

    fn moment(&self, local: DateTime) -> Moment {
        if self.all_day {
            Moment::Day(local.date())
        } else {
            Moment::At(resolved(local, &self.zone))
        }
    }
}

#[cfg(test)]
mod tests;
