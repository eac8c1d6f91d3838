//! Sending, answering, drafts.

use deputy_core::firstparty::FailureKind;

use super::*;

#[tokio::test]
async fn an_answer_threads_on_both_sides() {
    let sandbox = Sandbox::start().await;
    let (me, guest) = (mailbox(&sandbox, ME).await, mailbox(&sandbox, GUEST).await);
    let sent = me.call("send_email", letter()).await;
    let received = the_only(&guest, "subject:ноябрь").await;
    let answer = guest
        .call(
            "reply_to_email",
            json!({"message_id": received["id"], "body": "Спасибо!"}),
        )
        .await;
    assert_eq!(
        answer["thread_id"], received["thread_id"],
        "in the answering mailbox"
    );
    let back = the_only(&me, &format!("from:{GUEST}")).await;
    assert_eq!(
        back["thread_id"], sent["thread_id"],
        "in the mailbox that is answered"
    );
    assert_eq!(back["subject"], "Re: Отчёт за ноябрь — черновик");

    let again = me
        .call(
            "reply_to_email",
            json!({"message_id": back["id"], "body": "Пожалуйста."}),
        )
        .await;
    assert_eq!(again["thread_id"], sent["thread_id"]);
    let newest = &found(&guest, &format!("from:{ME}")).await[0];
    assert_eq!(newest["thread_id"], received["thread_id"]);
    assert_eq!(
        newest["subject"], "Re: Отчёт за ноябрь — черновик",
        "Re: once"
    );
}

#[tokio::test]
async fn an_answer_to_all_goes_to_all_but_oneself() {
    let sandbox = Sandbox::start().await;
    let third = "third@sandbox.test";
    let (me, guest) = (mailbox(&sandbox, ME).await, mailbox(&sandbox, GUEST).await);
    let third_box = mailbox(&sandbox, third).await;
    let mut mail = letter();
    mail["to"] = json!([GUEST, third]);
    me.call("send_email", mail).await;
    let received = the_only(&guest, "subject:ноябрь").await;
    guest
        .call(
            "reply_to_email",
            json!({"message_id": received["id"], "body": "Всем", "reply_all": true}),
        )
        .await;
    let copy = read(
        &third_box,
        &the_only(&third_box, &format!("from:{GUEST}")).await,
    )
    .await;
    let to = copy["to"].as_str().unwrap();
    assert!(
        to.contains(ME) && to.contains(third) && !to.contains(GUEST),
        "{to}"
    );
    assert_eq!(found(&me, &format!("from:{GUEST}")).await.len(), 1);
    assert!(
        found(&guest, &format!("from:{GUEST} in:inbox"))
            .await
            .is_empty(),
        "not to oneself"
    );
}

#[tokio::test]
async fn a_large_attachment_is_uploaded() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let sandbox = Sandbox::start().await;
    let token = sandbox.token(ME, &crate::testing::ALL_SCOPES).await;
    let me = Client::with_token(&sandbox.lifecycle, "gmail", &sandbox.url, &token).await;
    let bytes: Vec<u8> = (0..2_500_000_u32)
        .map(|n| n.to_le_bytes()[(n % 3) as usize])
        .collect();
    let mut mail = letter();
    mail["to"] = json!(ME);
    mail["attachments"] =
        json!([{"filename": "большой.bin", "content_base64": STANDARD.encode(&bytes)}]);
    me.call("send_email", mail).await;
    let email = read(&me, &the_only(&me, "subject:ноябрь in:inbox").await).await;
    let file = &email["attachments"][0];
    assert_eq!(
        (&file["filename"], &file["size"]),
        (&json!("большой.bin"), &json!(bytes.len()))
    );
    let wanted = json!({"message_id": email["id"], "attachment_id": file["attachment_id"]});
    let content = me.call("get_attachment", wanted).await;
    assert!(
        STANDARD
            .decode(content["content_base64"].as_str().unwrap())
            .unwrap()
            == bytes,
        "the same bytes"
    );
}

