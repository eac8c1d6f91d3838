//! The mailbox over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use reqwest::Method;
use serde_json::{Value, json};

use crate::google::tests::client::{Person, Sandbox, answer, reason};

const ALL: &[&str] = &["https://mail.google.com/"];
const ME: &str = "gmail/v1/users/me";

fn raw(text: &str) -> String {
    URL_SAFE.encode(text.replace('\n', "\r\n"))
}

async fn send(person: &Person<'_>, text: &str) -> Value {
    let (status, sent) = person
        .post(&format!("{ME}/messages/send"), json!({"raw": raw(text)}))
        .await;
    assert_eq!(status, 200, "{sent}");
    sent
}

async fn found(person: &Person<'_>, query: &str) -> Vec<Value> {
    let (status, list) = person.get(&format!("{ME}/messages?{query}")).await;
    assert_eq!(status, 200, "{list}");
    list["messages"].as_array().cloned().unwrap_or_default()
}

async fn message(person: &Person<'_>, id: &Value) -> Value {
    let (status, message) = person
        .get(&format!("{ME}/messages/{}", id.as_str().unwrap()))
        .await;
    assert_eq!(status, 200, "{message}");
    message
}

fn header<'m>(message: &'m Value, name: &str) -> Option<&'m str> {
    let headers = message["payload"]["headers"].as_array()?;
    headers
        .iter()
        .find(|h| h["name"].as_str().unwrap().eq_ignore_ascii_case(name))?["value"]
        .as_str()
}

#[tokio::test]
async fn mail_arrives_with_a_message_id_of_googles() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let guest = sandbox.person("guest@sandbox.test", ALL).await;
    let other = sandbox.person("other@sandbox.test", ALL).await;
    let sent = send(
        &demo,
        "From: Somebody <else@x.test>\nTo: Guest <guest@sandbox.test>, far@away.test\nCc: other@sandbox.test\nBcc: hidden@sandbox.test\nSubject: Hello\nMessage-ID: <mine@x.test>\n\nHi there & <you>\n",
    )
    .await;
    assert_eq!(sent["labelIds"], json!(["SENT"]));
    assert_eq!(sent["threadId"], sent["id"]);
    assert_eq!(sent["id"].as_str().unwrap().len(), 16);

    let mine = message(&demo, &sent["id"]).await;
    assert!(
        header(&mine, "From")
            .unwrap()
            .contains("<demo@sandbox.test>")
    );
    assert_eq!(header(&mine, "Bcc"), Some("hidden@sandbox.test"));
    assert!(header(&mine, "Date").is_some());
    assert_eq!(mine["snippet"], "Hi there &amp; &lt;you&gt;");
    let message_id = header(&mine, "Message-ID").unwrap();
    assert!(message_id.ends_with("@mail.gmail.com>"), "{message_id}");

    for person in [&guest, &other] {
        let inbox = found(person, "q=in:inbox").await;
        assert_eq!(inbox.len(), 1);
        let theirs = message(person, &inbox[0]["id"]).await;
        assert_eq!(header(&theirs, "Message-ID"), Some(message_id));
        assert_eq!(header(&theirs, "Bcc"), None);
        assert_eq!(header(&theirs, "Delivered-To"), Some(person.email.as_str()));
        let labels = theirs["labelIds"].as_array().unwrap();
        assert!(
            labels.contains(&json!("UNREAD")) && labels.contains(&json!("INBOX")),
            "{labels:?}"
        );
    }
    assert!(found(&demo, "q=in:inbox").await.is_empty());
    let (_, empty) = demo.get(&format!("{ME}/messages?q=in:inbox")).await;
    assert_eq!(empty, json!({"resultSizeEstimate": 0}));
}

