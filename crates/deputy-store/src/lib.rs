//! Everything durable. The only crate that talks to a database; the rest see its methods.
//!
//! # Two engines, one text
//!
//! `SQLite` (embedded, the default) and PostgreSQL are reached through SeaORM with the same
//! queries; a dialect difference is an `if` in the one method that needs it. Columns are portable:
//! instants are integers (milliseconds since 1970, UTC), sets and documents are text, sealed values
//! are bytes.
//!
//! # Reading and writing
//!
//! Reads go through [`Store::read`] (a pool). Every write goes through [`Store::begin`]: a
//! transaction that on SQLite queues in this process for the one writer there can be and starts
//! `IMMEDIATE`, so that it can't fail half-way for a lock. **No call to the outside while a [`Tx`]
//! is open.**
//!
//! # Whose row
//!
//! A tenant's row is reached only through [`UserScope`]: `store.user(id)` to read and
//! `tx.user(id)` to write. Every statement there carries the user's id. Not found is `None`.
//!
//! # Adding a table
//!
//! 1. a migration in `src/migration/` (numbered, `up` and `down`), listed in `migration.rs`;
//! 2. an entity in `src/entity/`;
//! 3. a module with the row's domain type and the methods on [`UserScope`] (or on [`Store`] and
//!    [`Tx`] where no tenant is meant), and its tests, each run on both engines by
//!    `testing::for_each_database`.

use std::sync::Arc;
use std::time::Duration;

use deputy_core::UserId;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub mod active_context;
pub mod approval;
pub mod audit;
mod entity;
pub mod error;
pub mod installation_secret;
pub mod lease;
pub mod migration;
pub mod note;
pub mod notice;
pub mod oauth_block;
pub mod oauth_client;
pub mod oauth_consent;
pub mod oauth_grant;
pub mod oauth_revocation;
pub mod oauth_state;
pub mod oauth_token;
pub mod own_server;
pub mod own_tool;
pub mod passkey;
pub mod personal_token;
pub mod project;
pub mod recovery_code;
pub mod remote_account;
pub mod remote_client;
pub mod repeatable_call;
pub mod requirement;
mod search;
pub mod server_setup;
pub mod server_template;
pub mod session;
mod surplus;
pub mod task;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tool_policy;
pub mod totp_factor;
pub mod usage;
pub mod user;
pub mod user_key;
pub mod workspace_call;

pub use error::Error;

/// Result of a store method.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Which engine serves the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Embedded, one process at a time is the rule, several are safe.
    Sqlite,
    /// A server that several replicas share.
    Postgres,
}

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct Config {
    /// `sqlite://PATH` or `postgres://…`.
    pub url: String,
    /// Largest number of connections. Default 10.
    pub max_connections: u32,
}

impl Config {
    /// Defaults for `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
        }
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: DatabaseConnection,
    engine: Engine,
    /// SQLite has one writer: those of this process queue here instead of polling the file's lock.
    writer: Arc<Mutex<()>>,
}

