use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode, header};
use axum::routing::get;
use deputy_store::testing::for_each_database;
use tower::ServiceExt as _;

use super::*;
use crate::csrf;
use crate::tests::World;

/// Pages over the layer: sign in as the person of the path, say who is signed in, sign out.
fn pages(identity: &Identity, secure: bool) -> Router {
    let sign_in = async |State(identity): State<Identity>,
                         session: Session,
                         path: axum::extract::Path<String>| {
        let user = identity.user_by_name(&path).await.unwrap();
        let browser = Browser {
            user_agent: "Firefox".repeat(100),
            address: "203.0.113.7".to_owned(),
        };
        identity
            .start_session(&session, &user, browser, Proof::Password)
            .await
            .unwrap();
    };
    let who = async |State(identity): State<Identity>, session: Session| match identity
        .authenticate_session(&session)
        .await
    {
        Ok(principal) => (StatusCode::OK, principal.username),
        Err(AuthError::Missing) => (StatusCode::UNAUTHORIZED, String::new()),
        Err(err) => (StatusCode::INTERNAL_SERVER_ERROR, err.to_string()),
    };
    let csrf_token = async |session: Session| {
        csrf::token(&session)
            .map(|t| t.expose().clone())
            .unwrap_or_default()
    };
    let check = async |session: Session, path: axum::extract::Path<String>| {
        csrf::is_valid(&session, &path).to_string()
    };
    let out = async |State(identity): State<Identity>, session: Session| {
        identity.end_session(&session).await.unwrap();
    };
    let note = async |session: Session| session.insert("note", 1).await.unwrap();
    let noted = async |session: Session| format!("{:?}", session.get::<i64>("note").await.unwrap());
    Router::new()
        .route("/in/{name}", get(sign_in))
        .route("/who", get(who))
        .route("/csrf", get(csrf_token))
        .route("/check/{token}", get(check))
        .route("/out", get(out))
        .route("/note", get(note))
        .route("/noted", get(noted))
        .layer(identity.session_layer(secure))
        .with_state(identity.clone())
}

struct Answer {
    status: StatusCode,
    set_cookie: Option<String>,
    text: String,
}

impl Answer {
    /// `name=value` of the cookie that was set.
    fn cookie(&self) -> String {
        self.set_cookie
            .as_ref()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    }
}

async fn get_as(pages: &Router, path: &str, cookie: &str) -> Answer {
    let request = Request::get(path)
        .header(header::COOKIE, cookie)
        .body(Body::empty())
        .unwrap();
    let response = pages.clone().oneshot(request).await.unwrap();
    let set_cookie = response
        .headers()
        .get(header::SET_COOKIE)
        .map(|v| v.to_str().unwrap().to_owned());
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    Answer {
        status,
        set_cookie,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

#[tokio::test]
async fn a_sign_in_sets_a_strict_cookie_that_leads_to_the_person() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        for (secure, name) in [(true, "__Host-deputy"), (false, "deputy")] {
            let pages = pages(&world.identity, secure);
            assert_eq!(
                get_as(&pages, "/who", "").await.status,
                StatusCode::UNAUTHORIZED
            );
            let signed_in = get_as(&pages, "/in/anna", "").await;
            let cookie = signed_in.set_cookie.clone().unwrap();
            assert!(cookie.starts_with(&format!("{name}=")), "{cookie}");
            for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=1209600"] {
                assert!(cookie.contains(attribute), "{cookie}");
            }
            assert_eq!(cookie.contains("Secure"), secure, "{cookie}");
            assert!(!cookie.contains("Domain"), "{cookie}");

            let who = get_as(&pages, "/who", &signed_in.cookie()).await;
            assert_eq!((who.status, who.text.as_str()), (StatusCode::OK, "anna"));
            assert_eq!(who.set_cookie, None, "reading writes nothing");
        }
        let id = world.store.user(anna.id).sessions().await.unwrap();
        assert!(
            id.iter()
                .all(|row| row.id_hash.len() == 64 && row.user_agent.len() == 300)
        );
        assert_eq!(id[0].address, "203.0.113.7");
    })
    .await;
}

