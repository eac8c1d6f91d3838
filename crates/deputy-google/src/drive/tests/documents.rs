//! Making, reading and changing documents.

use deputy_core::firstparty::FailureKind;

use super::*;

const PROTOCOL: &str = "# Протокол 🚀\n\nПрисутствовали **все**, см. [план](https://x.test/a).\n\n* раз\n* два\n    * два а\n";

#[tokio::test]
async fn a_document_is_read_as_it_was_written() {
    let sandbox = Sandbox::start().await;
    let me = drive(&sandbox, ME).await;
    let document = created(&me, "Протокол «А»", PROTOCOL).await;
    assert_eq!(document["title"], "Протокол «А»");
    assert!(
        document["url"]
            .as_str()
            .unwrap()
            .contains(document["id"].as_str().unwrap()),
        "{document}"
    );
    let modified: jiff::Timestamp = document["modified_at"].as_str().unwrap().parse().unwrap();
    assert!(modified.as_second() > 0);
    let read = content(&me, &document).await;
    for part in [
        "# Протокол 🚀",
        "**все**",
        "[план](https://x.test/a)",
        "раз",
        "два а",
    ] {
        assert!(read.contains(part), "{part}: {read}");
    }
}

#[tokio::test]
async fn text_is_added_at_the_end_with_its_looks() {
    let sandbox = Sandbox::start().await;
    let me = drive(&sandbox, ME).await;
    let document = created(&me, "Протокол", PROTOCOL).await;
    let more = "## Решения\n\n1. Срок — **пятница**\n   - до обеда\n2. `код` и ~~нет~~\n\n> цитата\n\n```\nlet x;\n\nlet y;\n```\n\nИтог: [тут](https://y.test/)";
    let arguments = json!({"document_id": document["id"], "content": more});
    let answer = me.call("edit_document", arguments).await;
    assert_eq!(answer["document"]["id"], document["id"]);
    let read = content(&me, &document).await;
    let (before, after) = read.split_once("## Решения").expect("a heading");
    assert!(before.contains("два а"), "{before}");
    for part in [
        "**пятница**",
        "до обеда",
        "`код`",
        "~~нет~~",
        "> цитата",
        "[тут](https://y.test/)",
    ] {
        assert!(after.contains(part), "{part}: {read}");
    }
    assert!(
        !after.contains('\t'),
        "no tab of a nested item is left: {after}"
    );
    assert!(after.contains("```\nlet x;\n\nlet y;\n```"), "{after}");
    assert!(after.contains("1. Срок"), "{after}");

    let empty = created(&me, "Пусто", "").await;
    let arguments = json!({"document_id": empty["id"], "content": "первое", "mode": "append"});
    me.call("edit_document", arguments).await;
    assert_eq!(content(&me, &empty).await, "первое");
}

#[tokio::test]
async fn all_is_replaced_and_the_document_stays_itself() {
    let sandbox = Sandbox::start().await;
    let me = drive(&sandbox, ME).await;
    let document = created(&me, "Протокол", PROTOCOL).await;
    let table = "# Новое\n\n| а | б |\n| --- | --- |\n| 1 | 2 |";
    let answer = me
        .call(
            "edit_document",
            json!({"document_id": document["id"], "content": table, "mode": "replace"}),
        )
        .await;
    assert_eq!(
        (&answer["document"]["id"], &answer["document"]["title"]),
        (&document["id"], &json!("Протокол"))
    );
    let read = content(&me, &document).await;
    assert!(
        read.starts_with("# Новое") && read.contains('|') && !read.contains("Присутствовали"),
        "{read}"
    );
}

#[tokio::test]
async fn a_template_is_filled_in_and_stays_as_it_is() {
    let sandbox = Sandbox::start().await;
    let me = drive(&sandbox, ME).await;
    let template = created(
        &me,
        "Шаблон",
        "# Договор\n\n{{ИМЯ}}, {{ДАТА}}. **{{ИМЯ}}** и {{ПОДПИСЬ}}",
    )
    .await;
    let arguments = json!({
        "template_id": template["id"],
        "title": "Договор с Иваном",
        "replacements": {"{{ИМЯ}}": "Иван Петров", "{{ДАТА}}": "12.02.2026", "{{НЕТ}}": "x"},
    });
    let answer = me.call("create_from_template", arguments).await;
    assert_eq!(answer["document"]["title"], "Договор с Иваном");
    assert_eq!(
        answer["replaced"],
        json!({"{{ИМЯ}}": 2, "{{ДАТА}}": 1, "{{НЕТ}}": 0})
    );
    assert_eq!(answer["unreplaced"], json!(["{{ПОДПИСЬ}}"]));
    let read = content(&me, &answer["document"]).await;
    assert!(
        read.contains("Иван Петров, 12.02.2026. **Иван Петров**"),
        "{read}"
    );
    assert!(content(&me, &template).await.contains("ДАТА"));
    let plain = me
        .call(
            "create_from_template",
            json!({"template_id": template["id"], "title": "Копия"}),
        )
        .await;
    assert_eq!(plain["replaced"], json!({}));
}

#[tokio::test]
async fn slips_are_named_and_change_nothing() {
    let sandbox = Sandbox::start().await;
    let (me, guest) = (drive(&sandbox, ME).await, drive(&sandbox, GUEST).await);
    let document = created(&me, "Протокол", "текст").await;
    for (tool, arguments) in [
        ("read_document", json!({"document_id": document["id"]})),
        (
            "edit_document",
            json!({"document_id": document["id"], "content": "чужое"}),
        ),
        (
            "edit_document",
            json!({"document_id": document["id"], "content": "чужое", "mode": "replace"}),
        ),
        (
            "create_from_template",
            json!({"template_id": document["id"], "title": "чужое"}),
        ),
    ] {
        let (text, failure) = guest.fail(tool, arguments).await;
        assert_eq!(failure.kind, FailureKind::NotFound, "{tool}: {text}");
    }
    let (text, failure) = me
        .fail(
            "edit_document",
            json!({"document_id": document["id"], "content": " \n"}),
        )
        .await;
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert!(text.starts_with("/content"), "{text}");
    let (text, _) = me
        .fail(
            "edit_document",
            json!({"document_id": document["id"], "content": "x", "mode": "prepend"}),
        )
        .await;
    assert!(text.starts_with("/mode"), "{text}");
    assert_eq!(content(&me, &document).await, "текст");
    let reader = sandbox.client_with("drive", ME, &["gmail.readonly"]).await;
    let (_, failure) = reader.fail("list_files", json!({})).await;
    assert_eq!(failure.kind, FailureKind::MissingScope);
}
