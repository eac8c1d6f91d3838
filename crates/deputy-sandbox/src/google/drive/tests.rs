//! The drive over HTTP.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::google::tests::client::{Person, Sandbox, answer, reason};

const ALL: &[&str] = &[
    "https://www.googleapis.com/auth/drive",
    "https://mail.google.com/",
];
const FILES: &str = "drive/v3/files";
const DOC: &str = "application/vnd.google-apps.document";
const FOLDER: &str = "application/vnd.google-apps.folder";

async fn create(person: &Person<'_>, metadata: Value) -> Value {
    let (status, file) = person.post(&format!("{FILES}?fields=*"), metadata).await;
    assert_eq!(status, 200, "{file}");
    file
}

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

async fn upload(
    person: &Person<'_>,
    newline: &str,
    metadata: Value,
    mime_type: &str,
    media: &str,
) -> (u16, Value) {
    let body = format!(
        "--===b==={newline}Content-Type: application/json{newline}MIME-Version: 1.0{newline}{newline}{metadata}{newline}--===b==={newline}Content-Type: {mime_type}{newline}MIME-Version: 1.0{newline}Content-Transfer-Encoding: binary{newline}{newline}{media}{newline}--===b===--"
    );
    let request = person.request(
        Method::POST,
        "upload/drive/v3/files?uploadType=multipart&fields=*",
    );
    answer(
        request
            .header("content-type", "multipart/related; boundary=\"===b===\"")
            .body(body),
    )
    .await
}

async fn names(person: &Person<'_>, query: &str) -> Vec<String> {
    let order = if query.contains("fullText") {
        ""
    } else {
        "name"
    };
    let request = person
        .request(Method::GET, FILES)
        .query(&[("q", query), ("orderBy", order)]);
    let (status, list) = answer(request).await;
    assert_eq!(status, 200, "{query}: {list}");
    list["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn export(person: &Person<'_>, file: &Value, mime_type: &str) -> String {
    let request = person
        .request(Method::GET, &format!("{FILES}/{}/export", id(file)))
        .query(&[("mimeType", mime_type)]);
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    String::from_utf8(reply.bytes().await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn markdown_becomes_a_document_and_comes_back() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let text = "# Plan\n\n* **one**\n* two\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n";
    for newline in ["\n", "\r\n"] {
        let (status, file) = upload(
            &demo,
            newline,
            json!({"name": "Plan", "mimeType": DOC}),
            "text/markdown",
            text,
        )
        .await;
        assert_eq!(
            (status, file["mimeType"].as_str()),
            (200, Some(DOC)),
            "{file}"
        );
        assert_eq!(export(&demo, &file, "text/markdown").await, text);
        assert!(
            export(&demo, &file, "text/plain")
                .await
                .starts_with("\u{feff}Plan\r\n")
        );
        assert!(
            export(&demo, &file, "text/html")
                .await
                .contains("<strong>one</strong>")
        );
        assert_eq!(file.get("md5Checksum"), None);
        let (status, refused) = demo.get(&format!("{FILES}/{}?alt=media", id(&file))).await;
        assert_eq!((status, reason(&refused)), (403, "fileNotDownloadable"));
        let (status, refused) = demo
            .get(&format!(
                "{FILES}/{}/export?mimeType=application/zip",
                id(&file)
            ))
            .await;
        assert_eq!((status, reason(&refused)), (400, "badRequest"));
        // New content replaces the old; the id and the link stay.
        let update = demo.request(
            Method::PATCH,
            &format!(
                "upload/drive/v3/files/{}?uploadType=media&fields=id,version",
                id(&file)
            ),
        );
        let (_, updated) = answer(
            update
                .header("content-type", "text/markdown")
                .body("New *text*"),
        )
        .await;
        assert_eq!(updated["id"], file["id"]);
        assert_ne!(updated["version"], file["version"]);
        assert_eq!(export(&demo, &file, "text/markdown").await, "New *text*\n");
    }
}

#[tokio::test]
async fn a_blob_has_checksums_content_and_ranges() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let (_, file) = upload(
        &demo,
        "\n",
        json!({"name": "a.txt"}),
        "text/plain",
        "hello world",
    )
    .await;
    assert_eq!(file["md5Checksum"], "5eb63bbbe01eeed093cb22bb8f5acdc3");
    assert_eq!(
        file["sha1Checksum"],
        "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"
    );
    assert_eq!(
        (file["size"].as_str(), file["fileExtension"].as_str()),
        (Some("11"), Some("txt"))
    );
    let path = format!("{FILES}/{}?alt=media", id(&file));
    assert_eq!(
        demo.request(Method::GET, &path)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap(),
        "hello world"
    );
    let part = demo
        .request(Method::GET, &path)
        .header("range", "bytes=6-100")
        .send()
        .await
        .unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], "bytes 6-10/11");
    assert_eq!(part.text().await.unwrap(), "world");
    let (status, refused) = demo
        .get(&format!("{FILES}/{}/export?mimeType=text/plain", id(&file)))
        .await;
    assert_eq!((status, reason(&refused)), (403, "fileNotExportable"));
    let revision = file["headRevisionId"].clone();
    let update = demo.request(
        Method::PATCH,
        &format!(
            "upload/drive/v3/files/{}?uploadType=media&fields=*",
            id(&file)
        ),
    );
    let (_, updated) = answer(update.header("content-type", "text/plain").body("other")).await;
    assert_ne!(updated["headRevisionId"], revision);
    assert_eq!(updated["size"], "5");
}

