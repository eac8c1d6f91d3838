use std::sync::Arc;

use deputy_core::{Clock as _, SystemRng};
use deputy_store::oauth_consent::Consent;
use deputy_store::oauth_grant::NewGrant;
use deputy_store::testing::for_each_database;
use jiff::SignedDuration;

use super::super::Config;
use super::*;
use crate::tests::World;

fn server(world: &World) -> AuthorizationServer {
    AuthorizationServer::new(
        world.identity.clone(),
        world.store.clone(),
        None,
        Config::new("https://deputy.example.org"),
        Arc::new(world.clock.clone()),
        Arc::new(SystemRng),
    )
}

fn new(client_id: &str, uris: &[&str]) -> NewRegistered {
    NewRegistered {
        client_id: client_id.to_owned(),
        name: None,
        redirect_uris: uris.iter().map(|uri| (*uri).to_owned()).collect(),
    }
}

#[tokio::test]
async fn the_command_line_is_known_and_can_be_neither_added_nor_removed() {
    for_each_database(|store| async move {
        let server = server(&World::new(store));
        let client = server.client(BUILTIN).await.unwrap();
        assert_eq!((client.kind, client.only_loopback()), (Kind::Builtin, true));
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert!(client.accepts(&format!("http://{host}:8181/callback")));
            assert!(!client.accepts(&format!("https://{host}:8181/callback")));
        }
        for uri in &client.redirect_uris {
            redirect::check_registered(uri).unwrap();
        }
        // What came into a row in some other way is not followed either.
        let mut odd = client.clone();
        odd.redirect_uris.push("javascript:/alert(1)".into());
        assert!(!odd.accepts("javascript:/alert(1)") && odd.accepts("http://localhost/callback"));
        let added = server
            .add_client(new(BUILTIN, &["https://evil.example/cb"]))
            .await;
        assert!(matches!(added, Err(AddError::Taken(_))));
        let removed = server.remove_client(BUILTIN).await;
        assert!(matches!(removed, Err(ClientError::Unknown)));
    })
    .await;
}

#[tokio::test]
async fn an_administrator_adds_a_client_and_removing_it_ends_its_accesses() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let server = server(&world);
        let client = server
            .add_client(new("inspector", &["http://localhost:6274/cb"]))
            .await
            .unwrap();
        assert_eq!(
            (client.kind, client.name.as_str()),
            (Kind::Registered, "inspector")
        );
        assert_eq!(server.client("inspector").await.unwrap(), client);
        let again = server
            .add_client(new("inspector", &["https://evil.example/cb"]))
            .await;
        assert!(matches!(again, Err(AddError::Taken(_))));
        assert_eq!(server.client("inspector").await.unwrap(), client);

        let anna = world.add("anna").await;
        let now = world.clock.now();
        let tx = world.store.begin().await.unwrap();
        let mut grants = Vec::new();
        for client_id in ["inspector", "other"] {
            let grant = NewGrant {
                client_id: client_id.into(),
                client_name: client_id.into(),
                redirect_uri: "http://localhost:6274/cb".into(),
                scopes: "tools:read".parse().unwrap(),
                resources: vec!["https://deputy.example.org/mcp".into()],
                at: now,
                expires_at: now + SignedDuration::from_hours(1),
            };
            grants.push(tx.user(anna.id).insert_oauth_grant(grant).await.unwrap());
            let consent = Consent {
                client_id: client_id.into(),
                redirect_uri: "http://localhost:6274/cb".into(),
                scopes: "tools:read".parse().unwrap(),
                resources: Vec::new(),
                allowed_at: now,
            };
            tx.user(anna.id).put_oauth_consent(consent).await.unwrap();
        }
        tx.commit().await.unwrap();

        let removed = server.remove_client("inspector").await.unwrap();
        assert_eq!(removed.client, client);
        let ended: Vec<_> = removed.ended.iter().map(|grant| grant.id).collect();
        assert_eq!(ended, [grants[0].id]);
        let person = world.store.user(anna.id);
        let [first, second] = [grants[0].id, grants[1].id];
        let why = person.oauth_grant(first).await.unwrap().unwrap().ended_why;
        assert_eq!(why.as_deref(), Some(ADMINISTRATOR));
        assert!(
            person
                .oauth_grant(second)
                .await
                .unwrap()
                .unwrap()
                .ended_at
                .is_none()
        );
        // Under the same name comes another program, perhaps: it asks anew.
        assert!(person.oauth_consent("inspector").await.unwrap().is_none());
        assert!(person.oauth_consent("other").await.unwrap().is_some());
        assert!(matches!(
            server.client("inspector").await,
            Err(ClientError::Unknown)
        ));
        assert!(matches!(
            server.remove_client("inspector").await,
            Err(ClientError::Unknown)
        ));
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_client_to_add_is_said_and_nothing_is_added() {
    for_each_database(|store| async move {
        let server = server(&World::new(store));
        let fine = ["https://example.org/cb"];
        let long = "a".repeat(101);
        for id in ["", "a b", "-a", ".a", "https://example.org/c", "a:b", "a/b", "a\n", "\u{e4}", "dpt_cl_x", &long] {
            let refused = server.add_client(new(id, &fine)).await;
            assert!(matches!(refused, Err(AddError::Id(_))), "{id}");
        }
        let many: Vec<String> = (0..21).map(|n| format!("https://example.org/{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for uris in [&[][..], &many] {
            assert!(matches!(server.add_client(new("a", uris)).await, Err(AddError::Redirects)));
        }
        let refused = server.add_client(new("a", &["https://example.org/cb", "http://example.org/"])).await;
        assert!(matches!(refused, Err(AddError::Redirect { ref uri, why: RedirectError::PlainHttp }) if uri == "http://example.org/"));
        let mut nameless = new("a", &fine);
        nameless.name = Some("\u{202e} ".into());
        assert!(matches!(server.add_client(nameless).await, Err(AddError::Name)));
        assert!(server.clients(None, None, 1).await.unwrap().is_empty());
        let most = server.add_client(new("most", &many[..20])).await.unwrap();
        assert_eq!((most.redirect_uris.len(), most.client_uri), (20, None));
        for unknown in ["a", "", "https://example.org/c", "dpt_cl_x", "a\0b"] {
            assert!(server.client(unknown).await.is_err(), "{unknown}");
        }
    })
    .await;
}
