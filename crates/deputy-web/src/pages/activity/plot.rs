//! The plots, as numbers that a template draws with: SVG made here, since no script runs on the
//! pages. What they show stands in tables beside them too.

use std::collections::BTreeMap;

use deputy_gateway::usage::Tally;
use jiff::ToSpan as _;
use jiff::civil::Date;

/// Height of the plot in its own units.
const HEIGHT: u64 = 100;
/// Width of a day, of which its bar takes [`BAR`].
const STEP: u64 = 10;
const BAR: u64 = 7;

/// A day and its bar. Lengths are in the plot's own units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) date: String,
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    pub(crate) x: u64,
    pub(crate) ok_y: u64,
    pub(crate) ok_height: u64,
    pub(crate) failed_y: u64,
    pub(crate) failed_height: u64,
}

/// Calls by day: well ended ones from the ground, failed ones on top of them.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) days: Vec<Day>,
    /// The calls of the highest bar.
    pub(crate) most: u64,
}

impl Plot {
    /// The last `days` days up to `today`, days without a call included.
    pub(super) fn new(by_day: &BTreeMap<String, Tally>, today: Date, days: u16) -> Self {
        let most = by_day.values().map(|t| t.queries).max().unwrap_or(0);
        let days = (0..days)
            .filter_map(|i| today.checked_sub(i32::from(days - 1 - i).days()).ok())
            .enumerate()
            .map(|(i, date)| {
                let date = date.to_string();
                let tally = by_day.get(&date).cloned().unwrap_or_default();
                let failed = tally.queries.saturating_sub(tally.successful);
                let ok_height = length(tally.successful, most, HEIGHT);
                let failed_height = length(failed, most, HEIGHT - ok_height);
                Day {
                    date,
                    calls: tally.queries,
                    failed,
                    x: i as u64 * STEP + (STEP - BAR) / 2,
                    ok_y: HEIGHT - ok_height,
                    ok_height,
                    failed_y: HEIGHT - ok_height - failed_height,
                    failed_height,
                }
            })
            .collect();
        Self { days, most }
    }

    pub(crate) fn width(&self) -> u64 {
        self.days.len() as u64 * STEP
    }

    pub(crate) fn first(&self) -> &str {
        self.days.first().map_or("", |day| day.date.as_str())
    }

    pub(crate) fn middle(&self) -> &str {
        self.days
            .get(self.days.len() / 2)
            .map_or("", |day| day.date.as_str())
    }

    pub(crate) fn last(&self) -> &str {
        self.days.last().map_or("", |day| day.date.as_str())
    }
}

/// `part` of `most` as a length of at most `room`; what is there at all is seen.
fn length(part: u64, most: u64, room: u64) -> u64 {
    if part == 0 || most == 0 {
        return 0;
    }
    (part * HEIGHT / most).max(1).min(room)
}

/// A server and its bar, in hundredths of the longest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerBar {
    pub(crate) name: String,
    pub(crate) calls: u64,
    pub(crate) failed: u64,
    /// Percent of the calls that ended well.
    pub(crate) success: u64,
    pub(crate) ok_width: u64,
    pub(crate) failed_width: u64,
}

/// The servers with most calls first.
pub(super) fn by_server(tallies: &BTreeMap<String, Tally>) -> Vec<ServerBar> {
    let most = tallies.values().map(|t| t.queries).max().unwrap_or(0);
    let mut bars: Vec<ServerBar> = tallies
        .iter()
        .map(|(name, tally)| {
            let failed = tally.queries.saturating_sub(tally.successful);
            let ok_width = length(tally.successful, most, HEIGHT);
            ServerBar {
                name: name.clone(),
                calls: tally.queries,
                failed,
                success: (tally.successful * 100)
                    .checked_div(tally.queries)
                    .unwrap_or(0),
                ok_width,
                failed_width: length(failed, most, HEIGHT - ok_width),
            }
        })
        .collect();
    bars.sort_by_key(|bar| std::cmp::Reverse(bar.calls));
    bars
}
