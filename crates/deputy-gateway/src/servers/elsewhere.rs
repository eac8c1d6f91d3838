//! What another replica did to servers that run here.
//!
//! No call reaches a server that was switched off, changed or removed, whoever did it: its row is read before each.
//! But its process would run on until it is idle for long enough, with what its person has just taken from it.

use std::collections::HashMap;

use super::Servers;
use super::launch::generation;
use super::read::own;
use crate::pool::PoolKey;

impl Servers {
    /// Ends what runs here and should not any more, or not as it is.
    pub(crate) async fn sweep_outdated(&self) -> deputy_store::Result<()> {
        let with = self.with();
        let number = |key: &PoolKey| own(key).map(|(_, server)| server);
        let running = with.pool.running();
        let ids: Vec<i64> = running.iter().filter_map(|(key, _)| number(key)).collect();
        if ids.is_empty() {
            return Ok(());
        }
        // Read after that: what was started since is not among those that are looked at.
        let on: HashMap<i64, i64> = with.store.own_servers_on(&ids).await?;
        with.pool.stop_outdated(|key, runs| {
            let Some(server) = number(key).filter(|server| ids.contains(server)) else {
                return false;
            };
            on.get(&server).is_none_or(|now| runs < generation(*now, 0))
        });
        Ok(())
    }
}