#[tokio::test]
async fn a_reply_threads_only_with_thread_headers_and_subject() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let guest = sandbox.person("guest@sandbox.test", ALL).await;
    let first = send(&demo, "To: guest@sandbox.test\nSubject: Plan\n\none\n").await;
    let theirs = found(&guest, "").await.remove(0);
    let message_id = header(&message(&guest, &theirs["id"]).await, "Message-ID")
        .unwrap()
        .to_owned();

    let reply = |subject: &str, reference: &str| {
        raw(&format!(
            "To: demo@sandbox.test\nSubject: {subject}\nIn-Reply-To: {reference}\nReferences: {reference}\n\ntwo\n"
        ))
    };
    let thread = &theirs["threadId"];
    let path = format!("{ME}/messages/send");
    let good = json!({"raw": reply("Re: Plan", &message_id), "threadId": thread});
    let (_, threaded) = guest.post(&path, good).await;
    assert_eq!(&threaded["threadId"], thread);
    for body in [
        json!({"raw": reply("Another plan", &message_id), "threadId": thread}),
        json!({"raw": reply("Re: Plan", "<unknown@x.test>"), "threadId": thread}),
        json!({"raw": reply("Re: Plan", &message_id)}),
    ] {
        let (status, apart) = guest.post(&path, body).await;
        assert_eq!(status, 200);
        assert_ne!(&apart["threadId"], thread);
    }
    let (status, unknown) = guest
        .post(
            &path,
            json!({"raw": reply("Re: Plan", &message_id), "threadId": "00000000000000ff"}),
        )
        .await;
    assert_eq!(
        (status, unknown["error"]["message"].as_str()),
        (404, Some("Requested entity was not found."))
    );

    // At the other end the headers and the subject decide: two of the replies belong to the thread.
    let (_, conversation) = demo
        .get(&format!(
            "{ME}/threads/{}",
            first["threadId"].as_str().unwrap()
        ))
        .await;
    assert_eq!(conversation["messages"].as_array().unwrap().len(), 3);
    let (_, threads) = demo.get(&format!("{ME}/threads")).await;
    assert_eq!(threads["threads"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn drafts_keep_their_id_and_are_gone_when_sent() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let guest = sandbox.person("guest@sandbox.test", ALL).await;
    let body = |text: &str| json!({"message": {"raw": raw(&format!("To: guest@sandbox.test\nSubject: D\n\n{text}\n"))}});
    let (_, draft) = demo.post(&format!("{ME}/drafts"), body("first")).await;
    let id = draft["id"].as_str().unwrap();
    assert_eq!(draft["message"]["labelIds"], json!(["DRAFT"]));
    let (_, updated) = demo.put(&format!("{ME}/drafts/{id}"), body("second")).await;
    assert_eq!(updated["id"], id);
    assert_ne!(updated["message"]["id"], draft["message"]["id"]);
    assert_eq!(updated["message"]["threadId"], draft["message"]["threadId"]);
    let (status, _) = demo
        .get(&format!(
            "{ME}/messages/{}",
            draft["message"]["id"].as_str().unwrap()
        ))
        .await;
    assert_eq!(status, 404);
    let (_, list) = demo.get(&format!("{ME}/drafts")).await;
    assert_eq!(list["drafts"][0]["id"], id);
    assert!(found(&guest, "").await.is_empty());

    let (_, sent) = demo
        .post(&format!("{ME}/drafts/send"), json!({"id": id}))
        .await;
    assert_eq!(sent["labelIds"], json!(["SENT"]));
    assert_eq!(sent["threadId"], draft["message"]["threadId"]);
    let (status, _) = demo.get(&format!("{ME}/drafts/{id}")).await;
    assert_eq!(status, 404);
    let (status, again) = demo
        .post(&format!("{ME}/drafts/send"), json!({"id": id}))
        .await;
    assert_eq!((status, reason(&again)), (404, "notFound"));
    let inbox = found(&guest, "q=second").await;
    assert_eq!(inbox.len(), 1);
    assert_eq!(found(&demo, "q=in:draft").await.len(), 0);
}

#[tokio::test]
async fn formats_and_attachments() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let text = "To: demo@sandbox.test\nSubject: F\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nbody\n--b\nContent-Type: text/csv; name=\"a.csv\"\nContent-Disposition: attachment; filename=\"a.csv\"\nContent-Transfer-Encoding: base64\n\nYSxiCg==\n--b--\n";
    let sent = send(&demo, text).await;
    assert_eq!(
        sent["labelIds"].as_array().unwrap().len(),
        4,
        "sent to oneself: one message, in SENT and INBOX"
    );
    let id = sent["id"].as_str().unwrap();
    let full = message(&demo, &sent["id"]).await;
    let attachment = full["payload"]["parts"][1]["body"]["attachmentId"]
        .as_str()
        .unwrap();
    let (_, data) = demo
        .get(&format!("{ME}/messages/{id}/attachments/{attachment}"))
        .await;
    assert_eq!(data["data"], URL_SAFE.encode("a,b\n"));
    let (_, minimal) = demo
        .get(&format!("{ME}/messages/{id}?format=minimal"))
        .await;
    assert_eq!(minimal.get("payload"), None);
    let (_, metadata) = demo
        .get(&format!(
            "{ME}/messages/{id}?format=metadata&metadataHeaders=Subject"
        ))
        .await;
    assert_eq!(
        metadata["payload"]["headers"],
        json!([{"name": "Subject", "value": "F"}])
    );
    let (_, whole) = demo.get(&format!("{ME}/messages/{id}?format=raw")).await;
    let bytes = URL_SAFE.decode(whole["raw"].as_str().unwrap()).unwrap();
    assert!(String::from_utf8(bytes).unwrap().contains("Subject: F\r\n"));
    assert!(whole["internalDate"].is_string() && whole["historyId"].is_string());
    assert_eq!(
        found(&demo, "q=has:attachment%20filename:csv").await.len(),
        1
    );
}

