//! Everything the emulated Google remembers: typed documents keyed by (account, id), and blobs.
//!
//! All of it is in memory, and every change is in `google.redb` before the request that made it is
//! answered, so that a killed sandbox comes back with what it acknowledged. A request runs as one
//! [`Tx`] under one lock: handlers are plain synchronous functions that see nobody else's half-done
//! work, and a handler that fails leaves nothing behind. What a concurrent request reads may not be
//! on disk yet, but its own answer waits for what it wrote itself.
//!
//! Commits are grouped: changes queue in the order of their transactions, and whoever comes first to
//! the disk takes everybody's along.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use deputy_core::Rng;
use deputy_core::clock::{Clock, OffsetClock};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A kind of thing that is remembered. Stored as JSON.
pub(crate) trait Document: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the kind in the state file; never changed once used.
    const KIND: &'static str;
}

/// The account of what belongs to nobody: grants' counters, the clock.
pub(crate) const NOBODY: &str = "";

const DOCUMENTS: TableDefinition<(&str, &str, &str), &[u8]> = TableDefinition::new("documents");
const BLOBS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("blobs");

/// The state file can't be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The folder or file can't be made.
    #[error("state folder: {0}")]
    Folder(#[from] std::io::Error),
    /// The database refused.
    #[error("state file: {0}")]
    File(Box<redb::Error>),
    /// A document of the file is not what this program writes.
    #[error("state file: a document of kind {kind}: {error}")]
    Document {
        /// Kind of the document.
        kind: &'static str,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// An earlier write failed, so that memory and file differ.
    #[error("state file: an earlier write failed; restart the sandbox")]
    Poisoned,
}

fn file(error: impl Into<redb::Error>) -> WorldError {
    WorldError::File(Box::new(error.into()))
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Counters {
    /// Microseconds of the last tick.
    tick_us: i64,
    /// The last change number.
    change: u64,
    /// How far the clock was moved.
    clock_offset_ms: i64,
}

impl Document for Counters {
    const KIND: &'static str = "counters";
}

type Rows<T> = BTreeMap<(String, String), Arc<T>>;
type RawRows = Vec<(String, String, Vec<u8>)>;

struct World {
    /// Documents as they were in the file, until their kind is first asked for.
    raw: RefCell<HashMap<String, RawRows>>,
    /// `Rows<T>` by `T::KIND`.
    tables: RefCell<HashMap<&'static str, Box<dyn Any + Send>>>,
    blobs: BTreeMap<(String, String), Bytes>,
    counters: Counters,
}

impl World {
    fn with<T: Document, R>(&self, f: impl FnOnce(&mut Rows<T>) -> R) -> R {
        let mut tables = self.tables.borrow_mut();
        let table = tables.entry(T::KIND).or_insert_with(|| {
            let rows = self.raw.borrow_mut().remove(T::KIND).unwrap_or_default();
            let rows: Rows<T> = rows
                .into_iter()
                .filter_map(|(account, id, json)| match serde_json::from_slice(&json) {
                    Ok(document) => Some(((account, id), Arc::new(document))),
                    Err(error) => {
                        tracing::warn!(kind = T::KIND, %error, "left out a document of the state file that can't be read");
                        None
                    }
                })
                .collect();
            Box::new(rows)
        });
        #[expect(
            clippy::expect_used,
            reason = "a kind has one type: Document::KIND is unique"
        )]
        f(table
            .downcast_mut::<Rows<T>>()
            .expect("two document types with one kind"))
    }
}

enum Op {
    Document {
        kind: &'static str,
        account: String,
        id: String,
        json: Option<Vec<u8>>,
    },
    Blob {
        account: String,
        id: String,
        data: Option<Bytes>,
    },
    Clear,
}

#[derive(Default)]
struct Queue {
    ops: Vec<Op>,
    number: u64,
}

struct Durable {
    database: Database,
    queue: Mutex<Queue>,
    /// Number of the last queued transaction that is on disk; `None` once a write failed.
    done: Mutex<Option<u64>>,
}

