//! `/api/v1/server-setup`.

use super::*;

#[tokio::test]
async fn a_guided_setup_asks_takes_back_and_adds() {
    let app = TestApp::start(None).await;
    let alice = app.user("alice").await;
    let bob = app.user("bob").await;
    let (token, bobs) = (app.token(&alice, "").await, app.token(&bob, "").await);
    let begin = "/api/v1/server-setup";
    let answer = app
        .api(
            Method::POST,
            begin,
            &token,
            Some(json!({ "server_type": "file" })),
        )
        .await;
    assert_eq!(
        answer.json()["error"]["field"],
        "server_type",
        "{}",
        answer.text
    );
    let answer = app
        .api(
            Method::POST,
            begin,
            &token,
            Some(json!({ "server_type": "filesystem" })),
        )
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let path = format!("{begin}/{}", answer.json()["data"]["id"].as_str().unwrap());
    is_described(&answer.json()["data"], "SetupBody", &[]);
    is_described(&answer.json()["data"]["question"], "QuestionBody", &[]);
    let step = async |body| app.api(Method::POST, &path, &token, Some(body)).await;
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let answer = app
            .api(method, &path, &bobs, Some(json!({ "back": true })))
            .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "a stranger's");
    }
    let answer = step(json!({ "answer": "/etc", "back": true })).await;
    assert_eq!(answer.code(), "VALIDATION_ERROR");
    assert_eq!(step(json!({ "confirm": true })).await.code(), "CONFLICT");
    // Whatever the order of the questions is.
    let mut view = app.api(Method::GET, &path, &token, None).await.json();
    while let Some(key) = view["data"]["question"]["key"].as_str() {
        let (wrong, right) = match key {
            "server_name" => (json!("Not A Name"), json!("files")),
            "allowed_path" => (json!("/etc"), json!(app.files(&alice))),
            other => panic!("{other}"),
        };
        let answer = step(json!({ "answer": wrong })).await;
        assert_eq!(answer.json()["error"]["field"], key, "{}", answer.text);
        view = step(json!({ "answer": right })).await.json();
    }
    assert_eq!(view["data"]["summary"]["server_name"], "files", "{view}");
    is_described(&view["data"]["summary"], "SetupSummaryBody", &[]);
    is_described(&view["data"]["summary"]["answers"][0], "AnswerBody", &[]);
    let back = step(json!({ "back": true })).await.json();
    assert_eq!(back["data"]["question"]["is_answered"], true, "{back}");
    let again = back["data"]["question"]["answered"].clone();
    step(json!({ "answer": again })).await;
    let answer = step(json!({ "confirm": true })).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert_eq!(answer.json()["data"]["server_name"], "files");
    let answer = app.api(Method::GET, &path, &token, None).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "it is over");
}
