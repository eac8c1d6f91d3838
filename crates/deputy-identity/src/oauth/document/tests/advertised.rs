//! When clients are told that they may name themselves by a document.

use super::*;

#[tokio::test]
async fn it_is_advertised_where_it_works() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let (probe, _) = site.document("/probe.json", "Probe");
        let (id, _) = site.document("/client.json", "Client");
        let at = |setting: Setting| {
            server(&world, Some(&site), |config| {
                config.documents = setting;
                config.documents_probe = Some(probe.clone());
            })
        };
        let auto = at(Setting::Auto);
        assert!(!auto.documents_work());
        // Works also where it is not advertised. That what the administrator allows here can be
        // reached says nothing about the outside.
        auto.client(&id).await.unwrap();
        assert!(!auto.documents_work());
        assert!(auto.try_documents().await && auto.documents_work());
        site.put("/probe.json", Page::status(503));
        assert!(!auto.try_documents().await && !auto.documents_work());
        // One that can be had is enough, wherever the others are.
        let dead = site.at("/probe.json");
        assert!(
            auto.has_one(&[dead.clone(), "nonsense".into(), id.clone()])
                .await
        );
        assert!(!auto.has_one(&[dead]).await && !auto.has_one(&[]).await);

        let on = at(Setting::On);
        assert!(on.documents_work());
        let off = at(Setting::Off);
        site.visits();
        assert!(!off.documents_work());
        world.clock.advance(SignedDuration::from_hours(1));
        assert!(matches!(off.client(&id).await, Err(ClientError::Unknown)));
        assert_eq!(site.visits(), 0);

        let inside = AuthorizationServer::new(
            world.identity.clone(),
            world.store.clone(),
            None,
            Config {
                documents: Setting::On,
                ..Config::new("https://deputy.example.org")
            },
            Arc::new(world.clock.clone()),
            Arc::new(SystemRng),
        );
        assert!(!inside.documents_work());
        let unknown = inside.client(&id).await;
        assert!(matches!(unknown, Err(ClientError::Unknown)), "{unknown:?}");
    })
    .await;
}

#[tokio::test]
async fn where_the_fixed_document_cannot_be_had_those_in_use_are_tried() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let server = server(&world, Some(&site), |_| ());
        let (here, _) = site.document("/client.json", "Client");
        server.client(&here).await.unwrap();
        let now = world.clock.now();
        let outside = "https://program.example/client.json";
        let tx = world.store.begin().await.unwrap();
        for id in [outside, "https://unused.example/client.json"] {
            let new = NewClient {
                client_id: id.to_owned(),
                kind: ClientKind::Document,
                name: id.to_owned(),
                redirect_uris: vec!["https://program.example/cb".to_owned()],
                metadata: json!({}),
                created_from: None,
                at: now,
                fresh_until: None,
            };
            tx.put_oauth_document(new).await.unwrap();
        }
        for id in [outside, &here] {
            tx.note_oauth_client_authorized(id, now).await.unwrap();
        }
        tx.commit().await.unwrap();
        // What the administrator allowed here says nothing about the outside, what nobody uses is
        // nobody's word.
        assert_eq!(server.others().await, [outside]);
    })
    .await;
}