impl Durable {
    /// Returns when transaction `number` is on disk.
    fn flush(&self, number: u64) -> Result<(), WorldError> {
        let mut done = self.done.lock();
        match *done {
            None => return Err(WorldError::Poisoned),
            Some(last) if last >= number => return Ok(()),
            Some(_) => {}
        }
        let Queue { ops, number } = {
            let mut queue = self.queue.lock();
            let number = queue.number;
            Queue {
                ops: std::mem::take(&mut queue.ops),
                number,
            }
        };
        *done = None;
        self.commit(ops)?;
        *done = Some(number);
        Ok(())
    }

    fn commit(&self, ops: Vec<Op>) -> Result<(), WorldError> {
        let write = self.database.begin_write().map_err(file)?;
        {
            let mut documents = write.open_table(DOCUMENTS).map_err(file)?;
            let mut blobs = write.open_table(BLOBS).map_err(file)?;
            for op in ops {
                match op {
                    Op::Clear => {
                        documents.retain(|_, _| false).map_err(file)?;
                        blobs.retain(|_, _| false).map_err(file)?;
                    }
                    Op::Document {
                        kind,
                        account,
                        id,
                        json: Some(json),
                    } => {
                        documents
                            .insert((kind, account.as_str(), id.as_str()), json.as_slice())
                            .map_err(file)?;
                    }
                    Op::Document {
                        kind,
                        account,
                        id,
                        json: None,
                    } => {
                        documents
                            .remove((kind, account.as_str(), id.as_str()))
                            .map_err(file)?;
                    }
                    Op::Blob {
                        account,
                        id,
                        data: Some(data),
                    } => {
                        blobs
                            .insert((account.as_str(), id.as_str()), data.as_ref())
                            .map_err(file)?;
                    }
                    Op::Blob {
                        account,
                        id,
                        data: None,
                    } => {
                        blobs
                            .remove((account.as_str(), id.as_str()))
                            .map_err(file)?;
                    }
                }
            }
        }
        write.commit().map_err(file)?;
        Ok(())
    }
}

/// The shared state: cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    world: Arc<Mutex<World>>,
    durable: Arc<Durable>,
    /// The emulated Google's time.
    pub(crate) clock: OffsetClock,
    /// Where ids and tokens come from.
    pub(crate) rng: Arc<dyn Rng>,
}

impl Store {
    /// Opens `google.redb` in `folder`, or makes both.
    pub(crate) fn open(folder: &Path, rng: Arc<dyn Rng>) -> Result<Self, WorldError> {
        std::fs::create_dir_all(folder)?;
        let database = Database::create(folder.join("google.redb")).map_err(file)?;
        let write = database.begin_write().map_err(file)?;
        write.open_table(DOCUMENTS).map_err(file)?;
        write.open_table(BLOBS).map_err(file)?;
        write.commit().map_err(file)?;
        let mut raw: HashMap<String, RawRows> = HashMap::new();
        let mut blobs = BTreeMap::new();
        let read = database.begin_read().map_err(file)?;
        for row in read
            .open_table(DOCUMENTS)
            .map_err(file)?
            .iter()
            .map_err(file)?
        {
            let (key, value) = row.map_err(file)?;
            let (kind, account, id) = key.value();
            raw.entry(kind.to_owned()).or_default().push((
                account.to_owned(),
                id.to_owned(),
                value.value().to_vec(),
            ));
        }
        for row in read.open_table(BLOBS).map_err(file)?.iter().map_err(file)? {
            let (key, value) = row.map_err(file)?;
            let (account, id) = key.value();
            blobs.insert(
                (account.to_owned(), id.to_owned()),
                Bytes::copy_from_slice(value.value()),
            );
        }
        drop(read);
        let mut world = World {
            raw: RefCell::new(raw),
            tables: RefCell::default(),
            blobs,
            counters: Counters::default(),
        };
        let key = (NOBODY.to_owned(), NOBODY.to_owned());
        world.counters = world
            .with(|rows: &mut Rows<Counters>| rows.get(&key).map(|c| **c))
            .unwrap_or_default();
        let clock = OffsetClock::default();
        clock.advance(SignedDuration::from_millis(world.counters.clock_offset_ms));
        Ok(Self {
            world: Arc::new(Mutex::new(world)),
            durable: Arc::new(Durable {
                database,
                queue: Mutex::default(),
                done: Mutex::new(Some(0)),
            }),
            clock,
            rng,
        })
    }

