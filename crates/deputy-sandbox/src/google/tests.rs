//! The emulated Google, driven over HTTP as a client would.

mod calendar;
mod calendar_guests;
mod calendar_lists;
mod calendar_series;
pub(super) mod client;
mod frame;
mod oauth;
