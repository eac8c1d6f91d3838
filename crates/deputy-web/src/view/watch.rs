//! Instants and callers, as one person reads them: in their zone and language.

use deputy_core::Caller;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

use super::visible;
use crate::text::Text;

/// How a record names a caller that proved nothing: a program that registers itself.
pub(crate) const ANYBODY: &str = "anybody";

/// An instant in three forms.
#[derive(Clone, Debug)]
pub(crate) struct When {
    /// RFC 3339, for machines.
    pub(crate) iso: String,
    /// Date and time in the person's zone.
    pub(crate) full: String,
    /// How long ago, in words; the date where that is over a week.
    pub(crate) ago: String,
}

/// Shows instants to one person.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) t: Text,
    pub(crate) zone: TimeZone,
    pub(crate) now: Timestamp,
}

impl Watch {
    pub(crate) fn show(&self, at: Timestamp) -> When {
        let full = at
            .to_zoned(self.zone.clone())
            .strftime("%Y-%m-%d %H:%M")
            .to_string();
        let seconds = self
            .now
            .since(at)
            .and_then(|span| span.total(Unit::Second))
            .unwrap_or(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seconds between two instants"
        )]
        let minutes = (seconds / 60.0).floor() as i64;
        let ago = match minutes {
            ..1 => self.t.tr("time-now"),
            1..60 => self.t.count("time-minutes", minutes),
            60..1440 => self.t.count("time-hours", minutes / 60),
            1440..10080 => self.t.count("time-days", minutes / 1440),
            _ => full.clone(),
        };
        When {
            iso: at.to_string(),
            full,
            ago,
        }
    }

    /// Who called, for people, from [`Caller::label`]: a token goes by the name that its owner gave it; a client by the
    /// one it gave itself, and as a client: it might call itself what something else is called.
    pub(crate) fn caller(&self, label: &str) -> String {
        let named = |rest: &str| visible(rest.split_once(':').map_or(rest, |(_, name)| name));
        match label.split_once(':') {
            Some(("token", rest)) => named(rest),
            Some(("client", rest)) => self.t.tr1("caller-client", "name", named(rest)),
            _ if label == ANYBODY => self.t.tr("caller-anybody"),
            _ if label == Caller::System.label() => "Deputy".to_owned(),
            // An administrator at the machine itself.
            _ if label == "cli" => self.t.tr("caller-cli"),
            _ => self.t.tr("caller-browser"),
        }
    }

    /// How long until `at`, in words; rounded up, so that nobody comes too early.
    pub(crate) fn until(&self, at: Timestamp) -> String {
        let seconds = self.seconds_until(at);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seconds between two instants"
        )]
        let seconds = (seconds.ceil() as i64).max(1);
        match seconds {
            ..91 => self.t.count("span-seconds", seconds),
            91..5400 => self.t.count("span-minutes", (seconds + 59) / 60),
            _ => self.t.count("span-hours", (seconds + 3599) / 3600),
        }
    }

    fn seconds_until(&self, at: Timestamp) -> f64 {
        at.since(self.now)
            .and_then(|span| span.total(Unit::Second))
            .unwrap_or(0.0)
    }

    /// Whole minutes until `at`, 0 where it has passed.
    pub(crate) fn minutes_until(&self, at: Timestamp) -> i64 {
        let seconds = self.seconds_until(at);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seconds between two instants"
        )]
        let minutes = (seconds / 60.0).floor() as i64;
        minutes.max(0)
    }
}
