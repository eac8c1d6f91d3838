use deputy_core::Role;
use deputy_store::testing::for_each_database;
use jiff::SignedDuration;

use super::*;
use crate::tests::World;

fn request(scopes: Option<Scopes>, days: Option<u32>) -> TokenRequest {
    TokenRequest {
        name: " laptop ".to_owned(),
        scopes,
        days,
    }
}

#[tokio::test]
async fn a_token_leads_to_its_person_with_its_scopes() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let (admin, anna) = (world.add("admin").await, world.add("anna").await);
        let (token, stored) = world
            .identity
            .create_token(anna.id, request(None, None))
            .await
            .unwrap();
        assert!(token.expose().starts_with(PREFIX) && token.expose().ends_with(&stored.hint));
        assert_eq!(token.expose().len(), PREFIX.len() + RANDOM);
        assert_eq!(stored.name, "laptop");
        let principal = world
            .identity
            .authenticate_token(token.expose())
            .await
            .unwrap();
        assert_eq!(
            (principal.user_id, principal.username.as_str()),
            (anna.id, "anna")
        );
        assert_eq!(principal.scopes, Scopes::default_for_token());
        assert!(
            principal.caller.label().starts_with("token:")
                && principal.caller.label().ends_with(":laptop")
        );

        let all = Some(Scopes::all());
        let (token, _) = world
            .identity
            .create_token(admin.id, request(all, None))
            .await
            .unwrap();
        assert!(
            world
                .identity
                .authenticate_token(token.expose())
                .await
                .unwrap()
                .may(Scope::Admin)
        );
        world.identity.set_role(admin.id, Role::User).await.unwrap();
        let cut = world
            .identity
            .authenticate_token(token.expose())
            .await
            .unwrap();
        assert!(
            !cut.scopes.contains(Scope::Admin),
            "no token exceeds its person"
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_no_token_leads_to_nobody() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let (token, stored) = world
            .identity
            .create_token(anna.id, request(None, None))
            .await
            .unwrap();
        let good = token.expose();
        let other_end = if good.ends_with('A') { "B" } else { "A" };
        let hash = sha256_hex(good.as_bytes());
        let wrong = [
            "",
            PREFIX,
            &good[..good.len() - 1],
            &format!("{good}A"),
            &format!("{}{other_end}", &good[..good.len() - 1]),
            &good.to_uppercase(),
            &good.replace("dpt_pat_", "dpt_at_x"),
            &hash,
            "'; DROP TABLE users; --",
        ];
        for text in wrong {
            let refused = world.identity.authenticate_token(text).await;
            assert!(matches!(refused, Err(AuthError::Unknown)), "{text}");
        }
        assert!(
            !world
                .identity
                .revoke_token(UserId(9999), stored.id)
                .await
                .unwrap()
        );
        world.identity.authenticate_token(good).await.unwrap();
        assert!(
            world
                .identity
                .revoke_token(anna.id, stored.id)
                .await
                .unwrap()
        );
        assert!(matches!(
            world.identity.authenticate_token(good).await,
            Err(AuthError::Unknown)
        ));
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_on_its_day() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let (token, _) = world
            .identity
            .create_token(anna.id, request(None, Some(2)))
            .await
            .unwrap();
        world.clock.advance(SignedDuration::from_hours(47));
        world
            .identity
            .authenticate_token(token.expose())
            .await
            .unwrap();
        world.clock.advance(SignedDuration::from_hours(1));
        let over = world.identity.authenticate_token(token.expose()).await;
        assert!(matches!(over, Err(AuthError::Expired)));
        assert_eq!(world.identity.tokens(anna.id).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_is_refused() {
    for_each_database(|store| async move {
        let world = World::with(store, |config| config.max_tokens = 2);
        let (_, anna) = (world.add("admin").await, world.add("anna").await);
        let make = async |request| world.identity.create_token(anna.id, request).await;
        for name in [" ", &"x".repeat(65), "a\nb"] {
            let unnamed = TokenRequest {
                name: name.to_owned(),
                ..request(None, None)
            };
            assert!(matches!(make(unnamed).await, Err(TokenError::Name)));
        }
        for days in [0, MAX_DAYS + 1, u32::MAX] {
            assert!(matches!(
                make(request(None, Some(days))).await,
                Err(TokenError::Days)
            ));
        }
        let none = Some(Scopes::default());
        assert!(matches!(
            make(request(none, None)).await,
            Err(TokenError::NoScope)
        ));
        let admin = Some(Scopes([Scope::ToolsRead, Scope::Admin].into()));
        assert!(matches!(
            make(request(admin, None)).await,
            Err(TokenError::Exceeds(Scope::Admin))
        ));
        make(request(None, Some(MAX_DAYS))).await.unwrap();
        make(request(Some(Identity::rights(Role::User)), None))
            .await
            .unwrap();
        assert!(matches!(
            make(request(None, None)).await,
            Err(TokenError::TooMany(2))
        ));
        let nobody = world
            .identity
            .create_token(UserId(9999), request(None, None))
            .await;
        assert!(matches!(nobody, Err(TokenError::NoUser)));
    })
    .await;
}

#[tokio::test]
async fn last_use_is_written_by_the_sweep() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let (token, _) = world
            .identity
            .create_token(anna.id, request(None, None))
            .await
            .unwrap();
        world
            .identity
            .authenticate_token(token.expose())
            .await
            .unwrap();
        let last_used = async || world.identity.tokens(anna.id).await.unwrap()[0].last_used_at;
        assert_eq!(last_used().await, None);
        world.identity.sweep().await.unwrap();
        assert!(last_used().await.is_some());
    })
    .await;
}
