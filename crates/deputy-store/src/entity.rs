//! Rows as they are stored. Private: the modules above turn them into domain types.

pub(crate) mod users;
