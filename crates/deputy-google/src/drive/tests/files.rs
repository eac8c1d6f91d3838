//! Listing and searching.

use super::*;

async fn searched(client: &Client, query: &str) -> Vec<String> {
    let answer = client.call("search_files", json!({"query": query})).await;
    answer["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn files_are_listed_latest_first_page_by_page() {
    let sandbox = Sandbox::start().await;
    let me = drive(&sandbox, ME).await;
    for n in 0..5 {
        created(&me, &format!("Файл {n}"), "текст").await;
    }
    let mut seen = Vec::new();
    let mut page = json!({"max_results": 2, "file_type": "document"});
    loop {
        let answer = me.call("list_files", page).await;
        for file in answer["files"].as_array().unwrap() {
            assert_eq!(file["mime_type"], "application/vnd.google-apps.document");
            assert_eq!(file["parents"].as_array().unwrap().len(), 1);
            seen.push(file["name"].as_str().unwrap().to_owned());
        }
        let Some(next) = answer.get("next_page_token") else {
            break;
        };
        page = json!({"max_results": 2, "file_type": "document", "page_token": next});
    }
    assert_eq!(seen, ["Файл 4", "Файл 3", "Файл 2", "Файл 1", "Файл 0"]);
    let none = me
        .call("list_files", json!({"file_type": "spreadsheet"}))
        .await;
    assert_eq!(none["files"], json!([]));
    assert!(
        names(&drive(&sandbox, GUEST).await).await.is_empty(),
        "nothing of one person is another's"
    );
}

#[tokio::test]
async fn names_and_contents_are_searched_and_quotes_are_harmless() {
    let sandbox = Sandbox::start().await;
    let me = drive(&sandbox, ME).await;
    created(&me, "Бюджет 2027", "числа").await;
    created(&me, "Заметки O'Hara", "здесь про бюджет компании").await;
    created(&me, "Другое", "ничего").await;
    let mut found = searched(&me, "бюджет").await;
    found.sort();
    assert_eq!(found, ["Бюджет 2027", "Заметки O'Hara"]);
    assert_eq!(searched(&me, "O'Hara").await, ["Заметки O'Hara"]);
    assert!(
        searched(&me, "' or trashed = true or name contains '")
            .await
            .is_empty()
    );
    assert!(searched(&me, "C:\\бухгалтерия\\'").await.is_empty());
}
