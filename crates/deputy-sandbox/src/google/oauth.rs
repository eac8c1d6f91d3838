//! OAuth 2.0 as Google does it.

pub(crate) mod tokens;
