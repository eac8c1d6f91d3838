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
        let running: HashMap<i64, u64> = with
            .pool
            .running()
            .iter()
            .filter_map(|(key, generation)| Some((number(key)?, *generation)))
            .collect();
        if running.is_empty() {
            return Ok(());
        }
        let ids: Vec<i64> = running.keys().copied().collect();
        // Read after that. What was started meanwhile is another generation: it is looked at the next time.
        let on = with.store.own_servers_on(&ids).await?;
        with.pool.stop_outdated(|key, runs| {
            number(key).is_some_and(|server| {
                let outdated = |now: &i64| runs < generation(*now, 0);
                running.get(&server) == Some(&runs) && on.get(&server).is_none_or(outdated)
            })
        });
        Ok(())
    }
}
