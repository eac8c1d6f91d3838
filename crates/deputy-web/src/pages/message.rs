//! A page that says one thing: how a consent ended, or what went wrong.

use askama::Template;

use crate::view::{ServiceView, Shell};

/// A way on from a message.
pub(crate) struct Action {
    pub(crate) key: &'static str,
    pub(crate) href: String,
}

#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) good: bool,
    pub(crate) heading: String,
    pub(crate) text: String,
    pub(crate) services: Vec<ServiceView>,
    pub(crate) actions: Vec<Action>,
}
