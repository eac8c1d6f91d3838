//! What an emulated API brings along; the frame knows the APIs only through this.

use super::call::Handler;
use super::methods::METHODS;
use super::world::Tx;

/// One emulated API.
pub(crate) struct Service {
    /// Handlers by discovery id. A method of the table without a handler answers 501.
    pub(crate) methods: &'static [(&'static str, Handler)],
    /// Gives a new account what it has from the first day (its primary calendar, its system
    /// labels). Called once per account.
    pub(crate) provision: fn(&mut Tx<'_>, account: &str),
    /// Told when the account's name or time zone was changed from outside.
    pub(crate) changed: Option<fn(&mut Tx<'_>, account: &str)>,
    /// Makes the account's sync tokens (history ids, page tokens of changes) too old to be used.
    pub(crate) expire: Option<fn(&mut Tx<'_>, account: &str)>,
    /// Takes a mail in for whichever of the recipients have accounts here. One service has it.
    pub(crate) deliver: Option<Deliver>,
    /// What people see of it on the account's page.
    pub(crate) window: Option<Window>,
    /// What a call costs of its user's quota per minute, and how much there is.
    pub(crate) quota: Option<Quota>,
    /// Answers requests to the upload paths that carry an `upload_id`: a resumable session's URI.
    /// There `Call::account` is empty and scopes aren't checked: the URI itself is the right.
    pub(crate) resume: Option<Handler>,
}

impl Service {
    /// A service without any of the optional parts.
    pub(crate) const fn new(
        methods: &'static [(&'static str, Handler)],
        provision: fn(&mut Tx<'_>, account: &str),
    ) -> Self {
        Self {
            methods,
            provision,
            changed: None,
            expire: None,
            deliver: None,
            window: None,
            quota: None,
            resume: None,
        }
    }
}

/// `(tx, envelope sender, envelope recipients, message as RFC 5322)`.
pub(crate) type Deliver = fn(&mut Tx<'_>, from: &str, to: &[String], raw: &[u8]);

/// A quota per minute and user (sliding window).
#[derive(Clone, Copy)]
pub(crate) struct Quota {
    /// The API whose methods it covers, as in discovery ids: `calendar`.
    pub(crate) api: &'static str,
    /// Units per minute and user.
    pub(crate) per_minute: u32,
    /// Units of one call, by discovery id.
    pub(crate) cost: fn(method: &str) -> u32,
}

/// A section of an account's page. All text is escaped when shown.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// The section's name in URLs: `calendar`.
    pub(crate) name: &'static str,
    /// The listing.
    pub(crate) section: fn(&Tx<'_>, account: &str) -> Section,
    /// One thing of the listing, opened.
    pub(crate) item: fn(&Tx<'_>, account: &str, id: &str) -> Option<Item>,
}

/// A listing.
#[derive(Debug, Default)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// What an empty listing says.
    pub(crate) empty: &'static str,
    pub(crate) columns: &'static [&'static str],
    pub(crate) rows: Vec<Row>,
}

/// A line of a listing.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// One text per column; the first one links to the item.
    pub(crate) cells: Vec<String>,
    /// The id that `Window::item` takes; no link without one.
    pub(crate) item: Option<String>,
    /// Whether it stands out: an unread mail.
    pub(crate) strong: bool,
}

/// One thing on a page of its own.
#[derive(Debug, Default)]
pub(crate) struct Item {
    pub(crate) title: String,
    /// Names and values.
    pub(crate) facts: Vec<(String, String)>,
    /// Its text, shown with its line breaks.
    pub(crate) text: String,
}

/// Whoever answers `method`.
pub(crate) fn handler(method: &str) -> Option<Handler> {
    super::SERVICES
        .iter()
        .flat_map(|s| s.methods)
        .find(|(id, _)| *id == method)
        .map(|(_, handler)| *handler)
}

/// Mails `raw` to those of `to` who have accounts here.
pub(crate) fn deliver(tx: &mut Tx<'_>, from: &str, to: &[String], raw: &[u8]) {
    if let Some(deliver) = super::SERVICES.iter().find_map(|s| s.deliver) {
        deliver(tx, from, to, raw);
    }
}

/// Scopes that an app may ask for: those of the methods, and of OpenID Connect.
pub(crate) fn is_known_scope(scope: &str) -> bool {
    ["openid", "email", "profile"].contains(&scope) || METHODS.scopes.contains(&scope)
}
