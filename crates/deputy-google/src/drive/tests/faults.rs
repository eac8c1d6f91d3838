//! Google fails; a document is made, filled in and changed once all the same.

use deputy_core::firstparty::FailureKind;

use super::*;

const LOST_ANSWERS: [&str; 3] = [
    "commit_then_hang",
    "commit_then_drop",
    "commit_then_unavailable",
];
const LOST_REQUESTS: [&str; 4] = ["hang", "drop", "unavailable", "backend_error"];
const CREATE: &str = "drive.files.create";
const COPY: &str = "drive.files.copy";
const UPDATE: &str = "drive.files.update";
const EDIT: &str = "docs.documents.batchUpdate";

fn protocol() -> Value {
    json!({"title": "Протокол", "content": "# Протокол\n\nтекст"})
}

#[tokio::test]
async fn a_document_whose_answer_is_lost_is_found_and_there_once() {
    at_once(LOST_ANSWERS, async |fault| {
        let sandbox = Sandbox::start().await;
        let me = drive(&sandbox, ME).await;
        sandbox.fault(CREATE, fault).await;
        let document = me.call("create_document", protocol()).await["document"].clone();
        assert_eq!(names(&me).await, ["Протокол"], "{fault}");
        assert!(content(&me, &document).await.contains("текст"));
        assert_eq!(sandbox.requests(CREATE).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_repeat_makes_no_second_document() {
    at_once(LOST_REQUESTS.iter().chain(&LOST_ANSWERS), async |fault| {
        let sandbox = Sandbox::start().await;
        let me = drive(&sandbox, ME).await;
        let id = call_id();
        sandbox.fault(CREATE, fault).await;
        let first = me
            .request("create_document", protocol(), attempt(id, 1))
            .await
            .unwrap();
        if LOST_REQUESTS.contains(fault) {
            let (text, failure) = failed(&first);
            let said = [
                FailureKind::Timeout,
                FailureKind::Network,
                FailureKind::Unavailable,
            ];
            assert!(said.contains(&failure.kind), "{fault}: {text}");
        }
        let second = succeeded(
            &me.request("create_document", protocol(), attempt(id, 2))
                .await
                .unwrap(),
        );
        let third = succeeded(
            &me.request("create_document", protocol(), attempt(id, 3))
                .await
                .unwrap(),
        );
        assert_eq!(second, third);
        assert_eq!(names(&me).await, ["Протокол"], "{fault}");
    })
    .await;
}

#[tokio::test]
async fn text_is_added_once() {
    at_once(LOST_ANSWERS.iter().chain(&LOST_REQUESTS), async |fault| {
        let sandbox = Sandbox::start().await;
        let me = drive(&sandbox, ME).await;
        let document = created(&me, "Протокол", "начало").await;
        sandbox.fault(EDIT, fault).await;
        let id = call_id();
        let arguments = json!({"document_id": document["id"], "content": "- раз\n  - два"});
        succeeded(
            &me.request("edit_document", arguments.clone(), attempt(id, 1))
                .await
                .unwrap(),
        );
        let read = content(&me, &document).await;
        assert_eq!(
            (read.matches("раз").count(), read.matches("два").count()),
            (1, 1),
            "{fault}: {read}"
        );
        // The gateway may not have got this answer either.
        succeeded(
            &me.request("edit_document", arguments, attempt(id, 2))
                .await
                .unwrap(),
        );
        assert_eq!(content(&me, &document).await, read, "{fault}");
    })
    .await;
}

#[tokio::test]
async fn the_same_text_can_be_added_twice_by_two_calls() {
    let sandbox = Sandbox::start().await;
    let me = drive(&sandbox, ME).await;
    let document = created(&me, "Журнал", "начало").await;
    let arguments = json!({"document_id": document["id"], "content": "готово"});
    me.call("edit_document", arguments.clone()).await;
    sandbox.fault(EDIT, "commit_then_hang").await;
    me.call("edit_document", arguments).await;
    assert_eq!(content(&me, &document).await.matches("готово").count(), 2);
}

#[tokio::test]
async fn an_edit_between_reading_and_adding_is_kept() {
    let sandbox = Sandbox::start().await;
    let me = drive(&sandbox, ME).await;
    let document = created(&me, "Журнал", "начало").await;
    let add = |text: &str| {
        me.call(
            "edit_document",
            json!({"document_id": document["id"], "content": text.to_owned()}),
        )
    };
    tokio::join!(add("один"), add("два"), add("три"));
    let read = content(&me, &document).await;
    for text in ["начало", "один", "два", "три"] {
        assert_eq!(read.matches(text).count(), 1, "{read}");
    }
}

#[tokio::test]
async fn all_is_replaced_once_and_a_later_edit_survives_a_repeat() {
    at_once(LOST_ANSWERS.iter().chain(&LOST_REQUESTS), async |fault| {
        let sandbox = Sandbox::start().await;
        let me = drive(&sandbox, ME).await;
        let document = created(&me, "Протокол", "старое").await;
        sandbox.fault(UPDATE, fault).await;
        let id = call_id();
        let arguments =
            json!({"document_id": document["id"], "content": "новое", "mode": "replace"});
        succeeded(
            &me.request("edit_document", arguments.clone(), attempt(id, 1))
                .await
                .unwrap(),
        );
        assert_eq!(content(&me, &document).await, "новое", "{fault}");
        me.call(
            "edit_document",
            json!({"document_id": document["id"], "content": "добавка"}),
        )
        .await;
        succeeded(
            &me.request("edit_document", arguments, attempt(id, 2))
                .await
                .unwrap(),
        );
        assert!(content(&me, &document).await.contains("добавка"), "{fault}");
    })
    .await;
}

#[tokio::test]
async fn a_template_is_copied_and_filled_in_once() {
    at_once(LOST_ANSWERS, async |fault| {
        for method in [COPY, EDIT] {
            let sandbox = Sandbox::start().await;
            let me = drive(&sandbox, ME).await;
            let template = created(&me, "Шаблон", "Имя: ИМЯ, ИМЯ").await;
            // A value that holds its own placeholder shows a second replacement.
            let arguments = json!({"template_id": template["id"], "title": "Письмо", "replacements": {"ИМЯ": "ИМЯ Иван"}});
            sandbox.fault(method, fault).await;
            let id = call_id();
            let first = succeeded(
                &me.request("create_from_template", arguments.clone(), attempt(id, 1))
                    .await
                    .unwrap(),
            );
            assert_eq!(first["replaced"], json!({"ИМЯ": 2}));
            let read = content(&me, &first["document"]).await;
            assert_eq!(read, "Имя: ИМЯ Иван, ИМЯ Иван", "{method} {fault}");
            let second = succeeded(
                &me.request("create_from_template", arguments, attempt(id, 2))
                    .await
                    .unwrap(),
            );
            assert_eq!(first, second);
            assert_eq!(content(&me, &second["document"]).await, read);
            assert_eq!(names(&me).await, ["Письмо", "Шаблон"]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_was_not_filled_in_is_filled_in_by_the_repeat() {
    let sandbox = Sandbox::start().await;
    let me = drive(&sandbox, ME).await;
    let template = created(&me, "Шаблон", "Имя: ИМЯ").await;
    let arguments =
        json!({"template_id": template["id"], "title": "Письмо", "replacements": {"ИМЯ": "Иван"}});
    let limit = json!({"method": EDIT, "fault": "rate_limited", "status": 429});
    sandbox.control("faults", limit).await;
    let id = call_id();
    let (_, failure) = failed(
        &me.request("create_from_template", arguments.clone(), attempt(id, 1))
            .await
            .unwrap(),
    );
    assert_eq!(failure.kind, FailureKind::RateLimited);
    let answer = succeeded(
        &me.request("create_from_template", arguments, attempt(id, 2))
            .await
            .unwrap(),
    );
    assert_eq!(answer["replaced"], json!({"ИМЯ": 1}));
    assert_eq!(content(&me, &answer["document"]).await, "Имя: Иван");
    assert_eq!(names(&me).await, ["Письмо", "Шаблон"]);
}