#[tokio::test]
async fn the_id_is_new_at_every_sign_in_and_the_former_opens_nothing() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let (anna, _) = (world.add("anna").await, world.add("bob").await);
        let pages = pages(&world.identity, false);
        // A session from before the sign-in, perhaps planted.
        let before = get_as(&pages, "/note", "").await.cookie();
        assert_eq!(get_as(&pages, "/noted", &before).await.text, "Some(1)");
        let as_anna = get_as(&pages, "/in/anna", &before).await.cookie();
        assert_ne!(as_anna, before);
        assert_eq!(
            get_as(&pages, "/noted", &as_anna).await.text,
            "None",
            "nothing is taken over"
        );
        assert_eq!(
            get_as(&pages, "/who", &before).await.status,
            StatusCode::UNAUTHORIZED
        );

        // Another person in the same browser.
        let as_bob = get_as(&pages, "/in/bob", &as_anna).await.cookie();
        assert_eq!(get_as(&pages, "/who", &as_bob).await.text, "bob");
        assert_eq!(
            get_as(&pages, "/who", &as_anna).await.status,
            StatusCode::UNAUTHORIZED
        );
        assert!(
            world
                .identity
                .sessions(anna.id, None)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn nothing_but_an_id_of_ours_is_a_session() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let pages = pages(&world.identity, false);
        get_as(&pages, "/in/anna", "").await;
        let stored = world.store.user(anna.id).sessions().await.unwrap()[0]
            .id_hash
            .clone();
        for value in ["", "x", &stored, "AAAAAAAAAAAAAAAAAAAAAA", "%00", "a b"] {
            let who = get_as(&pages, "/who", &format!("deputy={value}")).await;
            assert_eq!(who.status, StatusCode::UNAUTHORIZED, "{value}");
        }
    })
    .await;
}

#[tokio::test]
async fn sessions_end_idle_old_or_ended_by_their_owner() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let pages = pages(&world.identity, false);
        let hours = |n| world.clock.advance(SignedDuration::from_hours(n));
        let is_in =
            async |cookie: &str| get_as(&pages, "/who", cookie).await.status == StatusCode::OK;

        let idle = get_as(&pages, "/in/anna", "").await.cookie();
        hours(11);
        assert!(is_in(&idle).await);
        hours(11);
        assert!(is_in(&idle).await, "use keeps it");
        hours(12);
        assert!(!is_in(&idle).await);

        let old = get_as(&pages, "/in/anna", "").await.cookie();
        for _ in 0..(14 * 24 / 6 - 1) {
            hours(6);
            world.identity.sweep().await.unwrap();
            assert!(is_in(&old).await);
        }
        hours(6);
        assert!(!is_in(&old).await, "14 days are over");

        let one = get_as(&pages, "/in/anna", "").await.cookie();
        let other = get_as(&pages, "/in/anna", "").await.cookie();
        let out = get_as(&pages, "/out", &one).await;
        assert!(out.set_cookie.unwrap().contains("Max-Age=0"));
        assert!(!is_in(&one).await && is_in(&other).await);
        world.identity.sweep().await.unwrap();
        assert_eq!(
            world.store.user(anna.id).sessions().await.unwrap().len(),
            1,
            "the rest is swept"
        );
    })
    .await;
}

#[tokio::test]
async fn a_person_sees_and_ends_their_own_sessions_on_every_replica() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let (anna, bob) = (world.add("anna").await, world.add("bob").await);
        let pages_here = pages(&world.identity, false);
        let replica = World::replica(
            &world.store,
            &world.clock,
            world.identity.inner.config.clone(),
        );
        let pages_there = pages(&replica, false);
        let one = get_as(&pages_here, "/in/anna", "").await.cookie();
        let other = get_as(&pages_there, "/in/anna", "").await.cookie();
        let of_bob = get_as(&pages_there, "/in/bob", "").await.cookie();
        assert_eq!(get_as(&pages_there, "/who", &one).await.text, "anna");

        let id: Id = one.strip_prefix("deputy=").unwrap().parse().unwrap();
        let current = hash(&id);
        let listed = world
            .identity
            .sessions(anna.id, Some(&current))
            .await
            .unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!(listed.iter().filter(|info| info.is_current).count(), 1);
        let of_bobs = world.identity.sessions(bob.id, None).await.unwrap()[0]
            .id
            .clone();
        assert!(
            !world
                .identity
                .end_session_of(anna.id, &of_bobs)
                .await
                .unwrap()
        );

        assert_eq!(
            world
                .identity
                .end_sessions(anna.id, Some(&current))
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            get_as(&pages_there, "/who", &other).await.status,
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(
            get_as(&pages_there, "/who", &one).await.status,
            StatusCode::OK
        );
        assert!(
            world
                .identity
                .end_session_of(anna.id, &current)
                .await
                .unwrap()
        );
        assert_eq!(
            get_as(&pages_there, "/who", &one).await.status,
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(get_as(&pages_here, "/who", &of_bob).await.text, "bob");
    })
    .await;
}

