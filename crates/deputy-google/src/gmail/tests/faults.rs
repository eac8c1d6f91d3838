//! Google fails; a mail is sent once all the same.

use deputy_core::firstparty::FailureKind;

use super::*;

const LOST_ANSWERS: [&str; 3] = [
    "commit_then_hang",
    "commit_then_drop",
    "commit_then_unavailable",
];
const LOST_REQUESTS: [&str; 4] = ["hang", "drop", "unavailable", "backend_error"];
const CREATE: &str = "gmail.users.drafts.create";
const SEND: &str = "gmail.users.drafts.send";

/// One mail here, one there, and no draft left.
async fn exactly_one(sandbox: &Sandbox, me: &Client, sent: &Value) {
    let guest = mailbox(sandbox, GUEST).await;
    the_only(&guest, "subject:ноябрь").await;
    let mine = the_only(me, "subject:ноябрь").await;
    assert_eq!(
        (&mine["id"], &mine["thread_id"]),
        (&sent["message_id"], &sent["thread_id"])
    );
    assert!(found(me, "in:drafts").await.is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_looked_up() {
    at_once(LOST_ANSWERS, async |fault| {
        for method in [CREATE, SEND] {
            let sandbox = Sandbox::start().await;
            let me = mailbox(&sandbox, ME).await;
            sandbox.fault(method, fault).await;
            let sent = me.call("send_email", letter()).await;
            exactly_one(&sandbox, &me, &sent).await;
            assert_eq!(sandbox.requests(CREATE).await, 1, "{method} {fault}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_request_to_send_is_made_again() {
    at_once(LOST_REQUESTS, async |fault| {
        let sandbox = Sandbox::start().await;
        let me = mailbox(&sandbox, ME).await;
        sandbox.fault(SEND, fault).await;
        let sent = me.call("send_email", letter()).await;
        exactly_one(&sandbox, &me, &sent).await;
    })
    .await;
}

#[tokio::test]
async fn a_repeat_of_the_call_sends_nothing_more() {
    at_once(
        [
            (CREATE, "hang"),
            (CREATE, "unavailable"),
            (CREATE, "commit_then_drop"),
            (SEND, "commit_then_unavailable"),
        ],
        async |(method, fault)| {
            let sandbox = Sandbox::start().await;
            let me = mailbox(&sandbox, ME).await;
            let id = call_id();
            sandbox.fault(method, fault).await;
            let first = me
                .request("send_email", letter(), attempt(id, 1))
                .await
                .unwrap();
            if first.is_error == Some(true) {
                let (text, failure) = failed(&first);
                assert!(
                    matches!(
                        failure.kind,
                        FailureKind::Timeout | FailureKind::Unavailable
                    ),
                    "{fault}: {text}"
                );
            }
            let second = succeeded(
                &me.request("send_email", letter(), attempt(id, 2))
                    .await
                    .unwrap(),
            );
            let third = succeeded(
                &me.request("send_email", letter(), attempt(id, 3))
                    .await
                    .unwrap(),
            );
            assert_eq!(second, third);
            exactly_one(&sandbox, &me, &second).await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_call_cut_off_after_its_draft_is_finished_by_its_repeat() {
    let sandbox = Sandbox::start().await;
    let me = mailbox(&sandbox, ME).await;
    let id = call_id();
    // The draft of an earlier attempt that died before it could send.
    let draft = me
        .request("create_email_draft", letter(), attempt(id, 1))
        .await
        .unwrap();
    let draft = succeeded(&draft);
    let sent = succeeded(
        &me.request("send_email", letter(), attempt(id, 2))
            .await
            .unwrap(),
    );
    assert_eq!(sent["thread_id"], draft["thread_id"]);
    assert_eq!(sandbox.requests(CREATE).await, 1);
    exactly_one(&sandbox, &me, &sent).await;
}

#[tokio::test]
async fn an_answer_to_a_message_is_sent_once() {
    at_once(LOST_ANSWERS, async |fault| {
        for method in [CREATE, SEND] {
            let sandbox = Sandbox::start().await;
            let (me, guest) = (mailbox(&sandbox, ME).await, mailbox(&sandbox, GUEST).await);
            me.call("send_email", letter()).await;
            let received = the_only(&guest, "subject:ноябрь").await;
            sandbox.fault(method, fault).await;
            let answer = guest
                .call(
                    "reply_to_email",
                    json!({"message_id": received["id"], "body": "Да"}),
                )
                .await;
            assert_eq!(
                answer["thread_id"], received["thread_id"],
                "{method} {fault}"
            );
            the_only(&me, &format!("from:{GUEST}")).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_draft_is_made_once_and_sent_once() {
    at_once(LOST_ANSWERS, async |fault| {
        let sandbox = Sandbox::start().await;
        let me = mailbox(&sandbox, ME).await;
        sandbox.fault(CREATE, fault).await;
        let id = call_id();
        let draft = succeeded(
            &me.request("create_email_draft", letter(), attempt(id, 1))
                .await
                .unwrap(),
        );
        let again = succeeded(
            &me.request("create_email_draft", letter(), attempt(id, 2))
                .await
                .unwrap(),
        );
        assert_eq!(draft, again);
        the_only(&me, "in:drafts").await;
        sandbox.fault(SEND, fault).await;
        let sent = me
            .call("send_email_draft", json!({"draft_id": draft["draft_id"]}))
            .await;
        exactly_one(&sandbox, &me, &sent).await;
    })
    .await;
}

#[tokio::test]
async fn a_listing_survives_a_message_that_goes_meanwhile() {
    let sandbox = Sandbox::start().await;
    let me = mailbox(&sandbox, ME).await;
    for n in 0..3 {
        me.call(
            "send_email",
            json!({"to": ME, "subject": format!("s{n}"), "body": "b"}),
        )
        .await;
    }
    let gone = json!({"error": {"code": 404, "message": "Requested entity was not found.", "status": "NOT_FOUND"}});
    let rule = json!({"method": "gmail.users.messages.get", "fault": "canned", "status": 404, "body": gone});
    sandbox.control("faults", rule).await;
    assert_eq!(found(&me, "in:inbox").await.len(), 2);
}

#[tokio::test]
async fn a_message_that_gmail_refuses_leaves_no_draft() {
    let sandbox = Sandbox::start().await;
    let me = mailbox(&sandbox, ME).await;
    let refusal = json!({"error": {"code": 400, "message": "Invalid To header", "errors": [{"reason": "invalidArgument"}]}});
    let rule = json!({"method": SEND, "fault": "canned", "status": 400, "body": refusal});
    sandbox.control("faults", rule).await;
    let (text, failure) = me.fail("send_email", letter()).await;
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert!(text.contains("Invalid To header"), "{text}");
    assert!(found(&me, "in:drafts").await.is_empty());
}

#[tokio::test]
async fn rate_limits_say_when_to_come_back() {
    let sandbox = Sandbox::start().await;
    let me = mailbox(&sandbox, ME).await;
    sandbox
        .control(
            "faults",
            json!({"method": CREATE, "fault": "rate_limited", "status": 429, "retry_after": 7}),
        )
        .await;
    let (_, failure) = me.fail("send_email", letter()).await;
    assert_eq!(
        (failure.kind, failure.retry_after_ms),
        (FailureKind::RateLimited, Some(7000))
    );
    assert_eq!(sandbox.requests(SEND).await, 0);
}
