//! How much there may be of everything that somebody can make more of.

/// Longest text of a note, of a description and of a comment, in characters.
pub const MAX_TEXT: usize = 20_000;
/// Longest title, in characters.
pub const MAX_TITLE: usize = 300;
/// Longest category of a note, in characters.
pub const MAX_CATEGORY: usize = 50;
/// Longest name of a project, in characters.
pub const MAX_NAME: usize = 200;
/// Longest text of a requirement, in bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// Longest reason for a change, in characters.
pub const MAX_REASON: usize = 1_000;
/// Longest search, in characters.
pub const MAX_QUERY: usize = 200;
/// Most words of a search that count.
pub const MAX_WORDS: usize = 10;
/// Most notes of a person.
pub const MAX_NOTES: u64 = 10_000;
/// Most tasks of a person.
pub const MAX_TASKS: u64 = 10_000;
/// Most projects that a person makes or has.
pub const MAX_PROJECTS: u64 = 200;
/// Most members of a project.
pub const MAX_MEMBERS: usize = 200;
/// Most requirements of a project, deleted ones too.
pub const MAX_REQUIREMENTS: u64 = 10_000;
/// Most versions of a requirement.
pub const MAX_VERSIONS: i64 = 1_000;
/// Most links in a project.
pub const MAX_LINKS: u64 = 50_000;
/// Most comments about a requirement.
pub const MAX_COMMENTS: u64 = 1_000;
/// Most entries on a page of a listing.
pub const MAX_RESULTS: u32 = 250;
/// Entries on a page of a listing when nobody says how many.
pub const DEFAULT_RESULTS: u32 = 50;
