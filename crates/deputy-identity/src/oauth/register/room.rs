//! Which client makes room, of those that nobody has allowed anything.

use std::collections::HashMap;
use std::net::IpAddr;

use deputy_store::oauth_client::UnusedClient;
use jiff::Timestamp;

use crate::sign_in::network_of;

/// A network that holds more than this part of all loses its own, however young.
const SHARE: u64 = 20;
/// But so many it may always hold.
const ALWAYS: u64 = 10;

/// The client to drop of `unused`, the one seen longest ago first, of which there may be `max`;
/// `None`: all are younger than `young_since`, and no network has too many of them. `newcomer`: the
/// network for which room is made.
pub(super) fn goes<'a>(
    unused: &'a [UnusedClient],
    newcomer: &str,
    young_since: Timestamp,
    max: u64,
) -> Option<&'a UnusedClient> {
    let share = (max / SHARE).max(ALWAYS);
    if let Some((oldest, count)) = crowd(unused.iter())
        && count > share
    {
        return Some(oldest);
    }
    let old = || unused.iter().filter(|client| client.seen_at < young_since);
    let own = old().find(|client| client.created_from.as_deref() == Some(newcomer));
    own.or_else(|| crowd(old()).map(|(oldest, _)| oldest))
}

/// Of the site that has most of them: the first, and how many it has. Of several, the site whose
/// first one comes first.
fn crowd<'a>(clients: impl Iterator<Item = &'a UnusedClient>) -> Option<(&'a UnusedClient, u64)> {
    let mut sites: Vec<(&UnusedClient, u64)> = Vec::new();
    let mut places = HashMap::new();
    for client in clients {
        let place = *places.entry(site(client)).or_insert_with(|| {
            sites.push((client, 0));
            sites.len() - 1
        });
        sites[place].1 += 1;
    }
    let most = sites.iter().map(|(_, count)| *count).max()?;
    sites.into_iter().find(|(_, count)| *count == most)
}

/// What one party has at most of IPv6 without asking for more, a /48; an address of IPv4.
fn site(client: &UnusedClient) -> Option<IpAddr> {
    let address: IpAddr = client.created_from.as_deref()?.parse().ok()?;
    Some(network_of(address, 48))
}

#[cfg(test)]
mod tests;
