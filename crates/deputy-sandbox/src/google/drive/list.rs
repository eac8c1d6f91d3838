//! `files.list`.

use std::cmp::Ordering;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::access::{self, Role};
use super::file::{self, DOCUMENT, FOLDER, File, Grantee};
use super::query::{self, Flag, Query, Relation, TimeField};
use super::resource;
use crate::google::call::{Answer, Call};
use crate::google::docs;
use crate::google::failure::Failure;
use crate::google::world::Tx;

type Entry = (String, Arc<File>);

pub(crate) fn list(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let query = match call
        .params
        .get("q")
        .map(str::trim)
        .filter(|q| !q.is_empty())
    {
        Some(q) => Some(
            Query::parse(q)
                .map_err(|invalid| Failure::invalid(invalid.to_string()).at_parameter("q"))?,
        ),
        None => None,
    };
    let order = Order::parse(call.params.get("orderBy").unwrap_or_default())?;
    if !order.0.is_empty() && query.as_ref().is_some_and(Query::has_full_text) {
        return Err(Failure::bad_request(
            "Sorting is not supported for queries with fullText terms. Results are always in descending relevance \
             order.",
        )
        .at_parameter("orderBy"));
    }
    let size = call.params.page_size("pageSize", 100, 1000);
    let mut found = matching(call, query.as_ref());
    found.sort_by(|a, b| order.compare(a, b, &call.account));
    let place = match call
        .params
        .get("pageToken")
        .filter(|token| !token.is_empty())
    {
        Some(token) => Place::read(token, call)?.after(&found),
        None => 0,
    };
    let page: Vec<&Entry> = found.iter().skip(place).take(size).collect();
    let next = page.last().filter(|_| place + page.len() < found.len());
    let next = next.map(|(id, _)| {
        Place {
            index: place + page.len(),
            last: id.clone(),
        }
        .write(call)
    });
    let files: Vec<Value> = page
        .iter()
        .map(|(id, file)| resource::answer(call, id, file))
        .collect();
    let mut out = json!({"kind": "drive#fileList", "incompleteSearch": false, "files": files});
    if let Some(next) = next {
        out["nextPageToken"] = json!(next);
    }
    Ok(Answer::json(out))
}

fn matching(call: &Call<'_, '_>, query: Option<&Query>) -> Vec<Entry> {
    let spaces = call.params.get("spaces").unwrap_or("drive");
    if !spaces.split(',').any(|space| space.trim() == "drive") {
        return Vec::new();
    }
    let mut found = file::all(call.tx);
    found.retain(|(id, file)| {
        !file.is_root
            && access::is_listed(call.tx, file, &call.account)
            && query.is_none_or(|query| {
                query.matches(&View {
                    tx: call.tx,
                    account: &call.account,
                    id,
                    file,
                })
            })
    });
    found
}

/// A file as a query sees it.
struct View<'v, 'w> {
    tx: &'v Tx<'w>,
    account: &'v str,
    id: &'v str,
    file: &'v File,
}

impl query::File for View<'_, '_> {
    fn name(&self) -> &str {
        &self.file.name
    }

    fn mime_type(&self) -> &str {
        &self.file.mime_type
    }

    fn words(&self) -> Vec<String> {
        let mut words = query::words(&self.file.name);
        words.extend(query::words(
            self.file.description.as_deref().unwrap_or_default(),
        ));
        if self.file.mime_type == DOCUMENT {
            words.extend(query::words(&docs::body(self.tx, self.id).plain_text()));
        } else if self.file.mime_type.starts_with("text/") {
            words.extend(query::words(&String::from_utf8_lossy(&file::bytes(
                self.tx, self.id,
            ))));
        }
        words
    }

    fn time(&self, field: TimeField) -> Option<Timestamp> {
        match field {
            TimeField::Modified => Some(self.file.modified),
            TimeField::Created => Some(self.file.created),
            TimeField::ViewedByMe => self.file.viewed.get(self.account).copied(),
            TimeField::SharedWithMe => {
                resource::shared_with(self.file, self.account).map(|(at, _)| *at)
            }
        }
    }

    fn flag(&self, flag: Flag) -> bool {
        match flag {
            Flag::Trashed => file::is_trashed(self.tx, self.file),
            Flag::Starred => self.file.starred_by.contains(self.account),
            Flag::SharedWithMe => resource::shared_with(self.file, self.account).is_some(),
        }
    }

    fn related(&self, relation: Relation, value: &str) -> bool {
        let person = if value == "me" { self.account } else { value };
        let has = |least: Role| {
            self.file.permissions.iter().any(|permission| {
                permission.role >= least
                    && permission.grantee == Grantee::User(person.to_lowercase())
            })
        };
        match relation {
            Relation::Parents => {
                let wanted = file::resolve(self.tx, self.account, value);
                resource::visible_parent(self.tx, self.file, self.account)
                    .is_some_and(|parent| parent == wanted)
            }
            Relation::Owners => self.file.owner == person.to_lowercase(),
            Relation::Writers => has(Role::Writer),
            Relation::Readers => has(Role::Reader),
        }
    }