#[tokio::test]
async fn a_resumable_upload_goes_on_where_it_stopped() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let open = demo
        .request(
            Method::POST,
            "upload/drive/v3/files?uploadType=resumable&fields=id,name,size",
        )
        .header("x-upload-content-type", "text/plain")
        .json(&json!({"name": "big.txt"}));
    let opened = open.send().await.unwrap();
    assert_eq!(opened.status(), StatusCode::OK);
    let location = opened.headers()["location"].to_str().unwrap().to_owned();
    let put = |range: &str, body: &'static str| {
        sandbox
            .http
            .put(&location)
            .header("content-range", range)
            .body(body)
    };
    let asked = put("bytes */*", "").send().await.unwrap();
    assert_eq!(
        (asked.status().as_u16(), asked.headers().get("range")),
        (308, None)
    );
    assert_eq!(
        put("bytes 0-4/*", "hello")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        308
    );
    // A gap is not filled; the answer says how much is here.
    let gap = put("bytes 9-10/11", "ld").send().await.unwrap();
    assert_eq!(
        (
            gap.status().as_u16(),
            gap.headers()["range"].to_str().unwrap()
        ),
        (308, "bytes=0-4")
    );
    let (status, file) = answer(put("bytes 5-10/11", " world")).await;
    assert_eq!(
        (status, file["name"].as_str(), file["size"].as_str()),
        (200, Some("big.txt"), Some("11"))
    );
    assert_eq!(
        put("bytes */11", "")
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        404
    );
    let media = demo
        .request(Method::GET, &format!("{FILES}/{}?alt=media", id(&file)))
        .send()
        .await
        .unwrap();
    assert_eq!(media.text().await.unwrap(), "hello world");
}