#[tokio::test]
async fn labels_trash_and_search() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let (_, label) = demo
        .post(&format!("{ME}/labels"), json!({"name": "Work Lunches"}))
        .await;
    assert_eq!(label["id"], "Label_1");
    let (status, taken) = demo
        .post(&format!("{ME}/labels"), json!({"name": "work lunches"}))
        .await;
    assert_eq!((status, reason(&taken)), (409, "aborted"));
    let sent = send(&demo, "To: demo@sandbox.test\nSubject: L\n\nlunch\n").await;
    let id = sent["id"].as_str().unwrap();
    let change = json!({"addLabelIds": ["Label_1", "STARRED"], "removeLabelIds": ["UNREAD"]});
    let (_, changed) = demo
        .post(&format!("{ME}/messages/{id}/modify"), change)
        .await;
    assert!(
        changed["labelIds"]
            .as_array()
            .unwrap()
            .contains(&json!("Label_1"))
    );
    assert_eq!(
        found(&demo, "q=label:work-lunches%20is:starred%20is:read")
            .await
            .len(),
        1
    );
    assert_eq!(
        found(&demo, "labelIds=Label_1&labelIds=INBOX").await.len(),
        1
    );
    let (status, _) = demo.get(&format!("{ME}/messages?labelIds=Label_9")).await;
    assert_eq!(status, 400);
    let (status, refused) = demo
        .post(
            &format!("{ME}/messages/{id}/modify"),
            json!({"addLabelIds": ["SENT"]}),
        )
        .await;
    assert_eq!(
        (status, refused["error"]["message"].as_str()),
        (400, Some("Invalid label: SENT"))
    );

    demo.post(&format!("{ME}/messages/{id}/trash"), json!({}))
        .await;
    assert!(found(&demo, "").await.is_empty());
    assert_eq!(found(&demo, "includeSpamTrash=true").await.len(), 1);
    assert_eq!(found(&demo, "q=in:trash").await.len(), 1);
    demo.post(&format!("{ME}/messages/{id}/untrash"), json!({}))
        .await;
    assert_eq!(found(&demo, "").await.len(), 1);
    let (_, counted) = demo.get(&format!("{ME}/labels/Label_1")).await;
    assert_eq!(
        (counted["messagesTotal"].as_i64(), counted["type"].as_str()),
        (Some(1), Some("user"))
    );
    let (status, _) = demo.delete(&format!("{ME}/labels/Label_1")).await;
    assert_eq!(status, 204);
    let message = message(&demo, &sent["id"]).await;
    assert!(
        !message["labelIds"]
            .as_array()
            .unwrap()
            .contains(&json!("Label_1"))
    );
    let (status, _) = demo.delete(&format!("{ME}/messages/{id}")).await;
    assert_eq!(status, 204);
    assert!(found(&demo, "includeSpamTrash=true").await.is_empty());
}

