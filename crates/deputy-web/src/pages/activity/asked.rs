//! What the address of the page asks for.

use deputy_core::UserId;
use deputy_identity::User;
use deputy_store::audit::{AuditFilter, AuditOutcome, AuditPlace};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;

use super::PERIODS;

/// What kind of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tool,
    Resource,
    Prompt,
    Approval,
    Server,
    Context,
    Tools,
    Policies,
    Connection,
    Access,
    Client,
    Token,
    Session,
    Factor,
    Password,
    User,
    Key,
    Note,
    Task,
    Project,
    Requirement,
}

impl Kind {
    pub(crate) const ALL: [Self; 21] = [
        Self::Tool,
        Self::Resource,
        Self::Prompt,
        Self::Approval,
        Self::Server,
        Self::Context,
        Self::Tools,
        Self::Policies,
        Self::Connection,
        Self::Access,
        Self::Client,
        Self::Token,
        Self::Session,
        Self::Factor,
        Self::Password,
        Self::User,
        Self::Key,
        Self::Note,
        Self::Task,
        Self::Project,
        Self::Requirement,
    ];

    /// The word before the dot of an action.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
            Self::Approval => "approval",
            Self::Server => "servers",
            Self::Context => "context",
            Self::Tools => "tools",
            Self::Policies => "policies",
            Self::Connection => "connection",
            Self::Access => "access",
            Self::Client => "client",
            Self::Token => "token",
            Self::Session => "session",
            Self::Factor => "factor",
            Self::Password => "password",
            Self::User => "user",
            Self::Key => "key",
            Self::Note => "note",
            Self::Task => "task",
            Self::Project => "project",
            Self::Requirement => "requirement",
        }
    }

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Tool => "activity-kind-tool",
            Self::Resource => "activity-kind-resource",
            Self::Prompt => "activity-kind-prompt",
            Self::Approval => "activity-kind-approval",
            Self::Server => "activity-kind-server",
            Self::Context => "activity-kind-context",
            Self::Tools => "activity-kind-tools",
            Self::Policies => "activity-kind-policies",
            Self::Connection => "activity-kind-connection",
            Self::Access => "activity-kind-access",
            Self::Client => "activity-kind-client",
            Self::Token => "activity-kind-token",
            Self::Session => "activity-kind-session",
            Self::Factor => "activity-kind-factor",
            Self::Password => "activity-kind-password",
            Self::User => "activity-kind-user",
            Self::Key => "activity-kind-key",
            Self::Note => "activity-kind-note",
            Self::Task => "activity-kind-task",
            Self::Project => "activity-kind-project",
            Self::Requirement => "activity-kind-requirement",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Failed,
    Refused,
    Waiting,
    Held,
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] = [
        Self::Ok,
        Self::Failed,
        Self::Refused,
        Self::Waiting,
        Self::Held,
    ];

    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Waiting => "waiting",
            Self::Held => "held",
        }
    }

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Ok => "call-ok",
            Self::Failed => "call-error",
            Self::Refused => "call-refused",
            Self::Waiting => "call-waiting",
            Self::Held => "call-held",
        }
    }

    fn filter(self) -> AuditOutcome {
        match self {
            Self::Failed => AuditOutcome::Failed,
            Self::Ok => AuditOutcome::Is("ok".to_owned()),
            Self::Refused => AuditOutcome::Is("FORBIDDEN".to_owned()),
            Self::Waiting => AuditOutcome::Is("pending".to_owned()),
            Self::Held => AuditOutcome::Is("quarantined".to_owned()),
        }
    }
}

/// The query, field by field as it came: texts, so that one that makes no sense spoils no other.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) from: String,
    pub(crate) to: String,
    action: String,
    pub(crate) target: String,
    outcome: String,
    pub(crate) caller: String,
    person: String,
    days: String,
    before: String,
    after: String,
}

impl Asked {
    /// Forgets what can't be read.
    pub(super) fn keep_known(&mut self, users: &[User]) {
        for date in [&mut self.from, &mut self.to] {
            if date.parse::<Date>().is_err() {
                date.clear();
            }
        }
        for text in [&mut self.target, &mut self.caller] {
            *text = text.trim().chars().take(100).collect();
        }
        if !users.iter().any(|user| self.is_person(user.id)) {
            self.person.clear();
        }
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.id() == self.action)
    }

    pub(crate) fn outcome(&self) -> Option<Outcome> {
        Outcome::ALL
            .into_iter()
            .find(|outcome| outcome.id() == self.outcome)
    }

    pub(super) fn is_person(&self, id: UserId) -> bool {
        self.person.parse() == Ok(id.0)
    }

    pub(crate) fn is_person_id(&self, id: i64) -> bool {
        self.is_person(UserId(id))
    }

    pub(super) fn days(&self) -> u16 {
        let asked = self.days.parse();
        PERIODS
            .into_iter()
            .find(|days| asked == Ok(*days))
            .unwrap_or(PERIODS[0])
    }

    pub(super) fn place(&self) -> AuditPlace {
        match (self.before.parse(), self.after.parse()) {
            (Ok(seq), _) => AuditPlace::Before(seq),
            (_, Ok(seq)) => AuditPlace::After(seq),
            _ => AuditPlace::Newest,
        }
    }

    /// Whether anything is held back.
    pub(crate) fn filters(&self) -> bool {
        let texts = [
            &self.from,
            &self.to,
            &self.target,
            &self.caller,
            &self.person,
        ];
        texts.into_iter().any(|text| !text.is_empty())
            || self.kind().is_some()
            || self.outcome().is_some()
    }

    /// Days are whole days in the person's zone, the last one included.
    pub(super) fn filter(&self, user: Option<UserId>, zone: &TimeZone) -> AuditFilter {
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        AuditFilter {
            user,
            from: self.from.parse().ok().and_then(|day| start(day, zone)),
            until: self
                .to
                .parse::<Date>()
                .ok()
                .and_then(|day| day.checked_add(1.day()).ok())
                .and_then(|day| start(day, zone)),
            action: self.kind().map(|kind| kind.id().to_owned()),
            target: text(&self.target),
            caller: text(&self.caller),
            outcome: self.outcome().map(Outcome::filter),
        }
    }

    pub(super) fn href_before(&self, seq: i64) -> String {
        self.href("before", &seq.to_string(), "#records")
    }

    pub(super) fn href_after(&self, seq: i64) -> String {
        self.href("after", &seq.to_string(), "#records")
    }

    pub(super) fn href_for_days(&self, days: u16) -> String {
        let other = Self {
            days: String::new(),
            ..self.clone()
        };
        other.href("days", &days.to_string(), "")
    }

    /// The page with the same filters and one more field.
    fn href(&self, name: &str, value: &str, fragment: &str) -> String {
        let kept = [
            ("from", &self.from),
            ("to", &self.to),
            ("action", &self.action),
            ("target", &self.target),
            ("outcome", &self.outcome),
            ("caller", &self.caller),
            ("person", &self.person),
            ("days", &self.days),
        ];
        let kept = kept.into_iter().filter(|(_, value)| !value.is_empty());
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair(name, value)
            .finish();
        format!("/activity?{query}{fragment}")
    }
}

fn start(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    day.to_zoned(zone.clone()).ok().map(|at| at.timestamp())
}