#[tokio::test]
async fn search_is_by_starts_of_words_and_refuses_nonsense() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let folder = create(&demo, json!({"name": "Box", "mimeType": FOLDER})).await;
    create(&demo, json!({"name": "HelloWorld", "mimeType": DOC, "parents": [id(&folder)], "appProperties": {"call": "7"}})).await;
    upload(
        &demo,
        "\n",
        json!({"name": "Second plan", "mimeType": DOC}),
        "text/markdown",
        "quarterly figures",
    )
    .await;
    assert_eq!(names(&demo, "name contains 'Hello'").await, ["HelloWorld"]);
    assert!(names(&demo, "name contains 'World'").await.is_empty());
    assert_eq!(
        names(&demo, "fullText contains 'figures'").await,
        ["Second plan"]
    );
    let sorted = demo
        .request(Method::GET, FILES)
        .query(&[("q", "fullText contains 'figures'"), ("orderBy", "name")]);
    assert_eq!(answer(sorted).await.0, 400);
    assert_eq!(
        names(&demo, &format!("'{}' in parents", id(&folder))).await,
        ["HelloWorld"]
    );
    assert_eq!(
        names(&demo, "'root' in parents").await,
        ["Box", "Second plan"]
    );
    assert_eq!(
        names(&demo, "appProperties has { key='call' and value='7' }").await,
        ["HelloWorld"]
    );
    assert_eq!(
        names(
            &demo,
            &format!("mimeType = '{FOLDER}' or name contains 'sec'")
        )
        .await,
        ["Box", "Second plan"]
    );
    let (status, refused) =
        answer(demo.request(Method::GET, FILES).query(&[("q", "garbage")])).await;
    assert_eq!((status, reason(&refused)), (400, "invalid"));
    assert_eq!(refused["error"]["errors"][0]["location"], "q");
    assert_eq!(refused["error"]["message"], "Invalid Value");
    let (status, _) = answer(
        demo.request(Method::GET, FILES)
            .query(&[("orderBy", "beauty")]),
    )
    .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn answers_are_short_by_default_and_come_in_pages() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    for number in 0..5 {
        create(
            &demo,
            json!({"name": format!("f{number}"), "mimeType": "text/plain"}),
        )
        .await;
    }
    let (_, first) = demo.get(&format!("{FILES}?pageSize=2&orderBy=name")).await;
    let keys: Vec<&String> = first["files"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["kind", "id", "name", "mimeType"]);
    let token = first["nextPageToken"].as_str().unwrap();
    let request = |order: &str| {
        demo.request(Method::GET, FILES).query(&[
            ("pageSize", "10"),
            ("orderBy", order),
            ("pageToken", token),
        ])
    };
    let (_, rest) = answer(request("name")).await;
    let names: Vec<&str> = rest["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["f2", "f3", "f4"]);
    assert_eq!(rest.get("nextPageToken"), None);
    assert_eq!(
        answer(request("name desc")).await.0,
        400,
        "a page token fits its own request only"
    );
    let (status, refused) = demo.get("drive/v3/about").await;
    assert_eq!((status, reason(&refused)), (400, "required"));
    let (_, about) = demo.get("drive/v3/about?fields=user,importFormats").await;
    assert_eq!(about["user"]["emailAddress"], "demo@sandbox.test");
}

#[tokio::test]
async fn generated_ids_are_used_once_and_never_for_documents() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let (_, generated) = demo.get(&format!("{FILES}/generateIds?count=2")).await;
    let fresh = generated["ids"][0].as_str().unwrap();
    let (status, refused) = demo
        .post(FILES, json!({"id": fresh, "name": "d", "mimeType": DOC}))
        .await;
    assert_eq!((status, reason(&refused)), (400, "invalid"));
    let (status, file) = demo
        .post(
            FILES,
            json!({"id": fresh, "name": "b", "mimeType": "text/plain"}),
        )
        .await;
    assert_eq!((status, file["id"].as_str()), (200, Some(fresh)));
    let (status, again) = demo
        .post(
            FILES,
            json!({"id": fresh, "name": "b", "mimeType": "text/plain"}),
        )
        .await;
    assert_eq!((status, reason(&again)), (409, "fileIdInUse"));
    let (status, _) = demo
        .post(
            FILES,
            json!({"id": "myOwnId", "name": "b", "mimeType": "text/plain"}),
        )
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn files_move_copy_are_trashed_and_deleted() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let folder = create(&demo, json!({"name": "F", "mimeType": FOLDER})).await;
    let (_, file) = upload(
        &demo,
        "\n",
        json!({"name": "T", "mimeType": DOC, "properties": {"a": "1"}}),
        "text/markdown",
        "# T {{x}}",
    )
    .await;
    let root = file["parents"][0].as_str().unwrap();
    let path = format!("{FILES}/{}", id(&file));
    let (status, refused) = demo
        .patch(&format!("{path}?addParents={}", id(&folder)), json!({}))
        .await;
    assert_eq!((status, reason(&refused)), (403, "cannotAddParent"));
    let (_, moved) = demo
        .patch(
            &format!(
                "{path}?addParents={}&removeParents={root}&fields=parents",
                id(&folder)
            ),
            json!({}),
        )
        .await;
    assert_eq!(moved["parents"], json!([id(&folder)]));
    let (_, copy) = demo
        .post(
            &format!("{path}/copy?fields=*"),
            json!({"name": "C", "appProperties": {"call": "1"}}),
        )
        .await;
    assert_eq!(
        (copy["name"].as_str(), &copy["properties"]),
        (Some("C"), &json!({"a": "1"}))
    );
    assert_eq!(export(&demo, &copy, "text/markdown").await, "# T {{x}}\n");
    let (_, trashed) = demo
        .patch(
            &format!("{FILES}/{}?fields=trashed", id(&folder)),
            json!({"trashed": true}),
        )
        .await;
    assert_eq!(trashed["trashed"], true);
    let (_, inside) = demo
        .get(&format!("{path}?fields=trashed,explicitlyTrashed"))
        .await;
    assert_eq!(inside, json!({"trashed": true, "explicitlyTrashed": false}));
    assert!(names(&demo, "trashed=false").await.is_empty());
    assert_eq!(names(&demo, "").await.len(), 3);
    let (status, _) = demo.patch(&path, json!({"size": "3"})).await;
    assert_eq!(status, 403);
    let (status, refused) = demo
        .patch(
            &format!(
                "{FILES}/{}?addParents={}&removeParents={root}",
                id(&folder),
                id(&folder)
            ),
            json!({}),
        )
        .await;
    assert_eq!(status, 403, "{refused}");
    assert_eq!(
        demo.delete(&format!("{FILES}/{}", id(&folder))).await.0,
        204
    );
    let (status, missing) = demo.get(&path).await;
    assert_eq!((status, reason(&missing)), (404, "notFound"));
    assert_eq!(
        missing["error"]["message"],
        format!("File not found: {}.", id(&file))
    );
}

