//! Guests: whom an event invites, and what becomes of those it has when the list changes.

use super::wire::{Attendee, Event};
use crate::error::ToolError;

/// The addresses of the argument `name`, as new guests.
pub(crate) fn invited(name: &str, addresses: &[String]) -> Result<Vec<Attendee>, ToolError> {
    let mut guests: Vec<Attendee> = Vec::with_capacity(addresses.len());
    for (i, text) in addresses.iter().enumerate() {
        let address = address(&format!("/{name}/{i}"), text)?;
        if !guests.iter().any(|g| is(g, &address)) {
            guests.push(Attendee {
                email: Some(address),
                ..Attendee::default()
            });
        }
    }
    Ok(guests)
}

fn address(pointer: &str, text: &str) -> Result<String, ToolError> {
    let text = text.trim();
    let plain = match text.rsplit_once('<') {
        Some((_, rest)) => rest.trim_end_matches('>').trim(),
        None => text,
    };
    let valid = plain.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.contains('@')
    }) && !plain
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '<' | '>'));
    if valid {
        Ok(plain.to_owned())
    } else {
        Err(ToolError::argument(
            pointer,
            format!("'{text}' is no e-mail address"),
        ))
    }
}

/// What an update does to the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct GuestChange {
    /// The whole list from now on.
    pub(crate) set: Option<Vec<Attendee>>,
    /// Guests who are added.
    pub(crate) add: Vec<Attendee>,
    /// Guests who are taken off.
    pub(crate) remove: Vec<Attendee>,
}

impl GuestChange {
    /// The list after the change, or nothing where it stays as it is. Who stays keeps everything
    /// that Google knows of them (response, optional, comment, …). The person's own entry and the
    /// organizer's leave only by `remove`: a list of guests seldom names them.
    pub(crate) fn apply(&self, current: &[Attendee]) -> Option<Vec<Attendee>> {
        let among = |list: &[Attendee], who: &Attendee| {
            list.iter()
                .any(|g| who.email.as_deref().is_some_and(|email| is(g, email)))
        };
        let stays = |who: &&Attendee| {
            let listed = self
                .set
                .as_ref()
                .is_none_or(|set| among(set, who) || is_host(who));
            listed && !among(&self.remove, who)
        };
        let mut after: Vec<Attendee> = current.iter().filter(stays).cloned().collect();
        for new in self.set.iter().flatten().chain(&self.add) {
            if !among(&after, new) && !among(&self.remove, new) {
                after.push(new.clone());
            }
        }
        (after != current).then_some(after)
    }
}

fn is(guest: &Attendee, address: &str) -> bool {
    guest
        .email
        .as_deref()
        .is_some_and(|email| email.eq_ignore_ascii_case(address))
}

fn is_host(guest: &Attendee) -> bool {
    guest.is_self == Some(true)
        || guest
            .extra
            .get("organizer")
            .and_then(serde_json::Value::as_bool)
            == Some(true)
}

/// The addresses of the people whom a change of the event touches besides the person: guests who
/// are no rooms.
pub(crate) fn others(guests: &[Attendee]) -> Vec<&str> {
    let people = guests
        .iter()
        .filter(|g| g.is_self != Some(true) && g.resource != Some(true));
    people.filter_map(|g| g.email.as_deref()).collect()
}

/// The guests of `event`.
pub(crate) fn of(event: &Event) -> &[Attendee] {
    event.attendees.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests;
