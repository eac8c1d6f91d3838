use deputy_core::SystemRng;
use deputy_store::Store;
use deputy_store::oauth_grant::NewGrant;
use deputy_store::testing::for_each_database;

use super::super::{Client, Config, Kind};
use super::*;
use crate::tests::World;

const JSON: Option<&str> = Some("application/json");

fn address(last: u8) -> IpAddr {
    IpAddr::from([198, 51, 100, last])
}

fn server(world: &World, change: impl FnOnce(&mut Config)) -> AuthorizationServer {
    let mut config = Config::new("https://deputy.example.org");
    change(&mut config);
    AuthorizationServer::new(
        world.identity.clone(),
        world.store.clone(),
        None,
        config,
        Arc::new(world.clock.clone()),
        Arc::new(SystemRng),
    )
}

fn one(store: Store) -> (World, AuthorizationServer) {
    let world = World::new(store);
    let server = server(&world, |_| ());
    (world, server)
}

async fn register(server: &AuthorizationServer, said: &Value) -> Result<Value, RegisterError> {
    server
        .register(said.to_string().as_bytes(), JSON, address(1))
        .await
}

/// What clients of today send.
fn real() -> Vec<(&'static str, Value)> {
    vec![
        (
            "Claude Code",
            json!({
                "client_name": "Claude Code (deputy)",
                "redirect_uris": ["http://localhost:53817/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
            }),
        ),
        (
            "claude.ai",
            json!({
                "client_name": "Claude",
                "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "scope": "tools:read tools:call tools:write",
                "token_endpoint_auth_method": "client_secret_post",
            }),
        ),
        (
            "ChatGPT",
            json!({
                "client_name": "ChatGPT",
                "redirect_uris": ["https://chatgpt.com/connector/oauth/IbUR3zxyNQ16"],
                "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
                "response_types": ["code", "id_token"],
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
                "jwks_uri": "https://chatgpt.com/oauth/jwks.json",
            }),
        ),
        (
            "Cursor",
            json!({
                "client_name": "Cursor",
                "redirect_uris": [
                    "cursor://anysphere.cursor-mcp/oauth/callback",
                    "https://www.cursor.com/agents/mcp/oauth/callback",
                    "http://localhost:8787/callback",
                ],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
                "application_type": "web",
            }),
        ),
        (
            "VS Code",
            json!({
                "client_name": "Visual Studio Code",
                "client_uri": "https://code.visualstudio.com",
                "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
                "response_types": ["code"],
                "redirect_uris": [
                    "https://insiders.vscode.dev/redirect",
                    "https://vscode.dev/redirect",
                    "http://127.0.0.1/",
                    "http://127.0.0.1:33418/",
                ],
                "scope": "tools:read tools:call tools:write",
                "token_endpoint_auth_method": "none",
                "application_type": "native",
            }),
        ),
        (
            "the TypeScript SDK",
            json!({
                "client_name": "Test MCP client",
                "redirect_uris": ["http://localhost:8090/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "client_secret_basic",
                "scope": "tools:read tools:call tools:write offline_access",
            }),
        ),
        (
            "mcp-remote",
            json!({
                "redirect_uris": ["http://localhost:3334/oauth/callback"],
                "token_endpoint_auth_method": "none",
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "client_name": "MCP CLI Proxy",
                "client_uri": "https://github.com/modelcontextprotocol/mcp-cli",
                "software_id": "2e6dc280-f3c3-4e01-99a7-8181dbd1d23d",
                "software_version": "0.1.29",
            }),
        ),
        (
            "next to nothing",
            json!({ "redirect_uris": ["http://127.0.0.1:1/cb"], "contacts": null }),
        ),
    ]
}

#[tokio::test]
async fn the_registrations_of_real_clients_are_taken() {
    for_each_database(|store| async move {
        let (world, server) = one(store);
        for (who, said) in real() {
            let answer = register(&server, &said).await.unwrap();
            let id = answer["client_id"].as_str().unwrap();
            assert!(
                id.starts_with(PREFIX) && id.len() == PREFIX.len() + 43,
                "{who}: {id}"
            );
            assert_eq!(answer["redirect_uris"], said["redirect_uris"], "{who}");
            assert_eq!(answer["token_endpoint_auth_method"], "none");
            assert_eq!(
                answer["grant_types"],
                json!(["authorization_code", "refresh_token"])
            );
            assert_eq!(answer["response_types"], json!(["code"]));
            assert_eq!(answer["scope"], said["scope"], "{who}");
            let issued = answer["client_id_issued_at"].as_i64().unwrap();
            assert!((issued - world.clock.now().as_second()).abs() < 5);
            // Clients' schemas refuse null; there is no secret, and no RFC 7592.
            let members = answer.as_object().unwrap();
            assert!(members.values().all(|value| !value.is_null()));
            for absent in [
                "client_secret",
                "client_secret_expires_at",
                "registration_client_uri",
                "registration_access_token",
            ] {
                assert!(!members.contains_key(absent));
            }
            let client = server.client(id).await.unwrap();
            assert_eq!(client.kind, Kind::Dynamic);
            for uri in said["redirect_uris"].as_array().unwrap() {
                assert!(client.accepts(uri.as_str().unwrap()));
            }
        }
        // VS Code falls back to a port of chance; a nameless one is called by where it is.
        let all = server.clients(None, None, 100).await.unwrap();
        let called =
            |name: &str| Client::from(all.iter().find(|row| row.name == name).unwrap().clone());
        assert!(called("Visual Studio Code").accepts("http://127.0.0.1:51423/"));
        assert!(!called("Visual Studio Code").accepts("http://localhost:51423/"));
        assert!(called("127.0.0.1:1").only_loopback() && !called("Cursor").only_loopback());
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_said_and_nothing_is_kept() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let server = server(&world, |config| config.register_per_hour = 0);
        let fine = json!({"redirect_uris": ["https://example.org/cb"]}).to_string();
        let large = format!("{{\"redirect_uris\":[\"https://example.org/cb\"],\"x\":\"{}\"}}", "x".repeat(MAX_BODY));
        let metadata = "invalid_client_metadata";
        for (body, content_type, status, error) in [
            (fine.as_str(), None, 400, metadata),
            (&fine, Some("text/plain"), 400, metadata),
            (&fine, Some("application/x-www-form-urlencoded"), 400, metadata),
            (&fine, Some("text/plain, application/json"), 400, metadata),
            (&large, JSON, 413, metadata),
            ("", JSON, 400, metadata),
            ("[]", JSON, 400, metadata),
            ("null", JSON, 400, metadata),
            ("{\"redirect_uris\":", JSON, 400, metadata),
            ("\u{feff}{}", JSON, 400, metadata),
            (&"[".repeat(10_000), JSON, 400, metadata),
            ("{}", JSON, 400, "invalid_redirect_uri"),
            (r#"{"redirect_uris":["javascript:alert(1)"]}"#, JSON, 400, "invalid_redirect_uri"),
            (r#"{"redirect_uris":["http://example.org/cb"]}"#, JSON, 400, "invalid_redirect_uri"),
            (r#"{"redirect_uris":["https://example.org/cb#x"]}"#, JSON, 400, "invalid_redirect_uri"),
            (r#"{"redirect_uris":["https://example.org/cb"],"grant_types":["client_credentials"]}"#, JSON, 400, metadata),
            (r#"{"redirect_uris":["https://example.org/cb"],"client_name":7}"#, JSON, 400, metadata),
        ] {
            let refused = server.register(body.as_bytes(), content_type, address(1)).await.unwrap_err();
            assert_eq!((refused.status, refused.error), (status, error), "{body:.80}");
            assert!(!refused.description.is_empty() && refused.retry_after.is_none());
            assert_eq!(refused.json()["error"], error);
        }
        assert!(server.clients(None, None, 1).await.unwrap().is_empty());
        let longest = format!("{fine}{}", " ".repeat(MAX_BODY - fine.len()));
        server
            .register(longest.as_bytes(), JSON, address(1))
            .await
            .unwrap();
        let charset = Some("Application/JSON; charset=utf-8");
        server.register(fine.as_bytes(), charset, address(1)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_address_registers_so_many_in_an_hour_and_no_other_one_pays_for_it() {
    for_each_database(|store| async move {
        let (world, server) = one(store);
        let said = json!({"redirect_uris": ["https://example.org/cb"]}).to_string();
        let register = |from: &str| {
            let from: IpAddr = from.parse().unwrap();
            server.register(said.as_bytes(), JSON, from)
        };
        for n in 0..60 {
            // What is not stored doesn't count as a registration.
            let bad = server.register(b"{}", JSON, "2001:db8:0:1::1".parse().unwrap());
            assert_eq!(bad.await.unwrap_err().status, 400, "{n}");
            register(&format!("2001:db8:0:1::{n:x}")).await.unwrap();
        }
        let refused = register("2001:db8:0:1:ffff::").await.unwrap_err();
        assert_eq!(
            (refused.status, refused.error),
            (429, "temporarily_unavailable")
        );
        assert!((1..=3600).contains(&refused.retry_after.unwrap()));
        assert!(
            refused.description.ends_with("try again in 60 min"),
            "{refused}"
        );
        register("2001:db8:0:2::1").await.unwrap();
        register("::ffff:198.51.100.7").await.unwrap();
        world.clock.advance(SignedDuration::from_mins(61));
        register("2001:db8:0:1::1").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn many_networks_of_one_party_count_together_too() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let server = server(&world, |config| config.register_per_hour = 2);
        let said = json!({"redirect_uris": ["https://example.org/cb"]}).to_string();
        let register = async |from: String| {
            let from: IpAddr = from.parse().unwrap();
            server.register(said.as_bytes(), JSON, from).await
        };
        let mut stored = 0;
        for large in 0..6 {
            let mut of_it = 0;
            for small in 0..6 {
                for host in 1..4 {
                    let from = format!("2001:db8:7:{large:x}{small:02x}::{host:x}");
                    of_it += u32::from(register(from).await.is_ok());
                }
            }
            stored += of_it;
            assert_eq!(of_it, if large < 4 { 8 } else { 0 }, "a /56");
        }
        assert_eq!(stored, 32, "a /48");
        register("2001:db8:8::1".to_owned()).await.unwrap();
        register("192.0.2.7".to_owned()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn one_host_with_a_48_shuts_nobody_else_out() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let server = server(&world, |config| {
            config.max_unused_clients = 30;
            config.register_per_hour = 0;
        });
        let said = json!({"redirect_uris": ["https://example.org/cb"]}).to_string();
        let register = async |from: &str| {
            let from: IpAddr = from.parse().unwrap();
            let answer = server.register(said.as_bytes(), JSON, from).await;
            answer.unwrap()["client_id"].as_str().unwrap().to_owned()
        };
        let mut honest = vec![register("192.0.2.1").await];
        world.clock.advance(SignedDuration::from_mins(11));
        for n in 0..50 {
            register(&format!("2001:db8:7:{n:x}::1")).await;
        }
        for n in 2..12 {
            honest.push(register(&format!("192.0.2.{n}")).await);
            register(&format!("2001:db8:7:ff{n:x}::1")).await;
        }
        for id in &honest {
            assert!(server.known_client(id).await.unwrap().is_some());
        }
        assert_eq!(server.clients(None, None, 100).await.unwrap().len(), 30);
    })
    .await;
}

#[tokio::test]
async fn that_a_person_is_asked_is_written_only_now_and_then() {
    for_each_database(|store| async move {
        let (world, server) = one(store);
        let said = json!({"redirect_uris": ["https://example.org/cb"]});
        let answer = register(&server, &said).await.unwrap();
        let id = answer["client_id"].as_str().unwrap();
        let asks = server.client(id).await.unwrap();
        let noted = async || {
            server.note_shown(&asks).await.unwrap();
            let row = world.store.oauth_client(id).await.unwrap().unwrap();
            row.last_used_at.unwrap()
        };
        let first = noted().await;
        for _ in 0..4 {
            world.clock.advance(SignedDuration::from_mins(1));
            assert_eq!(noted().await, first);
        }
        world.clock.advance(SignedDuration::from_mins(1));
        let later = noted().await;
        assert!(later.duration_since(first) >= SignedDuration::from_mins(5));
    })
    .await;
}

#[tokio::test]
async fn what_a_person_is_reading_is_not_swept() {
    for_each_database(|store| async move {
        let (world, server) = one(store);
        let said = json!({"redirect_uris": ["https://example.org/cb"]});
        let mut ids = Vec::new();
        for _ in 0..2 {
            let answer = register(&server, &said).await.unwrap();
            ids.push(answer["client_id"].as_str().unwrap().to_owned());
        }
        world.clock.advance(SignedDuration::from_hours(23));
        let asks = server.client(&ids[0]).await.unwrap();
        server.note_shown(&asks).await.unwrap();
        server.note_shown(&Client::builtin()).await.unwrap();
        world.clock.advance(SignedDuration::from_hours(2));
        assert_eq!(server.sweep_clients().await.unwrap(), 1);
        assert!(server.known_client(&ids[0]).await.unwrap().is_some());
        assert!(server.known_client(&ids[1]).await.unwrap().is_none());
        world.clock.advance(SignedDuration::from_hours(23));
        assert_eq!(server.sweep_clients().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn attempts_have_a_limit_of_their_own_and_a_failure_of_ours_costs_none() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let server = server(&world, |config| {
            config.register_per_hour = 2;
            config.max_unused_clients = 1;
        });
        let fine = json!({"redirect_uris": ["https://example.org/cb"]});
        register(&server, &fine).await.unwrap();
        // No room: nothing is stored, and nothing counts.
        for _ in 0..9 {
            assert_eq!(register(&server, &fine).await.unwrap_err().status, 503);
        }
        world.clock.advance(SignedDuration::from_mins(11));
        register(&server, &fine).await.unwrap();
        assert_eq!(register(&server, &fine).await.unwrap_err().status, 429);
        for _ in 0..8 {
            let bad = server.register(b"{}", JSON, address(1)).await.unwrap_err();
            assert_eq!(bad.status, 400);
        }
        let bad = server.register(b"{}", JSON, address(1)).await.unwrap_err();
        assert_eq!(bad.status, 429, "the attempts are over");
        let other = server.register(b"{}", JSON, address(2)).await.unwrap_err();
        assert_eq!(other.status, 400, "of that address alone");
    })
    .await;
}

#[tokio::test]
async fn who_fills_the_table_pays_for_it_and_nobody_is_dropped_during_a_consent() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let server = server(&world, |config| {
            config.max_unused_clients = 4;
            config.register_per_hour = 0;
        });
        let said = json!({"redirect_uris": ["https://example.org/cb"]}).to_string();
        let register = async |last: u8| {
            let answer = server
                .register(said.as_bytes(), JSON, address(last))
                .await?;
            Ok::<_, RegisterError>(answer["client_id"].as_str().unwrap().to_owned())
        };
        let is_there = async |id: &str| server.known_client(id).await.unwrap().is_some();
        let quiet = register(1).await.unwrap();
        let mut crowd = Vec::new();
        for _ in 0..3 {
            crowd.push(register(66).await.unwrap());
        }
        // All are young: whoever comes now waits.
        let refused = register(2).await.unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (503, Some(600)));
        // Where the limit was lowered, there are more than it lets in.
        let lowered = self::server(&world, |config| config.max_unused_clients = 1);
        let refused = lowered.register(said.as_bytes(), JSON, address(2)).await;
        assert_eq!(refused.unwrap_err().status, 503);
        world.clock.advance(SignedDuration::from_mins(11));
        let late = register(2).await.unwrap();
        assert!(is_there(&late).await && is_there(&quiet).await && !is_there(&crowd[0]).await);
        // Somebody who comes again makes room among their own.
        register(1).await.unwrap();
        assert!(!is_there(&quiet).await && is_there(&crowd[1]).await);
        // What somebody allowed something doesn't count.
        let tx = world.store.begin().await.unwrap();
        tx.note_oauth_client_authorized(&crowd[1], world.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        register(3).await.unwrap();
        assert!(is_there(&crowd[2]).await);
        // After a day those that nobody allowed anything are gone by themselves.
        world.clock.advance(SignedDuration::from_hours(25));
        register(3).await.unwrap();
        assert!(is_there(&crowd[1]).await && !is_there(&crowd[2]).await && !is_there(&late).await);
    })
    .await;
}

#[tokio::test]
async fn what_nobody_uses_is_swept_and_what_has_access_stays() {
    for_each_database(|store| async move {
        let (world, server) = one(store);
        let anna = world.add("anna").await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let answer = register(
                &server,
                &json!({"redirect_uris": ["https://example.org/cb"]}),
            )
            .await
            .unwrap();
            ids.push(answer["client_id"].as_str().unwrap().to_owned());
        }
        let now = world.clock.now();
        let tx = world.store.begin().await.unwrap();
        for id in &ids[1..] {
            tx.note_oauth_client_authorized(id, now).await.unwrap();
        }
        tx.user(anna.id)
            .insert_oauth_grant(NewGrant {
                client_id: ids[2].clone(),
                client_name: "kept".into(),
                redirect_uri: "https://example.org/cb".into(),
                scopes: "tools:read".parse().unwrap(),
                resources: vec!["https://deputy.example.org/mcp".into()],
                at: now,
                expires_at: now + SignedDuration::from_hours(200 * 24),
            })
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let left = async || {
            let rows = server.clients(None, None, 10).await.unwrap();
            rows.into_iter()
                .map(|row| row.client_id)
                .collect::<Vec<_>>()
        };
        assert_eq!(server.sweep_clients().await.unwrap(), 0);
        world.clock.advance(SignedDuration::from_hours(25));
        assert_eq!(server.sweep_clients().await.unwrap(), 1);
        assert_eq!(left().await, ids[1..]);
        world.clock.advance(SignedDuration::from_hours(88 * 24));
        assert_eq!(server.sweep_clients().await.unwrap(), 0, "not yet 90 days");
        world.clock.advance(SignedDuration::from_hours(24));
        assert_eq!(server.sweep_clients().await.unwrap(), 1);
        assert_eq!(left().await, ids[2..]);
    })
    .await;
}
