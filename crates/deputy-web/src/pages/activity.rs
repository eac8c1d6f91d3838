//! `/activity`: what was done in the person's name, and how much of it. An administrator sees
//! everybody's records and may look at one person's.
//!
//! Filters are a form that is sent by GET, so that what is shown has an address. A part of it that
//! can't be read is left out, and the form shows what is really held back.

mod asked;
mod plot;
mod records;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use deputy_core::{Scope, UserId};
use deputy_gateway::usage::Usage;
use deputy_identity::User;
use deputy_store::audit::{AuditFilter, AuditPlace, AuditRow};

use super::approvals::Titles;
use super::{render, shell, watch};
use crate::App;
use crate::auth::SignedIn;
use crate::error::PageError;
use crate::form::Lenient;
use crate::text::Text;
use crate::view::{Nav, Shell, Watch};

pub(crate) use asked::{Asked, Kind, Outcome};
pub(crate) use plot::{Plot, ServerBar};
pub(crate) use records::RecordView;

/// Records on a page.
const LIMIT: usize = 50;

/// Periods to choose from, in days.
pub(crate) const PERIODS: [u16; 3] = [7, 30, 90];

/// Somebody whose records an administrator may look at.
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) name: String,
}

/// The numbers of a period.
pub(crate) struct Totals {
    pub(crate) calls: u64,
    /// Percent; 100 only where nothing failed.
    pub(crate) success: u64,
    /// With its unit.
    pub(crate) time: String,
    pub(crate) busiest: Option<String>,
}

impl Totals {
    fn new(usage: &Usage, t: Text) -> Self {
        Self {
            calls: usage.total_queries,
            success: (usage.successful_queries * 100)
                .checked_div(usage.total_queries)
                .unwrap_or(0),
            time: duration(usage.avg_response_time, t),
            busiest: usage.most_used_server.clone(),
        }
    }
}

/// Milliseconds as people read them.
fn duration(ms: f64, t: Text) -> String {
    if ms < 999.5 {
        t.tr1("unit-ms", "n", format!("{ms:.0}"))
    } else {
        t.tr1("unit-s", "n", format!("{:.1}", ms / 1000.0))
    }
}

#[derive(Template)]
#[template(path = "activity.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) asked: Asked,
    pub(crate) days: u16,
    pub(crate) totals: Totals,
    pub(crate) plot: Plot,
    pub(crate) servers: Vec<ServerBar>,
    /// Whose usage it is, where it is another person's.
    pub(crate) usage_of: Option<String>,
    pub(crate) records: Vec<RecordView>,
    /// Empty where the person is no administrator.
    pub(crate) people: Vec<Person>,
    /// Where the next page to either side is.
    pub(crate) newer: Option<String>,
    pub(crate) older: Option<String>,
}

impl Page {
    pub(crate) fn kinds(&self) -> [(Kind, bool); Kind::ALL.len()] {
        Kind::ALL.map(|kind| (kind, self.asked.kind() == Some(kind)))
    }

    pub(crate) fn outcomes(&self) -> [(Outcome, bool); Outcome::ALL.len()] {
        Outcome::ALL.map(|outcome| (outcome, self.asked.outcome() == Some(outcome)))
    }

    pub(crate) fn periods(&self) -> [(u16, String); 3] {
        PERIODS.map(|days| (days, self.asked.href_for_days(days)))
    }
}

/// A page of records, and whether there are further ones.
struct Found {
    rows: Vec<AuditRow>,
    newer: bool,
    older: bool,
}

async fn find(app: &App, filter: &AuditFilter, place: AuditPlace) -> Result<Found, PageError> {
    let page = async |place| {
        app.store
            .audit_page(filter, place, LIMIT as u64 + 1)
            .await
            .map_err(|error| PageError::internal(&error, "reading the records"))
    };
    let mut rows = page(place).await?;
    if matches!(place, AuditPlace::After(_)) {
        if rows.len() > LIMIT {
            rows.remove(0);
            return Ok(Found {
                rows,
                newer: true,
                older: true,
            });
        }
        // The way up has reached the top: the whole first page, not a short one.
        rows = page(AuditPlace::Newest).await?;
    }
    let older = rows.len() > LIMIT;
    rows.truncate(LIMIT);
    Ok(Found {
        newer: matches!(place, AuditPlace::Before(_)) && !rows.is_empty(),
        older,
        rows,
    })
}

/// `GET /activity`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Lenient(mut asked): Lenient<Asked>,
) -> Result<Response, PageError> {
    let admin = who.principal.may(Scope::Admin);
    let users = if admin {
        app.identity
            .users()
            .await
            .map_err(|error| PageError::internal(&error, "listing people"))?
    } else {
        Vec::new()
    };
    asked.keep_known(&users);
    let watch = watch(&app, &who);
    let chosen = users.iter().find(|user| asked.is_person(user.id));
    let own = (!admin).then_some(who.principal.user_id);
    let filter = asked.filter(own.or(chosen.map(|user| user.id)), &watch.zone);
    let found = find(&app, &filter, asked.place()).await?;
    let days = asked.days();
    let usage_of = chosen.map_or(who.principal.user_id, |user| user.id);
    let usage = app
        .gateway
        .usage(usage_of, days, &watch.zone)
        .await
        .map_err(|error| PageError::internal(&error, "counting calls"))?;
    let titles = Titles::of(&app, &who).await?;
    render(&page(Parts {
        shell: shell(&app, &who, Nav::Activity, None).await?,
        own: who.principal.user_id.0,
        asked,
        users,
        watch,
        titles,
        usage,
        found,
    }))
}

struct Parts {
    shell: Shell,
    own: i64,
    asked: Asked,
    users: Vec<User>,
    watch: Watch,
    titles: Titles,
    usage: Usage,
    found: Found,
}

fn page(parts: Parts) -> Page {
    let Parts { asked, found, .. } = parts;
    let t = parts.shell.t;
    let today = parts.watch.now.to_zoned(parts.watch.zone.clone()).date();
    let (first, last) = (found.rows.first(), found.rows.last());
    let chosen = parts.users.iter().find(|user| asked.is_person(user.id));
    Page {
        days: asked.days(),
        totals: Totals::new(&parts.usage, t),
        plot: Plot::new(&parts.usage.by_day, today, asked.days()),
        servers: plot::by_server(&parts.usage.by_server),
        usage_of: chosen
            .filter(|user| user.id.0 != parts.own)
            .map(|user| user.name.clone()),
        newer: first
            .filter(|_| found.newer)
            .map(|row| asked.href_after(row.seq)),
        older: last
            .filter(|_| found.older)
            .map(|row| asked.href_before(row.seq)),
        records: found
            .rows
            .iter()
            .map(|row| {
                let own = UserId(parts.own);
                RecordView::new(row, own, &parts.titles, &parts.watch, &parts.users)
            })
            .collect(),
        people: parts
            .users
            .iter()
            .map(|user| Person {
                id: user.id.0,
                name: user.username.clone(),
            })
            .collect(),
        asked,
        shell: parts.shell,
    }
}

/// The page of an administrator over made-up records.
#[cfg(test)]
pub(super) fn gallery_page(shell: Shell, watch: Watch, usage: Usage, rows: Vec<AuditRow>) -> Page {
    let fresh = rows.is_empty();
    page(Parts {
        shell,
        own: 1,
        asked: Asked::default(),
        users: Vec::new(),
        watch,
        titles: Titles::from([]),
        usage,
        found: Found {
            rows,
            newer: false,
            older: !fresh,
        },
    })
}

#[cfg(test)]
mod tests;
