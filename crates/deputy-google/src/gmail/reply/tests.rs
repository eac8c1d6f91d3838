use serde_json::json;

use super::*;
use crate::gmail::address::join;

const ME: &str = "me@x.test";

fn parent(headers: &[(&str, &str)]) -> Message {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    serde_json::from_value(json!({"id": "1", "threadId": "1", "payload": {"headers": headers}}))
        .unwrap()
}

fn to_and_cc(headers: &[(&str, &str)], reply_all: bool) -> (String, String) {
    let head = head(&parent(headers), ME, reply_all);
    (join(&head.to), join(&head.cc))
}

#[test]
fn the_sender_or_whom_the_sender_names() {
    let to = |headers, all| to_and_cc(headers, all).0;
    assert_eq!(
        to(&[("From", "Ann <ann@x.test>"), ("To", ME)], false),
        "Ann <ann@x.test>"
    );
    assert_eq!(
        to(
            &[
                ("From", "ann@x.test"),
                ("Reply-To", "list@x.test"),
                ("To", ME)
            ],
            false
        ),
        "list@x.test"
    );
}

#[test]
fn all_others_but_oneself() {
    let headers = [
        ("From", "ann@x.test"),
        ("To", "Me <ME@x.test>, bob@x.test"),
        ("Cc", "carl@x.test, ann@x.test, me@x.test, bob@x.test"),
    ];
    assert_eq!(
        to_and_cc(&headers, true),
        ("ann@x.test, bob@x.test".into(), "carl@x.test".into())
    );
    assert_eq!(
        to_and_cc(&headers, false),
        ("ann@x.test".into(), String::new())
    );
}

#[test]
fn own_mail_goes_on_to_those_it_went_to() {
    let headers = [("From", ME), ("To", "bob@x.test"), ("Cc", "carl@x.test")];
    assert_eq!(to_and_cc(&headers, false).0, "bob@x.test");
    assert_eq!(
        to_and_cc(&headers, true),
        ("bob@x.test".into(), "carl@x.test".into())
    );
    assert_eq!(to_and_cc(&[("From", ME), ("To", ME)], true).0, ME);
}

#[test]
fn subject_has_re_once() {
    let subject = |s| head(&parent(&[("From", "a@x.test"), ("Subject", s)]), ME, false).subject;
    assert_eq!(subject("Plan"), "Re: Plan");
    assert_eq!(subject("Re: Plan"), "Re: Plan");
    assert_eq!(subject("RE: Plan"), "RE: Plan");
    assert_eq!(subject("План"), "Re: План");
    assert_eq!(subject("=?utf-8?B?UmU6INCf0LvQsNC9?="), "Re: План");
}

#[test]
fn references_grow_by_the_parent() {
    let ids = |headers: &[(&str, &str)]| {
        let head = head(&parent(headers), ME, false);
        (head.in_reply_to, head.references)
    };
    assert_eq!(
        ids(&[
            ("Message-Id", "<c@x>"),
            ("References", "<a@x>\r\n <b@x>"),
            ("In-Reply-To", "<b@x>")
        ]),
        (
            Some("c@x".into()),
            vec!["a@x".into(), "b@x".into(), "c@x".into()]
        )
    );
    assert_eq!(
        ids(&[("Message-ID", "<b@x>"), ("In-Reply-To", "<a@x>")]).1,
        ["a@x", "b@x"]
    );
    assert_eq!(
        ids(&[("Message-ID", "<b@x>")]),
        (Some("b@x".into()), vec!["b@x".into()])
    );
    assert_eq!(ids(&[("From", "a@x.test")]), (None, vec![]));
    let long = (0..80)
        .map(|n| format!("<{n}@x>"))
        .collect::<Vec<_>>()
        .join(" ");
    let references = ids(&[("Message-ID", "<p@x>"), ("References", &long)]).1;
    assert_eq!(references.len(), MAX_REFERENCES);
    assert_eq!(
        (
            references[0].as_str(),
            references[MAX_REFERENCES - 1].as_str()
        ),
        ("0@x", "p@x")
    );
}
