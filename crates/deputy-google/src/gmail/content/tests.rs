use serde_json::json;

use super::*;

fn message(value: serde_json::Value) -> Message {
    serde_json::from_value(value).unwrap()
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE.encode(bytes)
}

#[test]
fn summary_decodes_headers_and_snippet() {
    let summary = summary(&message(json!({
        "id": "18c", "threadId": "18b", "labelIds": ["INBOX", "UNREAD"],
        "snippet": "Tom &amp; Jerry&#39;s &lt;3 R&D",
        "internalDate": "1764000000000",
        "payload": {"headers": [
            {"name": "from", "value": "=?utf-8?Q?=D0=98=D0=B2=D0=B0=D0=BD?= <ivan@x.test>"},
            {"name": "To", "value": "me@x.test, \"Doe, Jane\" <jane@x.test>"},
            {"name": "Subject", "value": "=?utf-8?B?0J/RgNC40LLQtdGC?="},
            {"name": "Date", "value": "Mon, 24 Nov 2025 20:00:00 +0400"}
        ]}
    })));
    assert_eq!(summary.from, "Иван <ivan@x.test>");
    assert_eq!(summary.to, "me@x.test, \"Doe, Jane\" <jane@x.test>");
    assert_eq!(summary.subject, "Привет");
    assert_eq!(summary.date, "2025-11-24T20:00:00+04:00");
    assert_eq!(summary.snippet, "Tom & Jerry's <3 R&D");
    assert!(summary.unread);
}

#[test]
fn already_decoded_headers_stay() {
    assert_eq!(decode_header("Привет, мир"), "Привет, мир");
    assert_eq!(
        readable_addresses("Иван Петров <ivan@x.test>"),
        "Иван Петров <ivan@x.test>"
    );
    assert_eq!(
        readable_addresses("undisclosed-recipients:;"),
        "undisclosed-recipients:;"
    );
}

#[test]
fn date_falls_back_to_gmails_own() {
    let dated = |headers: serde_json::Value| {
        summary(&message(
            json!({"internalDate": 1_764_000_000_000_i64, "payload": {"headers": headers}}),
        ))
        .date
    };
    assert_eq!(dated(json!([])), "2025-11-24T16:00:00Z");
    assert_eq!(
        dated(json!([{"name": "Date", "value": "yesterday"}])),
        "2025-11-24T16:00:00Z"
    );
}

#[test]
fn bodies_and_attachments_are_told_apart() {
    let payload: Part = serde_json::from_value(json!({
        "mimeType": "multipart/mixed", "partId": "", "parts": [
            {"partId": "0", "mimeType": "multipart/alternative", "parts": [
                {"partId": "0.0", "mimeType": "text/plain",
                 "headers": [{"name": "Content-Type", "value": "text/plain; charset=\"windows-1251\""}],
                 "body": {"size": 6, "data": b64(&[0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2])}},
                {"partId": "0.1", "mimeType": "text/html", "body": {"size": 9, "attachmentId": "BIG"}}
            ]},
            {"partId": "1", "mimeType": "text/plain", "filename": "notes.txt", "body": {"size": 3, "data": b64(b"abc")}},
            {"partId": "2", "mimeType": "application/pdf", "filename": "a.pdf", "body": {"size": 9, "attachmentId": "ATT"}},
            {"partId": "3", "mimeType": "message/rfc822", "filename": "", "body": {"size": 1, "attachmentId": "FWD"},
             "parts": [{"partId": "3.0", "mimeType": "text/plain", "body": {"size": 6, "data": b64(b"inside")}}]}
        ]
    }))
    .unwrap();
    let parts = parts(&payload);
    assert_eq!(parts.text.len(), 1);
    let TextContent::Inline(bytes) = &parts.text[0].content else {
        panic!()
    };
    assert_eq!(
        decode_text(bytes, parts.text[0].charset.as_deref()),
        "Привет"
    );
    assert_eq!(parts.html[0].content, TextContent::Attachment("BIG".into()));
    let files: Vec<_> = parts
        .attachments
        .iter()
        .map(|a| (a.filename.as_str(), a.attachment_id.as_str()))
        .collect();
    assert_eq!(
        files,
        [
            ("notes.txt", "part:1"),
            ("a.pdf", "ATT"),
            ("message.eml", "FWD")
        ]
    );
    assert_eq!(find_part(&payload, "1").unwrap().filename, "notes.txt");
    assert_eq!(find_attachment(&payload, "ATT").unwrap().filename, "a.pdf");
}

#[test]
fn a_message_of_one_part() {
    let payload: Part = serde_json::from_value(
        json!({"mimeType": "text/plain", "body": {"size": 2, "data": b64("да".as_bytes())}}),
    )
    .unwrap();
    let TextContent::Inline(bytes) = &parts(&payload).text[0].content else {
        panic!()
    };
    assert_eq!(decode_text(bytes, Some("koi8-r")), "да");
}

#[test]
fn charsets() {
    assert_eq!(
        decode_text(b"\x1b$B%F%9%H\x1b(B", Some("ISO-2022-JP")),
        "テスト"
    );
    assert_eq!(decode_text(&[0xff, 0xfe, b'x'], None), "\u{fffd}\u{fffd}x");
    assert_eq!(decode_text(b"caf\xe9", Some("iso-8859-1")), "café");
}