#[tokio::test]
async fn disabling_a_new_password_and_deletion_sign_out() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let pages = pages(&world.identity, false);
        let is_in =
            async |cookie: &str| get_as(&pages, "/who", cookie).await.status == StatusCode::OK;

        let cookie = get_as(&pages, "/in/anna", "").await.cookie();
        world.identity.disable_user(anna.id).await.unwrap();
        assert!(!is_in(&cookie).await);
        world.identity.enable_user(anna.id).await.unwrap();
        assert!(!is_in(&cookie).await, "enabling brings no session back");

        let (kept, other) = (
            get_as(&pages, "/in/anna", "").await.cookie(),
            get_as(&pages, "/in/anna", "").await.cookie(),
        );
        let id: Id = kept.strip_prefix("deputy=").unwrap().parse().unwrap();
        let new = deputy_core::Secret::from("another long one");
        let policy = crate::PasswordPolicy::Strict;
        world
            .identity
            .replace_password(anna.id, &new, policy, Some(&hash(&id)))
            .await
            .unwrap();
        assert!(is_in(&kept).await && !is_in(&other).await);
        world
            .identity
            .set_password(anna.id, &new, policy)
            .await
            .unwrap();
        assert!(!is_in(&kept).await);

        let cookie = get_as(&pages, "/in/anna", "").await.cookie();
        world.identity.delete_user(anna.id).await.unwrap();
        assert!(!is_in(&cookie).await);
    })
    .await;
}

#[tokio::test]
async fn a_request_under_way_does_not_bring_an_ended_session_back() {
    for_each_database(|store| async move {
        let world = World::new(store);
        let anna = world.add("anna").await;
        let rows = std::sync::Arc::new(Rows {
            identity: world.identity.clone(),
        });
        let session = Session::new(None, std::sync::Arc::clone(&rows), None);
        world
            .identity
            .start_session(&session, &anna, Browser::default(), Proof::Password)
            .await
            .unwrap();
        let id = session.id();
        let under_way = Session::new(id, std::sync::Arc::clone(&rows), None);
        world
            .identity
            .authenticate_session(&under_way)
            .await
            .unwrap();
        world.identity.end_sessions(anna.id, None).await.unwrap();
        under_way.insert("note", 1).await.unwrap();
        under_way.save().await.unwrap();
        let later = Session::new(id, rows, None);
        assert!(matches!(
            world.identity.authenticate_session(&later).await,
            Err(AuthError::Missing)
        ));
    })
    .await;
}

#[tokio::test]
async fn the_csrf_token_is_the_sessions_alone() {
    for_each_database(|store| async move {
        let world = World::new(store);
        world.add("anna").await;
        let pages = pages(&world.identity, false);
        let (one, other) = (
            get_as(&pages, "/in/anna", "").await.cookie(),
            get_as(&pages, "/in/anna", "").await.cookie(),
        );
        let (token, of_other) = (
            get_as(&pages, "/csrf", &one).await.text,
            get_as(&pages, "/csrf", &other).await.text,
        );
        assert_eq!(token.len(), 43);
        assert_ne!(token, of_other);
        let check = async |cookie: &str, token: &str| {
            get_as(&pages, &format!("/check/{token}"), cookie)
                .await
                .text
        };
        assert_eq!(check(&one, &token).await, "true");
        for wrong in [of_other.as_str(), &token[..42], "x"] {
            assert_eq!(check(&one, wrong).await, "false", "{wrong}");
        }
        assert_eq!(check("", &token).await, "false", "no session, no token");
    })
    .await;
}

#[test]
fn the_removal_cookie_is_one_that_a_browser_takes() {
    assert_eq!(
        removal_cookie(true),
        "__Host-deputy=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax; Secure"
    );
    assert_eq!(
        removal_cookie(false),
        "deputy=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
    );
}
