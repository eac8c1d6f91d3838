//! What a reply takes over from the message it answers.
//!
//! Gmail threads a message in the sender's mailbox when three things agree: `threadId`, the headers
//! `In-Reply-To` and `References`, and the subject (Gmail API, Message.threadId). The recipients'
//! programs have only the headers, which must carry RFC 5322 Message-IDs, never Gmail's ids.

use super::address::{Mailbox, parse_header};
use super::content::decode_header;
use super::wire::Message;

/// How many references a reply carries at most: the first of the conversation and the latest.
const MAX_REFERENCES: usize = 50;

/// The head of a reply.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ReplyHead {
    pub(crate) to: Vec<Mailbox>,
    pub(crate) cc: Vec<Mailbox>,
    pub(crate) subject: String,
    /// Message-ID without angle brackets.
    pub(crate) in_reply_to: Option<String>,
    /// Message-IDs without angle brackets, oldest first.
    pub(crate) references: Vec<String>,
}

/// The head of a reply to `parent` by the owner of the mailbox `me`.
pub(crate) fn head(parent: &Message, me: &str, reply_all: bool) -> ReplyHead {
    let header = |name| parent.header(name).unwrap_or_default();
    let (to, cc) = recipients(parent, me, reply_all);
    let in_reply_to = message_ids(header("Message-ID")).pop();
    let mut references = message_ids(header("References"));
    if references.is_empty() {
        // RFC 5322, 3.6.4: without References, a single In-Reply-To stands for it.
        references = message_ids(header("In-Reply-To"));
        if references.len() > 1 {
            references.clear();
        }
    }
    if let Some(parent_id) = &in_reply_to {
        references.retain(|id| id != parent_id);
        references.push(parent_id.clone());
    }
    if references.len() > MAX_REFERENCES {
        references.drain(1..=references.len() - MAX_REFERENCES);
    }
    ReplyHead {
        to,
        cc,
        subject: subject(&decode_header(header("Subject"))),
        in_reply_to,
        references,
    }
}

/// Whom the reply goes to: whoever the sender named in Reply-To, else the sender; for a message of
/// one's own those it went to. With `reply_all` all others too, but never oneself.
fn recipients(parent: &Message, me: &str, reply_all: bool) -> (Vec<Mailbox>, Vec<Mailbox>) {
    let list = |name| parent.header(name).map(parse_header).unwrap_or_default();
    let from = list("From");
    let reply_to = list("Reply-To");
    let to = list("To");
    let own = from.iter().any(|m| m.same_address(me));
    let mut first = match (own, reply_to.is_empty()) {
        (true, _) if to.iter().any(|m| !m.same_address(me)) => to.clone(),
        (_, false) => reply_to,
        (_, true) => from,
    };
    let mut cc = Vec::new();
    if reply_all {
        for mailbox in to {
            push_new(&mut first, mailbox);
        }
        for mailbox in list("Cc") {
            if !first.iter().any(|m| m.same_address(&mailbox.address)) {
                push_new(&mut cc, mailbox);
            }
        }
        cc.retain(|m| !m.same_address(me));
    }
    if first.iter().any(|m| !m.same_address(me)) {
        first.retain(|m| !m.same_address(me));
    }
    (first, cc)
}

fn push_new(list: &mut Vec<Mailbox>, mailbox: Mailbox) {
    if !list.iter().any(|m| m.same_address(&mailbox.address)) {
        list.push(mailbox);
    }
}

/// `Re: ` once.
fn subject(parent: &str) -> String {
    let parent = parent.trim();
    let is_reply = parent
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("re:"));
    if is_reply {
        parent.to_owned()
    } else {
        format!("Re: {parent}")
    }
}

/// The Message-IDs in a header, without angle brackets.
pub(crate) fn message_ids(value: &str) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((id, after)) = after.split_once('>') else {
            break;
        };
        let id: String = id
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control())
            .collect();
        if !id.is_empty() && !ids.contains(&id) {
            ids.push(id);
        }
        rest = after;
    }
    ids
}

#[cfg(test)]
mod tests;
