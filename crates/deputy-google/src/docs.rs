//! Google Docs: the edits that the Drive server makes to a document's text.

pub(crate) mod api;
pub(crate) mod markdown;
pub(crate) mod wire;