    fn property(&self, private: bool, key: &str) -> Option<&str> {
        let properties = if private {
            &self.file.app_properties
        } else {
            &self.file.properties
        };
        properties.get(key).map(String::as_str)
    }
}

/// `orderBy`: keys and whether each is descending.
struct Order(Vec<(Key, bool)>);

#[derive(Clone, Copy)]
enum Key {
    Created,
    Folder,
    Modified,
    ModifiedByMe,
    Name,
    NaturalName,
    Quota,
    Recency,
    SharedWithMe,
    Starred,
    ViewedByMe,
}

impl Order {
    fn parse(text: &str) -> Result<Self, Failure> {
        let mut keys = Vec::new();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (name, descending) = match part.split_once(char::is_whitespace) {
                Some((name, direction)) if direction.trim() == "desc" => (name, true),
                None => (part, false),
                Some(_) => return Err(Failure::invalid("Invalid Value").at_parameter("orderBy")),
            };
            let key = match name {
                "createdTime" => Key::Created,
                "folder" => Key::Folder,
                "modifiedTime" => Key::Modified,
                "modifiedByMeTime" => Key::ModifiedByMe,
                "name" => Key::Name,
                "name_natural" => Key::NaturalName,
                "quotaBytesUsed" => Key::Quota,
                "recency" => Key::Recency,
                "sharedWithMeTime" => Key::SharedWithMe,
                "starred" => Key::Starred,
                "viewedByMeTime" => Key::ViewedByMe,
                _ => return Err(Failure::invalid("Invalid Value").at_parameter("orderBy")),
            };
            keys.push((key, descending));
        }
        Ok(Self(keys))
    }

    /// Newest first where nothing else is asked for.
    fn compare(&self, (a_id, a): &Entry, (b_id, b): &Entry, account: &str) -> Ordering {
        for &(key, descending) in &self.0 {
            let order = key.compare(a, b, account);
            let order = if descending { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        b.modified.cmp(&a.modified).then_with(|| a_id.cmp(b_id))
    }
}

impl Key {
    fn compare(self, a: &File, b: &File, account: &str) -> Ordering {
        let size = |file: &File| file.content.as_ref().map_or(0, |content| content.size);
        let shared = |file: &File| resource::shared_with(file, account).map(|(at, _)| *at);
        let mine = |file: &File| (file.modified_by == account).then_some(file.modified);
        let recent = |file: &File| file.viewed.get(account).copied().max(Some(file.modified));
        match self {
            Self::Created => a.created.cmp(&b.created),
            // Folders come first, and last if descending.
            Self::Folder => (a.mime_type != FOLDER).cmp(&(b.mime_type != FOLDER)),
            Self::Modified => a.modified.cmp(&b.modified),
            Self::ModifiedByMe => mine(a).cmp(&mine(b)),
            Self::Name => a.name.to_lowercase().cmp(&b.name.to_lowercase()),
            Self::NaturalName => natural(&a.name).cmp(&natural(&b.name)),
            Self::Quota => size(a).cmp(&size(b)),
            // "Recency" is the one key whose natural direction is newest first.
            Self::Recency => recent(b).cmp(&recent(a)),
            Self::SharedWithMe => shared(a).cmp(&shared(b)),
            Self::Starred => b
                .starred_by
                .contains(account)
                .cmp(&a.starred_by.contains(account)),
            Self::ViewedByMe => a.viewed.get(account).cmp(&b.viewed.get(account)),
        }
    }
}

/// A name by its pieces, so that 9 comes before 10.
fn natural(name: &str) -> Vec<(u64, String)> {
    let mut out = Vec::new();
    let mut rest = name.to_lowercase();
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (text, left) = after.split_at(letters);
        out.push((number.parse().unwrap_or(0), text.to_owned()));
        rest = left.to_owned();
    }
    out
}

/// Where a page ended. It fits the request that it was made for only.
struct Place {
    index: usize,
    last: String,
}

impl Place {
    fn request(call: &Call<'_, '_>) -> String {
        let said = ["q", "orderBy", "spaces"].map(|name| call.params.get(name).unwrap_or_default());
        let hash = deputy_core::secret::sha256_hex(
            format!("{}\n{}", call.account, said.join("\n")).as_bytes(),
        );
        hash.chars().take(16).collect()
    }

    fn write(&self, call: &Call<'_, '_>) -> String {
        let text = format!("{}:{}:{}", self.index, self.last, Self::request(call));
        format!("~!!~{}", URL_SAFE_NO_PAD.encode(text))
    }

    fn read(token: &str, call: &Call<'_, '_>) -> Result<Self, Failure> {
        let place = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token.strip_prefix("~!!~")?).ok()?)
                .ok()?;
            let mut parts = text.split(':');
            let place = Self {
                index: parts.next()?.parse().ok()?,
                last: parts.next()?.to_owned(),
            };
            (parts.next()? == Self::request(call)).then_some(place)
        };
        place().ok_or_else(|| Failure::invalid("Invalid Value").at_parameter("pageToken"))
    }

    /// After the file that was last, wherever it is now; where it was, if it is gone.
    fn after(&self, found: &[Entry]) -> usize {
        let now = found.iter().position(|(id, _)| *id == self.last);
        now.map_or(self.index.saturating_sub(1), |at| at + 1)
    }
}