#[tokio::test]
async fn pages_hold_while_mail_comes_in() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    for number in 0..5 {
        send(
            &demo,
            &format!("To: demo@sandbox.test\nSubject: n{number}\n\nx\n"),
        )
        .await;
    }
    let (_, first) = demo.get(&format!("{ME}/messages?maxResults=2")).await;
    assert_eq!(first["resultSizeEstimate"], 5);
    send(&demo, "To: demo@sandbox.test\nSubject: late\n\nx\n").await;
    let mut seen: Vec<Value> = first["messages"].as_array().unwrap().clone();
    let mut token = first["nextPageToken"].as_str().map(str::to_owned);
    while let Some(next) = token {
        let (_, page) = demo
            .get(&format!("{ME}/messages?maxResults=2&pageToken={next}"))
            .await;
        seen.extend(page["messages"].as_array().unwrap().clone());
        token = page["nextPageToken"].as_str().map(str::to_owned);
    }
    let unique: std::collections::BTreeSet<&str> =
        seen.iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!((seen.len(), unique.len()), (5, 5));
    let (status, _) = demo.get(&format!("{ME}/messages?pageToken=nonsense")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn other_mailboxes_and_scopes_are_closed() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let guest = sandbox.person("guest@sandbox.test", ALL).await;
    let (status, refused) = demo.get("gmail/v1/users/guest@sandbox.test/profile").await;
    assert_eq!(
        (status, refused["error"]["message"].as_str()),
        (403, Some("Delegation denied for demo@sandbox.test"))
    );
    let (status, own) = demo.get("gmail/v1/users/demo@sandbox.test/profile").await;
    assert_eq!(
        (status, own["emailAddress"].as_str()),
        (200, Some("demo@sandbox.test"))
    );
    let sent = send(&demo, "To: demo@sandbox.test\nSubject: s\n\nx\n").await;
    let (status, missing) = guest
        .get(&format!("{ME}/messages/{}", sent["id"].as_str().unwrap()))
        .await;
    assert_eq!(
        (status, missing["error"]["status"].as_str()),
        (404, Some("NOT_FOUND"))
    );
    let reader = sandbox
        .person(
            "demo@sandbox.test",
            &["https://www.googleapis.com/auth/gmail.readonly"],
        )
        .await;
    let (status, _) = reader
        .post(
            &format!("{ME}/messages/send"),
            json!({"raw": raw("To: a@b.test\n\nx\n")}),
        )
        .await;
    assert_eq!(status, 403);
    let headers = sandbox
        .person(
            "demo@sandbox.test",
            &["https://www.googleapis.com/auth/gmail.metadata"],
        )
        .await;
    let (status, _) = headers.get(&format!("{ME}/messages?q=x")).await;
    assert_eq!(status, 403);
    let (status, _) = demo
        .post(
            &format!("{ME}/messages/send"),
            json!({"raw": raw("Subject: nobody\n\nx\n")}),
        )
        .await;
    assert_eq!(status, 400);
    let (status, _) = demo.post(&format!("{ME}/messages/send"), json!({})).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn uploads_come_simple_in_parts_and_resumed() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let guest = sandbox.person("guest@sandbox.test", ALL).await;
    let mail = "To: guest@sandbox.test\r\nSubject: up\r\n\r\nload\r\n";
    let path = "upload/gmail/v1/users/me/messages/send";
    let simple = demo
        .request(Method::POST, &format!("{path}?uploadType=media"))
        .header("content-type", "message/rfc822");
    assert_eq!(answer(simple.body(mail)).await.0, 200);
    let body = format!(
        "--b\nContent-Type: application/json\n\n{{}}\n--b\nContent-Type: message/rfc822\n\n{mail}\n--b--"
    );
    let parts = demo
        .request(Method::POST, &format!("{path}?uploadType=multipart"))
        .header("content-type", "multipart/related; boundary=b");
    assert_eq!(answer(parts.body(body)).await.0, 200);

    let open = demo
        .request(Method::POST, &format!("{path}?uploadType=resumable"))
        .header("x-upload-content-type", "message/rfc822");
    let opened = open.send().await.unwrap();
    let location = opened.headers()["location"].to_str().unwrap().to_owned();
    let (head, tail) = mail.split_at(10);
    let put = |range: String, body: &str| {
        sandbox
            .http
            .put(&location)
            .header("content-range", range)
            .body(body.to_owned())
    };
    let total = mail.len();
    let reply = put(format!("bytes 0-9/{total}"), head)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (
            reply.status().as_u16(),
            reply.headers()["range"].to_str().unwrap()
        ),
        (308, "bytes=0-9")
    );
    let (status, sent) = answer(put(format!("bytes 10-{}/{total}", total - 1), tail)).await;
    assert_eq!((status, &sent["labelIds"]), (200, &json!(["SENT"])));
    assert_eq!(found(&guest, "q=subject:up").await.len(), 3);
}

#[tokio::test]
async fn mail_survives_a_restart_and_shows_on_the_page() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    send(
        &demo,
        "To: guest@sandbox.test\nSubject: Kept <b>\n\nthe text\n",
    )
    .await;
    drop(demo);
    let sandbox = sandbox.restart().await;
    let guest = sandbox.person("guest@sandbox.test", ALL).await;
    let inbox = found(&guest, "q=text").await;
    assert_eq!(inbox.len(), 1);
    let page = sandbox
        .http
        .get(sandbox.at("accounts/guest@sandbox.test"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        page.contains("Kept &#60;b&#62;") || page.contains("Kept &lt;b&gt;"),
        "{page}"
    );
    let path = format!(
        "accounts/guest@sandbox.test/mail/{}",
        inbox[0]["id"].as_str().unwrap()
    );
    let open = sandbox
        .http
        .get(sandbox.at(&path))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(open.contains("the text"), "{open}");
}
