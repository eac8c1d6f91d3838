//! Listing, searching and reading.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deputy_core::firstparty::FailureKind;

use super::*;

#[tokio::test]
async fn unread_mail_is_listed_page_by_page() {
    let sandbox = Sandbox::start().await;
    let (me, guest) = (mailbox(&sandbox, ME).await, mailbox(&sandbox, GUEST).await);
    for n in 0..5 {
        let mail = json!({"to": format!("Демо <{ME}>"), "subject": format!("Письмо {n}"), "body": "текст"});
        guest.call("send_email", mail).await;
    }
    let mut subjects = Vec::new();
    let mut page = json!({"max_results": 2});
    loop {
        let answer = me.call("list_unread_emails", page).await;
        for email in answer["emails"].as_array().unwrap() {
            assert_eq!(email["unread"], true);
            assert!(email["from"].as_str().unwrap().contains(GUEST), "{email}");
            assert_eq!(email["to"], format!("Демо <{ME}>"));
            subjects.push(email["subject"].as_str().unwrap().to_owned());
        }
        let Some(next) = answer.get("next_page_token") else {
            break;
        };
        page = json!({"max_results": 2, "page_token": next});
    }
    assert_eq!(
        subjects,
        ["Письмо 4", "Письмо 3", "Письмо 2", "Письмо 1", "Письмо 0"]
    );
}

#[tokio::test]
async fn a_letter_arrives_as_it_was_written() {
    let sandbox = Sandbox::start().await;
    let (me, guest) = (mailbox(&sandbox, ME).await, mailbox(&sandbox, GUEST).await);
    let bytes: Vec<u8> = (0..=255).collect();
    let mut mail = letter();
    mail["cc"] = json!(["Третья <third@sandbox.test>"]);
    mail["html"] = json!("<p>Добрый день!</p><p>Отчёт <b>готов</b>.</p>");
    mail["attachments"] = json!([
        {"filename": "Счёт №1 «ноябрь».pdf", "mime_type": "application/pdf", "content_base64": STANDARD.encode(&bytes)},
        {"filename": "заметки.txt", "mime_type": "text/plain", "content_base64": STANDARD.encode("да\n")},
    ]);
    let sent = me.call("send_email", mail).await;
    let email = read(&guest, &the_only(&guest, "subject:ноябрь").await).await;
    assert_eq!(email["subject"], "Отчёт за ноябрь — черновик");
    assert!(email["from"].as_str().unwrap().contains(ME));
    assert_eq!(
        (&email["to"], &email["cc"]),
        (&json!(GUEST), &json!("Третья <third@sandbox.test>"))
    );
    assert_eq!(
        email["body_text"].as_str().unwrap().trim_end(),
        "Добрый день!\n\nОтчёт готов. 🚀"
    );
    assert_eq!(
        email["body_html"].as_str().unwrap().trim_end(),
        "<p>Добрый день!</p><p>Отчёт <b>готов</b>.</p>"
    );
    let date: jiff::Timestamp = email["date"].as_str().unwrap().parse().unwrap();
    assert!(date.as_second() > 0);
    assert!(
        email["message_id"].as_str().unwrap().starts_with('<'),
        "{email}"
    );
    assert_ne!(
        email["id"], sent["message_id"],
        "each mailbox has its own copy"
    );

    let files = email["attachments"].as_array().unwrap();
    let names: Vec<_> = files
        .iter()
        .map(|f| f["filename"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Счёт №1 «ноябрь».pdf", "заметки.txt"]);
    assert_eq!(
        (&files[0]["size"], &files[0]["mime_type"]),
        (&json!(256), &json!("application/pdf"))
    );
    let wanted = json!({"message_id": email["id"], "attachment_id": files[0]["attachment_id"]});
    let file = guest.call("get_attachment", wanted).await;
    assert_eq!(
        STANDARD
            .decode(file["content_base64"].as_str().unwrap())
            .unwrap(),
        bytes
    );
    assert_eq!(
        (&file["size"], &file["mime_type"]),
        (&json!(256), &json!("application/pdf"))
    );

    let plain = json!({"message_id": email["id"], "include_html": false});
    let email = guest.call("read_email", plain).await["email"].clone();
    assert!(email.get("body_html").is_none());
}

#[tokio::test]
async fn html_alone_is_read_as_text() {
    let sandbox = Sandbox::start().await;
    let (me, guest) = (mailbox(&sandbox, ME).await, mailbox(&sandbox, GUEST).await);
    let html = "<html><body><h1>Акция</h1><p>Всё по <a href=\"https://x.test/\">ссылке</a></p></body></html>";
    me.call(
        "send_email",
        json!({"to": GUEST, "subject": "html", "body": html}),
    )
    .await;
    let email = read(&guest, &the_only(&guest, "subject:html").await).await;
    let text = email["body_text"].as_str().unwrap();
    assert!(
        text.contains("Акция") && text.contains("https://x.test/") && !text.contains("<p>"),
        "{text}"
    );
    assert_eq!(email["body_html"].as_str().unwrap().trim_end(), html);
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_said() {
    let sandbox = Sandbox::start().await;
    let me = mailbox(&sandbox, ME).await;
    let (text, failure) = me
        .fail("read_email", json!({"message_id": "00000000deadbeef"}))
        .await;
    assert_eq!(failure.kind, FailureKind::NotFound, "{text}");
    let (text, failure) = me.fail("read_email", json!({"message_id": ""})).await;
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert!(text.starts_with("/message_id"), "{text}");
    let (_, failure) = me
        .fail("search_emails", json!({"query": "x", "max_results": 251}))
        .await;
    assert_eq!(failure.kind, FailureKind::Invalid);
    let sender = sandbox.client_with("gmail", ME, &["gmail.send"]).await;
    let (_, failure) = sender.fail("list_unread_emails", json!({})).await;
    assert_eq!(failure.kind, FailureKind::MissingScope);
    let (_, failure) = sender.fail("send_email", letter()).await;
    assert_eq!(failure.kind, FailureKind::MissingScope);
}

#[tokio::test]
async fn nothing_of_one_person_is_another_s() {
    let sandbox = Sandbox::start().await;
    let (me, guest) = (mailbox(&sandbox, ME).await, mailbox(&sandbox, GUEST).await);
    let own = json!({"to": ME, "subject": "себе", "body": "личное"});
    let sent = me.call("send_email", own).await;
    assert!(found(&guest, "личное").await.is_empty());
    for tool in ["read_email", "reply_to_email"] {
        let mut arguments = json!({"message_id": sent["message_id"]});
        if tool == "reply_to_email" {
            arguments["body"] = json!("?");
        }
        let (_, failure) = guest.fail(tool, arguments).await;
        assert_eq!(failure.kind, FailureKind::NotFound, "{tool}");
    }
}
