//! The lists on `/admin`, of which each page shows a part: whoever follows the links sees all of it.

use deputy_store::Store;
use deputy_store::oauth_block::BlockKind;
use deputy_store::oauth_client::{ClientKind, NewClient};
use deputy_store::oauth_grant::{NewCode, NewGrant};

use super::*;

/// Follows the links of the list whose place in the query has this name; how often `what` stands on
/// each page.
async fn pages(browser: &mut Browser<'_>, name: &str, what: &str) -> Vec<usize> {
    let mut path = "/admin".to_owned();
    let mut counts = Vec::new();
    loop {
        let page = browser.get(&path).await;
        assert_eq!(page.status, StatusCode::OK);
        counts.push(page.text.matches(what).count());
        assert!(counts.len() < 10, "it ends");
        let next = format!("rel=\"next\" href=\"/admin?{name}=");
        let Some((_, rest)) = page.text.split_once(&unescape(&next)) else {
            return counts;
        };
        path = format!(
            "/admin?{name}={}",
            unescape(rest.split('"').next().unwrap())
        );
    }
}

async fn add_clients(store: &Store, kind: ClientKind, count: usize) {
    let tx = store.begin().await.unwrap();
    for n in 0..count {
        tx.insert_oauth_client(NewClient {
            client_id: format!("{}-{n}", kind.as_str()),
            kind,
            name: format!("Program {n}."),
            redirect_uris: vec![CALLBACK.to_owned()],
            metadata: json!({}),
            created_from: None,
            at: SystemClock.now(),
            fresh_until: None,
        })
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
}

/// As many people, each of whom let another program in.
async fn add_accesses(store: &Store, count: usize) {
    let mut people = Vec::new();
    for n in 0..count {
        people.push(deputy_store::testing::user(store, &format!("person-{n}")).await);
    }
    let tx = store.begin().await.unwrap();
    let (at, expires_at) = (
        SystemClock.now(),
        SystemClock.now() + Duration::from_hours(1),
    );
    for (n, person) in people.into_iter().enumerate() {
        let grant = NewGrant {
            client_id: format!("let-in-{n}"),
            client_name: "x".to_owned(),
            redirect_uri: CALLBACK.to_owned(),
            scopes: "chat".parse().unwrap(),
            resources: vec![ORIGIN.to_owned()],
            at,
            expires_at,
        };
        let grant_id = tx.user(person).insert_oauth_grant(grant).await.unwrap().id;
        let code_hash = format!("{n}");
        let code = NewCode {
            code_hash: code_hash.clone(),
            grant_id,
            redirect_uri: CALLBACK.to_owned(),
            redirect_given: true,
            challenge: CHALLENGE.to_owned(),
            at,
            expires_at,
        };
        tx.insert_oauth_code(code).await.unwrap();
        assert!(tx.use_oauth_code(&code_hash, at).await.unwrap());
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn each_list_comes_in_pages() {
    let app = TestApp::start(None).await;
    app.user("alice").await;
    let store = &app.store.store;
    let mut alice = app.signed_in("alice").await;
    add_clients(store, ClientKind::Dynamic, 120).await;
    add_clients(store, ClientKind::Registered, 50).await;
    add_accesses(store, 101).await;
    let tx = store.begin().await.unwrap();
    for n in 0..51 {
        let name = format!("evil-{n}.example");
        let put = tx.put_oauth_block(BlockKind::Host, &name, SystemClock.now());
        put.await.unwrap();
    }
    tx.commit().await.unwrap();
    for (name, what, expected) in [
        ("after", ">dynamic-", &[50, 50, 20][..]),
        ("added", ">registered-", &[50]),
        ("programs", ">let-in-", &[50, 50, 1]),
        ("people", "name=\"username\" value=\"person-", &[50, 50, 1]),
        ("blocks", "/admin/blocks/", &[50, 1]),
    ] {
        assert_eq!(pages(&mut alice, name, what).await, expected, "{name}");
    }
    let page = alice.get("/admin?programs=50").await;
    assert!(
        page.text.contains("href=\"/admin#access\""),
        "back to the beginning"
    );
    // What was typed into the address shows the page all the same.
    for name in ["after", "added", "programs", "people", "blocks"] {
        for nonsense in ["x", "-5", "4294967295", "9223372036854775807"] {
            let page = alice.get(&format!("/admin?{name}={nonsense}")).await;
            assert_eq!(page.status, StatusCode::OK, "{name}={nonsense}");
        }
    }
}