    /// Runs `f` as one transaction and returns when what it wrote is on disk. If `f` fails, nothing
    /// of it remains.
    pub(crate) async fn run<R, E: From<WorldError>>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let (result, number) = self.apply(f)?;
        if let Some(number) = number {
            let durable = self.durable.clone();
            tokio::task::spawn_blocking(move || durable.flush(number))
                .await
                .unwrap_or(Err(WorldError::Poisoned))
                .map_err(E::from)?;
        }
        Ok(result)
    }

    /// Runs `f` on what is remembered now; it can't write.
    pub(crate) fn read<R>(&self, f: impl FnOnce(&Tx<'_>) -> R) -> R {
        let mut world = self.world.lock();
        f(&Tx::new(&mut world, &self.clock, &*self.rng))
    }

    fn apply<R, E: From<WorldError>>(
        &self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<R, E>,
    ) -> Result<(R, Option<u64>), E> {
        let mut world = self.world.lock();
        let mut tx = Tx::new(&mut world, &self.clock, &*self.rng);
        let result = f(&mut tx).and_then(|result| {
            tx.broken
                .take()
                .map_or(Ok(result), |error| Err(error.into()))
        });
        match result {
            Ok(result) => {
                let ops = tx.finish();
                if ops.is_empty() {
                    return Ok((result, None));
                }
                let mut queue = self.durable.queue.lock();
                queue.ops.extend(ops);
                queue.number += 1;
                Ok((result, Some(queue.number)))
            }
            Err(error) => {
                tx.roll_back();
                Err(error)
            }
        }
    }
}

type Undo = Box<dyn FnOnce(&mut World)>;

/// One request's view of the world. Reads see the request's own writes.
pub(crate) struct Tx<'w> {
    world: &'w mut World,
    clock: &'w OffsetClock,
    rng: &'w dyn Rng,
    now: Timestamp,
    counters: Counters,
    staged: Vec<Op>,
    undo: Vec<Undo>,
    broken: Option<WorldError>,
}

impl<'w> Tx<'w> {
    fn new(world: &'w mut World, clock: &'w OffsetClock, rng: &'w dyn Rng) -> Self {
        let counters = world.counters;
        Self {
            world,
            clock,
            rng,
            now: clock.now(),
            counters,
            staged: Vec::new(),
            undo: Vec::new(),
            broken: None,
        }
    }

    /// The present: one instant for the whole request.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// An instant for a change: the present, but later than every tick before, by a microsecond if
    /// need be. What etags and `updated` are made of.
    pub(crate) fn tick(&mut self) -> Timestamp {
        self.counters.tick_us = self.now.as_microsecond().max(self.counters.tick_us + 1);
        Timestamp::from_microsecond(self.counters.tick_us).unwrap_or(self.now)
    }

    /// A number greater than all before, for whatever is listed by change.
    pub(crate) fn next_change(&mut self) -> u64 {
        self.counters.change += 1;
        self.counters.change
    }

    /// The newest change number.
    pub(crate) fn last_change(&self) -> u64 {
        self.counters.change
    }

