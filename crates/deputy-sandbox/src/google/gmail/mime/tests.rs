use proptest::prelude::*;
use serde_json::json;

use super::*;

const NESTED: &str = "From: =?UTF-8?B?0JDQvdC90LA=?= <anna@x.test>\r\nTo: a@y.test,\r\n b@y.test\r\nSubject: =?utf-8?Q?=D0=9F=D1=80=D0=B8=D0=B2=D0=B5=D1=82?= there\r\nMessage-ID: <1@x.test>\r\nReferences: <r1@x.test>\r\n <r2@x.test>\r\nIn-Reply-To: <r2@x.test>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n0L/RgNC40LLQtdGCIDxiPg==\r\n--in\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>hi</p>\r\n--in--\r\n--out\r\nContent-Type: application/pdf; name=\"menu.pdf\"\r\nContent-Disposition: attachment; filename=\"menu.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n--out--\r\n";

#[test]
fn the_tree_has_gmails_ids_and_bodies() {
    let payload = payload(NESTED.as_bytes(), "abc");
    assert_eq!(payload["partId"], "");
    assert_eq!(payload["mimeType"], "multipart/mixed");
    assert_eq!(payload["body"], json!({"size": 0}));
    let alternative = &payload["parts"][0];
    assert_eq!(alternative["partId"], "0");
    assert_eq!(alternative["parts"][0]["partId"], "0.0");
    assert_eq!(alternative["parts"][0]["mimeType"], "text/plain");
    let data = alternative["parts"][0]["body"]["data"].as_str().unwrap();
    assert_eq!(decode_base64(data).unwrap(), "привет <b>".as_bytes());
    assert_eq!(alternative["parts"][1]["mimeType"], "text/html");
    let file = &payload["parts"][1];
    assert_eq!(
        (file["partId"].as_str(), file["filename"].as_str()),
        (Some("1"), Some("menu.pdf"))
    );
    assert_eq!(file["body"]["size"], 4);
    assert_eq!(file["body"].get("data"), None);
    let id = file["body"]["attachmentId"].as_str().unwrap();
    assert_eq!(
        attachment(NESTED.as_bytes(), "abc", id).unwrap(),
        [0, 1, 2, 3]
    );
    assert_eq!(attachment(NESTED.as_bytes(), "other", id), None);
    assert_eq!(attachment(NESTED.as_bytes(), "abc", "ANGjdJ_x"), None);
}

#[test]
fn headers_come_decoded_in_order() {
    let payload = payload(NESTED.as_bytes(), "abc");
    let headers: Vec<(&str, &str)> = payload["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|h| (h["name"].as_str().unwrap(), h["value"].as_str().unwrap()))
        .collect();
    assert_eq!(headers[0], ("From", "Анна <anna@x.test>"));
    assert_eq!(headers[1], ("To", "a@y.test, b@y.test"));
    assert_eq!(headers[2], ("Subject", "Привет there"));
    let some = metadata(NESTED.as_bytes(), &["subject", "X-None"]);
    assert_eq!(
        some["headers"],
        json!([{"name": "Subject", "value": "Привет there"}])
    );
}

#[test]
fn the_summary_has_what_search_and_threads_need() {
    let summary = summary(NESTED.as_bytes());
    assert_eq!(summary.subject, "Привет there");
    assert_eq!(summary.message_id, "1@x.test");
    assert_eq!(summary.references, ["r1@x.test", "r2@x.test", "r2@x.test"]);
    assert_eq!(summary.filenames, ["menu.pdf"]);
    assert_eq!(summary.snippet, "привет &lt;b&gt;");
}

#[test]
fn a_message_inside_a_message_is_a_file_and_a_tree() {
    let inner = "Subject: inner\r\nContent-Type: text/plain\r\n\r\ndeep\r\n";
    let raw = format!(
        "Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsee below\r\n--b\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"inner.eml\"\r\n\r\n{inner}--b--\r\n"
    );
    let payload = payload(raw.as_bytes(), "abc");
    let file = &payload["parts"][1];
    assert_eq!(file["mimeType"], "message/rfc822");
    assert_eq!(file["filename"], "inner.eml");
    assert_eq!(file["parts"][0]["partId"], "1.0");
    assert_eq!(file["parts"][0]["headers"][0]["value"], "inner");
    let id = file["body"]["attachmentId"].as_str().unwrap();
    let content = attachment(raw.as_bytes(), "abc", id).unwrap();
    assert!(
        String::from_utf8(content)
            .unwrap()
            .contains("Subject: inner")
    );
}

#[test]
fn addresses_are_found_in_groups_names_and_folds() {
    let letter = Letter::parse(
        "To: \"Bee, Ann\" <Ann@X.test>, bob@y.test\r\nCc: Team: c@z.test,\r\n d@z.test;\r\n\r\nx"
            .as_bytes(),
    );
    assert_eq!(addresses(&letter, "To"), ["ann@x.test", "bob@y.test"]);
    assert_eq!(addresses(&letter, "Cc"), ["c@z.test", "d@z.test"]);
    assert!(addresses(&letter, "Bcc").is_empty());
}

#[test]
fn subjects_of_a_thread_are_the_same() {
    for subject in [
        "Lunch",
        "Re: Lunch",
        "RE: re:  Lunch",
        "Fwd: Re: lunch",
        "AW: Lunch",
    ] {
        assert_eq!(thread_subject(subject), "lunch", "{subject}");
    }
    assert_ne!(thread_subject("Lunch: Friday"), "friday");
}

#[test]
fn names_are_quoted_or_encoded() {
    assert_eq!(address_field("Ann Bee", "a@x.test"), "Ann Bee <a@x.test>");
    assert_eq!(
        address_field("Bee, \"Ann\"", "a@x.test"),
        "\"Bee, Ann\" <a@x.test>"
    );
    assert_eq!(shown(&address_field("Анна", "a@x.test")), "Анна <a@x.test>");
}

proptest! {
    #[test]
    fn a_letter_keeps_its_fields_and_body(names in proptest::collection::vec("[A-Za-z-]{1,12}", 0..6), values in proptest::collection::vec("[ -~]{1,40}", 6), body in "[ -~\n]{0,80}") {
        let mut raw = String::new();
        for (name, value) in names.iter().zip(&values) {
            raw.extend([name, ": ", value, "\r\n"]);
        }
        raw.push_str("\r\n");
        raw.push_str(&body);
        let letter = Letter::parse(raw.as_bytes());
        prop_assert_eq!(letter.fields.len(), names.len());
        let again = Letter::parse(&letter.to_bytes());
        prop_assert_eq!(&again.fields, &letter.fields);
        prop_assert!(letter.to_bytes().ends_with(body.as_bytes()));
    }

    #[test]
    fn any_bytes_are_some_message(raw in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = payload(&raw, "abc");
        let _ = summary(&raw);
        let _ = Letter::parse(&raw).to_bytes();
    }
}
