//! Acts of several people and of several processes at once: on PostgreSQL nobody waits for another in
//! a circle, which would end one of them with an error. SQLite has one writer.

use tokio::task::JoinSet;

use super::*;
use crate::oauth::ClientError;

async fn add(desk: &Desk, client_id: &str) {
    let new = NewRegistered {
        client_id: client_id.to_owned(),
        name: None,
        redirect_uris: vec![OTHER_AT.to_owned()],
    };
    desk.server.add_client(new).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_removed_while_its_accesses_end() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let bert = desk.world.add("bert").await;
        let asks = [("client_id", "comes-and-goes"), ("redirect_uri", OTHER_AT)];
        for round in 0..25 {
            add(&desk, "comes-and-goes").await;
            let asked = desk.check(&asks).await.unwrap();
            let mut tokens = Vec::new();
            for person in [&desk.anna, &bert, &desk.anna, &bert] {
                let principal = in_browser(person);
                let allowed = desk.server.allow(&principal, &asked, &Scopes::all()).await;
                let code = parameter(&allowed.unwrap().location, "code").unwrap();
                tokens.push(desk.redeem(&code, &asks).await.unwrap());
            }
            // What nobody redeemed gives way to a new consent, which so takes grants away itself.
            for person in [&desk.anna, &bert] {
                let principal = in_browser(person);
                let allowed = desk.server.allow(&principal, &asked, &Scopes::all()).await;
                allowed.map(|_| ()).unwrap();
            }
            let mut tasks: JoinSet<()> = JoinSet::new();
            let server = desk.server.clone();
            tasks.spawn(async move {
                let removed = server.remove_client("comes-and-goes").await;
                removed.map(|_| ()).unwrap();
            });
            let server = desk.server.clone();
            tasks.spawn(async move {
                server.end_client("comes-and-goes").await.unwrap();
            });
            for (person, grant) in [(&desk.anna, &tokens[0]), (&bert, &tokens[1])] {
                let (server, user, grant) = (desk.server.clone(), person.id, grant.grant_id);
                tasks.spawn(async move {
                    server.end_grant(user, grant, PERSON).await.unwrap();
                    server.end_grants(user, None, PERSON).await.unwrap();
                });
                let (server, principal, asked) =
                    (desk.server.clone(), in_browser(person), asked.clone());
                tasks.spawn(async move {
                    match server.allow(&principal, &asked, &Scopes::all()).await {
                        Ok(_) | Err(AllowError::UnknownClient) => {}
                        Err(error) => panic!("{error}"),
                    }
                });
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap_or_else(|error| panic!("round {round}: {error}"));
            }
            for tokens in &tokens {
                assert!(!desk.opens(tokens).await);
            }
            let gone = desk.server.remove_client("comes-and-goes").await;
            assert!(matches!(gone, Err(ClientError::Unknown)));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_note_at_once_which_clients_were_used() {
    for_each_database(|store| async move {
        let desk = Desk::new(store).await;
        let ids: Vec<String> = (0..40).map(|n| format!("client-{n}")).collect();
        for id in &ids {
            add(&desk, id).await;
        }
        let (_, other) = desk.replica(&desk.world.clock);
        for _ in 0..10 {
            desk.pass(1);
            let now = desk.world.clock.now();
            let mut tasks = JoinSet::new();
            for server in [&desk.server, &other] {
                for id in &ids {
                    server.note_client_use(id);
                }
                let server = server.clone();
                tasks.spawn(async move { server.sweep().await.map(|_| ()) });
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap().unwrap();
            }
            for id in &ids {
                let row = desk.world.store.oauth_client(id).await.unwrap().unwrap();
                assert!(row.last_used_at.unwrap().as_millisecond() >= now.as_millisecond());
            }
        }
    })
    .await;
}