    /// Where randomness comes from.
    pub(crate) fn rng(&self) -> &'w dyn Rng {
        self.rng
    }

    /// `length` random characters out of `alphabet`.
    pub(crate) fn random_id(&self, alphabet: &str, length: usize) -> String {
        let alphabet = alphabet.as_bytes();
        let mut bytes = vec![0; length];
        self.rng.fill(&mut bytes);
        bytes
            .iter()
            .map(|b| char::from(alphabet[usize::from(*b) % alphabet.len()]))
            .collect()
    }

    /// Moves the clock for everybody, for good.
    pub(crate) fn move_clock(&mut self, by: SignedDuration) {
        self.clock.advance(by);
        self.counters.clock_offset_ms =
            i64::try_from(self.clock.offset().as_millis()).unwrap_or(i64::MAX);
        self.now = self.clock.now();
    }

    /// The document, if it is there.
    pub(crate) fn get<T: Document>(&self, account: &str, id: &str) -> Option<Arc<T>> {
        let key = (account.to_owned(), id.to_owned());
        self.world
            .with(|rows: &mut Rows<T>| rows.get(&key).cloned())
    }

    /// All documents of an account, by id.
    pub(crate) fn list<T: Document>(&self, account: &str) -> Vec<(String, Arc<T>)> {
        self.world.with(|rows: &mut Rows<T>| {
            rows.range((account.to_owned(), String::new())..)
                .take_while(|((a, _), _)| a == account)
                .map(|((_, id), document)| (id.clone(), document.clone()))
                .collect()
        })
    }

    /// All documents of all accounts, by account and id.
    pub(crate) fn list_all<T: Document>(&self) -> Vec<(String, String, Arc<T>)> {
        self.world.with(|rows: &mut Rows<T>| {
            rows.iter()
                .map(|((account, id), document)| (account.clone(), id.clone(), document.clone()))
                .collect()
        })
    }

    /// Writes the document, new or in place of the old.
    pub(crate) fn put<T: Document>(&mut self, account: &str, id: &str, document: T) {
        match serde_json::to_vec(&document) {
            Ok(json) => self.set(account, id, Some((document, json))),
            Err(error) => {
                self.broken = Some(WorldError::Document {
                    kind: T::KIND,
                    error,
                });
            }
        }
    }

    /// Forgets the document. True if it was there.
    pub(crate) fn remove<T: Document>(&mut self, account: &str, id: &str) -> bool {
        let there = self.get::<T>(account, id).is_some();
        if there {
            self.set::<T>(account, id, None);
        }
        there
    }

    fn set<T: Document>(&mut self, account: &str, id: &str, new: Option<(T, Vec<u8>)>) {
        let key = (account.to_owned(), id.to_owned());
        let (document, json) = new.unzip();
        let before = self.world.with(|rows: &mut Rows<T>| match document {
            Some(document) => rows.insert(key.clone(), Arc::new(document)),
            None => rows.remove(&key),
        });
        self.staged.push(Op::Document {
            kind: T::KIND,
            account: account.to_owned(),
            id: id.to_owned(),
            json,
        });
        self.undo.push(Box::new(move |world| {
            world.with(|rows: &mut Rows<T>| match before {
                Some(document) => rows.insert(key, document),
                None => rows.remove(&key),
            });
        }));
    }

    /// The blob, if it is there.
    pub(crate) fn blob(&self, account: &str, id: &str) -> Option<Bytes> {
        self.world
            .blobs
            .get(&(account.to_owned(), id.to_owned()))
            .cloned()
    }

    /// Writes the blob, new or in place of the old; `None` forgets it.
    pub(crate) fn put_blob(&mut self, account: &str, id: &str, data: Option<Bytes>) {
        let key = (account.to_owned(), id.to_owned());
        let before = match data.clone() {
            Some(data) => self.world.blobs.insert(key.clone(), data),
            None => self.world.blobs.remove(&key),
        };
        self.staged.push(Op::Blob {
            account: account.to_owned(),
            id: id.to_owned(),
            data,
        });
        self.undo.push(Box::new(move |world| {
            match before {
                Some(data) => world.blobs.insert(key, data),
                None => world.blobs.remove(&key),
            };
        }));
    }

    /// Forgets everything of everybody, and puts the clock right. Can't be undone by a failure of
    /// what follows.
    pub(crate) fn clear(&mut self) {
        self.world.tables.borrow_mut().clear();
        self.world.raw.borrow_mut().clear();
        self.world.blobs.clear();
        self.undo.clear();
        self.staged = vec![Op::Clear];
        self.move_clock(-self.clock.offset());
    }

    fn finish(mut self) -> Vec<Op> {
        let (old, new) = (self.world.counters, self.counters);
        if (old.tick_us, old.change, old.clock_offset_ms)
            != (new.tick_us, new.change, new.clock_offset_ms)
        {
            self.put(NOBODY, NOBODY, new);
            self.world.counters = new;
        }
        self.staged
    }

    fn roll_back(mut self) {
        for undo in std::mem::take(&mut self.undo).into_iter().rev() {
            undo(self.world);
        }
    }
}