#[tokio::test]
async fn a_hidden_copy_is_hidden() {
    let sandbox = Sandbox::start().await;
    let third = "third@sandbox.test";
    let (me, guest) = (mailbox(&sandbox, ME).await, mailbox(&sandbox, GUEST).await);
    let third_box = mailbox(&sandbox, third).await;
    let mut mail = letter();
    mail["bcc"] = json!(third);
    me.call("send_email", mail).await;
    let shown = read(&guest, &the_only(&guest, "subject:ноябрь").await).await;
    assert!(!shown.to_string().contains(third));
    the_only(&third_box, "subject:ноябрь").await;
}

#[tokio::test]
async fn wrong_arguments_are_named_and_send_nothing() {
    let sandbox = Sandbox::start().await;
    let me = mailbox(&sandbox, ME).await;
    for (change, pointer) in [
        (json!({"to": "ivan"}), "/to: 'ivan'"),
        (json!({"to": []}), "/to: no e-mail"),
        (json!({"cc": "a@b@c"}), "/cc: "),
        (json!({"bcc": ["x@localhost"]}), "/bcc: 'x@localhost'"),
        (
            json!({"attachments": [{"filename": "a", "content_base64": "*"}]}),
            "/attachments/0/content_base64",
        ),
        (
            json!({"copy": "a@b.test"}),
            "/copy: there is no such argument",
        ),
    ] {
        let mut mail = letter();
        mail.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let (text, failure) = me.fail("send_email", mail).await;
        assert!(text.starts_with(pointer), "{text}");
        assert_eq!(failure.kind, FailureKind::Invalid);
    }
    let (text, _) = me
        .fail("send_email", json!({"subject": "x", "body": "y"}))
        .await;
    assert!(text.starts_with("/to: "), "{text}");
    assert_eq!(sandbox.requests("gmail.users.drafts.create").await, 0);
}

#[tokio::test]
async fn a_draft_waits_and_is_sent_once() {
    let sandbox = Sandbox::start().await;
    let (me, guest) = (mailbox(&sandbox, ME).await, mailbox(&sandbox, GUEST).await);
    let draft = me.call("create_email_draft", letter()).await;
    assert!(found(&guest, "ноябрь").await.is_empty());
    let sent = me
        .call("send_email_draft", json!({"draft_id": draft["draft_id"]}))
        .await;
    assert_eq!(sent["thread_id"], draft["thread_id"]);
    the_only(&guest, "subject:ноябрь").await;
    let (_, failure) = me
        .fail("send_email_draft", json!({"draft_id": draft["draft_id"]}))
        .await;
    assert_eq!(failure.kind, FailureKind::NotFound);
    the_only(&guest, "subject:ноябрь").await;
}

#[tokio::test]
async fn a_draft_can_be_an_answer() {
    let sandbox = Sandbox::start().await;
    let (me, guest) = (mailbox(&sandbox, ME).await, mailbox(&sandbox, GUEST).await);
    let sent = me.call("send_email", letter()).await;
    let received = the_only(&guest, "subject:ноябрь").await;
    let arguments = json!({"reply_to_message_id": received["id"], "body": "Принято"});
    let draft = guest.call("create_email_draft", arguments).await;
    assert_eq!(draft["thread_id"], received["thread_id"]);
    guest
        .call("send_email_draft", json!({"draft_id": draft["draft_id"]}))
        .await;
    let back = the_only(&me, &format!("from:{GUEST}")).await;
    assert_eq!(
        (&back["thread_id"], &back["subject"]),
        (&sent["thread_id"], &json!("Re: Отчёт за ноябрь — черновик"))
    );
    let empty = guest
        .call("create_email_draft", json!({"body": "мысль"}))
        .await;
    let (text, failure) = guest
        .fail("send_email_draft", json!({"draft_id": empty["draft_id"]}))
        .await;
    assert_eq!(failure.kind, FailureKind::Invalid, "{text}");
}