impl Store {
    /// Opens the database; the file is created where there is none. Runs no migration.
    ///
    /// Fails when the URL is neither kind or the database can't be reached within 30 s.
    pub async fn connect(config: &Config) -> Result<Self> {
        let engine = if config.url.starts_with("sqlite:") {
            Engine::Sqlite
        } else if config.url.starts_with("postgres:") || config.url.starts_with("postgresql:") {
            Engine::Postgres
        } else {
            return Err(Error::Url);
        };
        let mut options = ConnectOptions::new(config.url.clone());
        options
            .min_connections(1)
            .max_connections(config.max_connections)
            .acquire_timeout(Duration::from_secs(30))
            .idle_timeout(Duration::from_mins(5))
            .sqlx_logging(false)
            // A file does not hang up: asking every connection whether it lives, before every
            // statement, doubles the trips to SQLite's threads. A server may have.
            .test_before_acquire(engine == Engine::Postgres);
        options.map_sqlx_sqlite_opts(|o| {
            use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
            // FULL: with WAL, an acknowledged commit is on the disk even if the power fails.
            o.create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(10))
                .foreign_keys(true)
                // Deleted secrets are overwritten in the file.
                .pragma("secure_delete", "ON")
        });
        let db = Database::connect(options).await?;
        Ok(Self {
            db,
            engine,
            writer: Arc::new(Mutex::new(())),
        })
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// For reads that belong to no single user.
    pub(crate) fn read(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Starts a unit of work. Dropping it undoes it; [`Tx::commit`] makes it durable.
    pub async fn begin(&self) -> Result<Tx> {
        let writer = match self.engine {
            Engine::Sqlite => Some(Arc::clone(&self.writer).lock_owned().await),
            Engine::Postgres => None,
        };
        let options = TransactionOptions {
            sqlite_transaction_mode: (self.engine == Engine::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let inner = self.db.begin_with_options(options).await?;
        Ok(Tx {
            inner,
            engine: self.engine,
            _writer: writer,
        })
    }

    /// The rows of one user, to read.
    pub fn user(&self, id: UserId) -> UserScope<'_, DatabaseConnection> {
        UserScope {
            conn: &self.db,
            user: id,
            engine: self.engine,
        }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.db.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// Closes all connections; on SQLite folds the write-ahead log into the file first.
    pub async fn close(self) -> Result<()> {
        if self.engine == Engine::Sqlite {
            // Passive: the others wait for readers, which after a migration may be the connection
            // itself, until the busy timeout has passed. The last connection removes the log.
            self.db
                .execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)")
                .await?;
        }
        self.db.close().await?;
        Ok(())
    }
}

/// A unit of work that is not durable yet.
pub struct Tx {
    inner: DatabaseTransaction,
    engine: Engine,
    // Dropped after `inner`: the next writer starts when this one has ended.
    _writer: Option<OwnedMutexGuard<()>>,
}

impl Tx {
    /// Makes it durable.
    pub async fn commit(self) -> Result<()> {
        self.inner.commit().await?;
        Ok(())
    }

    /// For statements that belong to no single user.
    pub(crate) fn conn(&self) -> &DatabaseTransaction {
        &self.inner
    }

    /// The rows of one user, to read and write.
    pub fn user(&self, id: UserId) -> UserScope<'_, DatabaseTransaction> {
        UserScope {
            conn: &self.inner,
            user: id,
            engine: self.engine,
        }
    }

    /// Which engine this is.
    pub fn engine(&self) -> Engine {
        self.engine
    }
}

/// The connection of a [`UserScope`] that writes.
pub type Writing = DatabaseTransaction;

/// The rows of one user. `C` is the pool (then there are only reads) or a transaction.
pub struct UserScope<'c, C: ConnectionTrait> {
    pub(crate) conn: &'c C,
    pub(crate) user: UserId,
    pub(crate) engine: Engine,
}

impl<C: ConnectionTrait> UserScope<'_, C> {
    /// Whose rows these are.
    pub fn user_id(&self) -> UserId {
        self.user
    }

    /// Whether the engine locks rows (`FOR UPDATE`); SQLite locks the database instead.
    pub(crate) fn locks_rows(&self) -> bool {
        self.engine == Engine::Postgres
    }
}

/// An instant as it is stored: milliseconds since 1970, UTC.
pub(crate) fn to_ms(at: jiff::Timestamp) -> i64 {
    at.as_millisecond()
}

/// An instant of whole milliseconds, as it comes back from a row.
pub fn from_millis(ms: i64) -> jiff::Timestamp {
    from_ms(ms)
}

/// A stored instant.
pub(crate) fn from_ms(ms: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        jiff::Timestamp::MIN
    } else {
        jiff::Timestamp::MAX
    })
}

/// Whether a text can stand in a row: PostgreSQL takes none with a NUL in it, and refuses to look for one. So nothing
/// is called by another.
pub(crate) fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

/// Holds a text against what its column takes: `max` bytes, and none of them NUL.
pub(crate) fn fits(
    table: &'static str,
    column: &'static str,
    text: &str,
    max: usize,
) -> Result<()> {
    if text.len() <= max && is_storable(text) {
        Ok(())
    } else {
        Err(Error::Unfit { table, column })
    }
}