#[tokio::test]
async fn sharing_shows_a_file_to_another_and_tells_them() {
    let sandbox = Sandbox::start().await;
    let demo = sandbox.person("demo@sandbox.test", ALL).await;
    let guest = sandbox.person("guest@sandbox.test", ALL).await;
    let folder = create(&demo, json!({"name": "Team", "mimeType": FOLDER})).await;
    let file = create(
        &demo,
        json!({"name": "Plan", "mimeType": DOC, "parents": [id(&folder)]}),
    )
    .await;
    let path = format!("{FILES}/{}", id(&file));
    let (status, missing) = guest.get(&path).await;
    assert_eq!((status, reason(&missing)), (404, "notFound"));
    assert!(names(&guest, "").await.is_empty());

    let share = json!({"type": "user", "role": "reader", "emailAddress": "Guest@sandbox.test"});
    let (status, permission) = demo
        .post(
            &format!("{FILES}/{}/permissions", id(&folder)),
            share.clone(),
        )
        .await;
    assert_eq!((status, permission["role"].as_str()), (200, Some("reader")));
    assert_eq!(names(&guest, "").await, ["Plan", "Team"]);
    assert_eq!(names(&guest, "sharedWithMe").await, ["Team"]);
    let (_, theirs) = guest.get(&format!("{path}?fields=*")).await;
    assert_eq!(
        (
            theirs["ownedByMe"].as_bool(),
            theirs["capabilities"]["canEdit"].as_bool()
        ),
        (Some(false), Some(false))
    );
    assert_eq!(theirs.get("permissions"), None);
    let (status, refused) = guest.patch(&path, json!({"name": "Mine"})).await;
    assert_eq!(
        (status, reason(&refused)),
        (403, "insufficientFilePermissions")
    );
    let (_, mail) = guest.get("gmail/v1/users/me/messages?q=subject:Team").await;
    assert_eq!(mail["messages"].as_array().unwrap().len(), 1);

    // No mail where none is wanted; a writer may write, but not delete.
    let write = json!({"type": "user", "role": "writer", "emailAddress": "guest@sandbox.test"});
    demo.post(
        &format!("{path}/permissions?sendNotificationEmail=false"),
        write,
    )
    .await;
    let (_, mail) = guest.get("gmail/v1/users/me/messages").await;
    assert_eq!(mail["messages"].as_array().unwrap().len(), 1);
    assert_eq!(guest.patch(&path, json!({"name": "Ours"})).await.0, 200);
    assert_eq!(guest.delete(&path).await.0, 403);
    let (_, list) = demo
        .get(&format!(
            "{path}/permissions?fields=permissions(id,emailAddress,role)"
        ))
        .await;
    assert_eq!(list["permissions"].as_array().unwrap().len(), 2);
    let permission = list["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["role"] == "writer")
        .unwrap();
    assert_eq!(
        demo.delete(&format!("{path}/permissions/{}", id(permission)))
            .await
            .0,
        204
    );
    assert_eq!(guest.patch(&path, json!({"name": "Again"})).await.0, 403);
    let (status, _) = demo
        .post(
            &format!("{path}/permissions"),
            json!({"type": "user", "role": "owner", "emailAddress": "guest@sandbox.test"}),
        )
        .await;
    assert_eq!(status, 403);
    let page = sandbox
        .http
        .get(sandbox.at("accounts/guest@sandbox.test"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(page.contains("Ours"), "{page}");
}
