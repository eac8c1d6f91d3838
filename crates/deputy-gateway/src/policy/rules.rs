//! The rules about tools that an administrator and a person made, at hand for every call.
//!
//! They are read from the database at most every [`FRESH`]; who changes one here makes it count at
//! once, who changes one on another replica within that time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::UserId;
use deputy_store::Store;
use deputy_templates::Policy;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long what was read counts.
const FRESH: Duration = Duration::from_secs(2);
/// Most administrators' rules.
pub(crate) const MAX_RULES: u64 = 10_000;
/// Most people whose rules are kept at hand.
const MAX_PEOPLE: usize = 10_000;

/// For all tools of a server.
pub(crate) const ALL: &str = "*";

type Person = Arc<HashMap<String, Policy>>;

/// The rules. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Rules {
    store: Store,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    administrators: Option<(Instant, Arc<Administrators>)>,
    people: HashMap<UserId, (Instant, Person)>,
}

/// The administrators' rules.
#[derive(Default)]
pub(crate) struct Administrators(HashMap<(String, String), Policy>);

impl Administrators {
    /// The strictest rule about a tool: its own and that of its whole server.
    pub(crate) fn about(&self, server: &str, tool: &str) -> Option<Policy> {
        if self.0.is_empty() {
            return None;
        }
        let rule = |tool: &str| self.0.get(&(server.to_owned(), tool.to_owned())).copied();
        rule(tool).max(rule(ALL))
    }
}

impl Rules {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            inner: Arc::default(),
        }
    }

    /// What the administrators say.
    pub(crate) async fn administrators(&self) -> deputy_store::Result<Arc<Administrators>> {
        if let Some((at, rules)) = &self.inner.lock().administrators
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(rules));
        }
        let at = Instant::now();
        let rows = self.store.tool_policies(MAX_RULES).await?;
        let rules = rows
            .into_iter()
            .map(|row| ((row.server, row.tool), word(&row.policy)))
            .collect();
        let rules = Arc::new(Administrators(rules));
        self.inner.lock().administrators = Some((at, Arc::clone(&rules)));
        Ok(rules)
    }

    /// What this person says about first-party tools.
    pub(crate) async fn person(&self, user: UserId) -> deputy_store::Result<Person> {
        if let Some((at, rules)) = self.inner.lock().people.get(&user)
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(rules));
        }
        let at = Instant::now();
        let rows = self.store.user(user).tool_policies().await?;
        let rules: Person = Arc::new(
            rows.into_iter()
                .map(|(tool, policy)| (tool, word(&policy)))
                .collect(),
        );
        let mut inner = self.inner.lock();
        if inner.people.len() >= MAX_PEOPLE {
            inner.people.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if inner.people.len() < MAX_PEOPLE {
            inner.people.insert(user, (at, Arc::clone(&rules)));
        }
        Ok(rules)
    }

    /// Has the rules read anew: somebody changed one here.
    pub(crate) fn changed(&self) {
        *self.inner.lock() = Inner::default();
    }
}

/// A stored word. One that a newer version wrote is taken for the strictest.
pub(crate) fn word(word: &str) -> Policy {
    word.parse().unwrap_or(Policy::Deny)
}
