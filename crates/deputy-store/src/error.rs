//! What can go wrong with the database.

use sea_orm::{DbErr, SqlErr};

/// Error of a store method.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is neither `sqlite://…` nor `postgres://…`.
    #[error("the database URL must start with sqlite:// or postgres://")]
    Url,
    /// A unique key is taken; the text names the constraint or the columns.
    #[error("already exists: {0}")]
    Conflict(String),
    /// A row refers to one that is gone.
    #[error("refers to a missing row: {0}")]
    Dangling(String),
    /// A text is too long for its column or holds a NUL character; nothing was changed.
    #[error("does not fit into {column} of {table}")]
    Unfit {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A row can't be understood: written by a newer version, or damaged.
    #[error("row {row} of {table} has a bad {column}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// The database did not do it: unreachable, full, locked for too long, …
    #[error("the database failed")]
    Database(#[source] DbErr),
}

impl From<DbErr> for Error {
    fn from(err: DbErr) -> Self {
        match err.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(what)) => Self::Conflict(what),
            Some(SqlErr::ForeignKeyConstraintViolation(what)) => Self::Dangling(what),
            _ => Self::Database(err),
        }
    }
}
