//! A workspace on a database of its own, and people in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use async_trait::async_trait;
use deputy_core::{CallId, Clock, SystemClock, SystemRng};
use deputy_store::testing::{for_each_database, user};
use deputy_store::{Store, Tx};
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::{
    Actor, NewProject, NewRequirement, Parts, Record, RecordError, Recorded, Requirement, Workspace,
};

/// What the tests say the time is: a second later whenever it is asked.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let second = self.0.fetch_add(1, Ordering::SeqCst);
        Timestamp::from_second(second).unwrap()
    }
}

/// Keeps what was put on record, or fails.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) kept: Mutex<Vec<Recorded>>,
    pub(crate) fails: AtomicBool,
}

#[async_trait]
impl Record for Records {
    async fn record(&self, _: &Tx, entries: Vec<Recorded>) -> Result<(), RecordError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(RecordError);
        }
        self.kept.lock().extend(entries);
        Ok(())
    }
}

/// A workspace, two people and a third who has nothing.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) workspace: Workspace,
    pub(crate) records: Arc<Records>,
    pub(crate) store: Store,
    pub(crate) alice: Actor,
    pub(crate) bob: Actor,
    pub(crate) eve: Actor,
}

/// Runs a test on each engine.
pub(crate) async fn each<F, Fut>(test: F)
where
    F: Fn(Place) -> Fut,
    Fut: Future<Output = ()>,
{
    for_each_database(|store| async {
        let mut actors = Vec::new();
        for name in ["alice", "bob", "eve"] {
            actors.push(Actor {
                user: user(&store, name).await,
                caller: format!("client:1:{name}'s agent"),
                call: None,
            });
        }
        let [alice, bob, eve] = &actors[..] else {
            unreachable!()
        };
        let records = Arc::new(Records::default());
        let place = Place {
            workspace: Workspace::new(Parts {
                store: store.clone(),
                // 2026-11-22T00:00:00Z
                clock: Arc::new(Ticking(AtomicI64::new(1_795_305_600))),
                record: records.clone(),
                username_key: |name| name.trim().to_lowercase(),
            }),
            records,
            store,
            alice: alice.clone(),
            bob: bob.clone(),
            eve: eve.clone(),
        };
        test(place).await;
    })
    .await;
}

/// The actor in a call of its own.
pub(crate) fn calling(actor: &Actor) -> Actor {
    Actor {
        call: Some(CallId::new(&SystemClock, &SystemRng)),
        ..actor.clone()
    }
}

impl Place {
    /// A project of Alice's with requirements of these titles.
    pub(crate) async fn project(&self, key: &str, titles: &[&str]) -> Vec<Requirement> {
        let new = NewProject {
            key: key.to_owned(),
            name: format!("Project {key}"),
            description: None,
        };
        self.workspace
            .create_project(&self.alice, new)
            .await
            .unwrap();
        let mut made = Vec::new();
        for title in titles {
            let new = NewRequirement {
                project: key.to_owned(),
                title: (*title).to_owned(),
                body: Some(format!("{title}: the text.")),
                status: None,
            };
            let requirement = self.workspace.create_requirement(&self.alice, new).await;
            made.push(requirement.unwrap());
        }
        made
    }

    /// What was put on record: action, target and what was done.
    pub(crate) fn on_record(&self) -> Vec<String> {
        let kept = self.records.kept.lock();
        kept.iter()
            .map(|r| {
                format!(
                    "{} {} {}",
                    r.action,
                    r.target,
                    r.detail["what"].as_str().unwrap()
                )
            })
            .collect()
    }
}
