//! Listings: which messages a request asks for, and in pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::labels;
use super::mailbox::{self, Entry, Message};
use super::query::{self, Field, Query, label_key};
use crate::google::call::Call;
use crate::google::failure::Failure;
use crate::google::world::Tx;

/// The messages that `q`, `labelIds` and `includeSpamTrash` ask for, newest first.
pub(crate) fn messages(call: &Call<'_, '_>, account: &str) -> Result<Vec<Entry>, Failure> {
    let q = call.params.get("q").unwrap_or("").trim().to_owned();
    if !q.is_empty() && mailbox::metadata_only(call) {
        return Err(Failure::forbidden(
            "forbidden",
            "Metadata scope does not support 'q' parameter",
        ));
    }
    let wanted: Vec<&str> = call.params.all("labelIds").collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|id| !labels::exists(call.tx, account, id))
    {
        return Err(super::invalid(format!("Invalid label: {unknown}")));
    }
    let query = Query::parse(&q, call.tx.now(), account);
    let everywhere = call.params.flag("includeSpamTrash")
        || query.reaches_spam_and_trash()
        || wanted.iter().any(|id| ["SPAM", "TRASH"].contains(id));
    let names = label_names(call.tx, account);
    let mut found = mailbox::newest_first(call.tx, account);
    found.retain(|(_, message)| {
        (everywhere || !(message.has("SPAM") || message.has("TRASH")))
            && wanted.iter().all(|id| message.has(id))
            && (q.is_empty() || query.matches(&View::new(message, &names)))
    });
    Ok(found)
}

/// Keys under which `label:` finds each label, by label id.
fn label_names(tx: &Tx<'_>, account: &str) -> BTreeMap<String, String> {
    tx.list::<labels::Label>(account)
        .into_iter()
        .map(|(id, label)| (id, label_key(&label.name)))
        .collect()
}

/// A message as the query sees it.
struct View<'m> {
    message: &'m Arc<Message>,
    /// Of user labels: lower-case ids and names.
    user_labels: Vec<String>,
    fields: Vec<(Field, Vec<String>)>,
}

impl<'m> View<'m> {
    fn new(message: &'m Arc<Message>, names: &BTreeMap<String, String>) -> Self {
        let summary = &message.summary;
        let filenames = summary.filenames.join("\n");
        let everything = [
            &summary.subject,
            &summary.from,
            &summary.to,
            &summary.cc,
            &summary.bcc,
            &filenames,
            &summary.text,
        ];
        let fields = vec![
            (Field::From, query::words(&summary.from)),
            (
                Field::To,
                query::words(&format!("{}\n{}\n{}", summary.to, summary.cc, summary.bcc)),
            ),
            (Field::Cc, query::words(&summary.cc)),
            (Field::Bcc, query::words(&summary.bcc)),
            (Field::Subject, query::words(&summary.subject)),
            (Field::Filename, query::words(&filenames)),
            (Field::List, query::words(&summary.list)),
            (
                Field::Everywhere,
                everything
                    .iter()
                    .flat_map(|text| query::words(text))
                    .collect(),
            ),
        ];
        let user_labels = message
            .labels
            .iter()
            .filter_map(|id| names.get(id).map(|name| [id.to_lowercase(), name.clone()]))
            .flatten()
            .collect();
        Self {
            message,
            user_labels,
            fields,
        }
    }
}

impl query::Message for View<'_> {
    fn words(&self, field: Field) -> &[String] {
        self.fields
            .iter()
            .find(|(name, _)| *name == field)
            .map_or(&[], |(_, words)| words.as_slice())
    }

    fn has_label(&self, name: &str) -> bool {
        self.message
            .labels
            .iter()
            .any(|id| id.eq_ignore_ascii_case(name))
            || self.user_labels.iter().any(|label| label == name)
    }

    fn has_user_label(&self) -> bool {
        !self.user_labels.is_empty()
    }

    fn has_attachment(&self) -> bool {
        !self.message.summary.filenames.is_empty()
    }

    fn received(&self) -> Timestamp {
        self.message.received
    }

    fn message_id(&self) -> &str {
        &self.message.summary.message_id
    }

    fn size(&self) -> u64 {
        self.message.size
    }
}

/// A page of a listing that is ordered newest first.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// Cuts the page that `pageToken` and `maxResults` ask for (100 by default, at most 500). A token
/// names the last item of the page before, so that pages stay whole while mail comes in.
pub(crate) fn page<T>(
    call: &Call<'_, '_>,
    items: Vec<T>,
    key: fn(&T) -> (Timestamp, &str),
) -> Result<Page<T>, Failure> {
    let size = call.params.page_size("maxResults", 100, 500);
    let mut items = items;
    if let Some(token) = call
        .params
        .get("pageToken")
        .filter(|token| !token.is_empty())
    {
        let (received, id) =
            read_token(token).ok_or_else(|| super::invalid("Invalid page token"))?;
        items.retain(|item| key(item) < (received, id.as_str()));
    }
    let more = items.len() > size;
    items.truncate(size);
    let next = items
        .last()
        .filter(|_| more)
        .map(|last| write_token(key(last)));
    Ok(Page { items, next })
}

fn write_token((received, id): (Timestamp, &str)) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{id}", received.as_microsecond()))
}

fn read_token(token: &str) -> Option<(Timestamp, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (received, id) = text.split_once(':')?;
    Some((
        Timestamp::from_microsecond(received.parse().ok()?).ok()?,
        id.to_owned(),
    ))
}
