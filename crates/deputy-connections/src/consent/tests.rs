use serde_json::json;

use super::*;
use crate::testing::{
    CALENDAR, CALENDAR_ONLY, GMAIL_ONLY, Reply, World, answer_to, eventually, for_each_world,
    parameter,
};
use crate::{ConnectionEvent, ConnectionEventKind, StatusName};

const NOTHING: Services = Services::NONE;

async fn fails(w: &World, user: UserId, query: CallbackQuery) -> CallbackError {
    match w.connections.complete(user, query).await {
        Ok(connected) => panic!("connected {connected:?}"),
        Err(error) => error,
    }
}

async fn services(w: &World, user: UserId) -> Services {
    w.connections.status(user).await.unwrap().services
}

#[tokio::test]
async fn the_url_asks_for_what_was_chosen_and_for_a_refresh_token() {
    for_each_world(async |w| {
        let url = w.connections.begin(w.alice, GMAIL_ONLY).await.unwrap();
        assert_eq!(url.path(), "/auth");
        for (name, value) in [
            ("client_id", "the-client"),
            ("redirect_uri", "http://127.0.0.1:8484/api/v1/integrations/google/callback"),
            ("response_type", "code"),
            ("access_type", "offline"),
            ("include_granted_scopes", "true"),
            ("prompt", "consent"),
            ("code_challenge_method", "S256"),
            ("login_hint", ""),
        ] {
            assert_eq!(parameter(&url, name), value, "{name}");
        }
        assert_eq!(
            parameter(&url, "scope"),
            "https://www.googleapis.com/auth/gmail.readonly https://www.googleapis.com/auth/gmail.send https://www.googleapis.com/auth/gmail.compose"
        );
        assert_eq!(parameter(&url, "code_challenge").len(), 43);
        assert!(!url.as_str().contains("secret"));
        assert!(matches!(w.connections.begin(w.alice, NOTHING).await, Err(BeginError::NothingAsked)));
    })
    .await;
}

#[tokio::test]
async fn a_consent_connects_and_its_tokens_are_sealed() {
    for_each_world(async |w| {
        let mut events = w.connections.subscribe();
        let url = w.connections.begin(w.alice, Services::ALL).await.unwrap();
        let connected = w
            .connections
            .complete(w.alice, answer_to(&url))
            .await
            .unwrap();
        assert_eq!(
            connected,
            Connected {
                services: Services::ALL,
                declined: NOTHING,
                lost: NOTHING
            }
        );

        let exchange = &w.google.exchanges()[0].form;
        assert_eq!(
            (exchange["code"].as_str(), exchange["client_id"].as_str()),
            ("the-code", "the-client")
        );
        assert_eq!(exchange["client_secret"], "the-client-secret");
        assert_eq!(exchange["redirect_uri"], parameter(&url, "redirect_uri"));
        let verifier = &exchange["code_verifier"];
        let challenge =
            URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        assert_eq!(challenge, parameter(&url, "code_challenge"));

        let status = w.connections.status(w.alice).await.unwrap();
        assert_eq!(
            (status.status, status.services),
            (StatusName::Connected, Services::ALL)
        );
        assert_eq!(status.scopes.len(), 7);
        assert!(!status.access_token_expired && status.connected_at.is_some());
        assert_eq!(
            w.connections
                .access_token(w.alice)
                .await
                .unwrap()
                .secret
                .expose(),
            "at-1"
        );
        assert_eq!(
            events.try_recv().unwrap(),
            ConnectionEvent {
                user_id: w.alice,
                kind: ConnectionEventKind::Connected
            }
        );
        let row = w
            .store
            .user(w.alice)
            .oauth_token("google")
            .await
            .unwrap()
            .unwrap();
        for sealed in [&row.access_token, row.refresh_token.as_ref().unwrap()] {
            assert!(!sealed.windows(4).any(|p| p == b"at-1" || p == b"rt-1"));
        }
        assert_eq!(
            w.connections.status(w.bob).await.unwrap().status,
            StatusName::Disconnected
        );
    })
    .await;
}

#[tokio::test]
async fn a_state_that_is_not_good_attaches_nothing() {
    for_each_world(async |w| {
        let query = w.begin(w.alice, CALENDAR_ONLY).await;
        let with = |state: Option<String>| CallbackQuery {
            state,
            ..query.clone()
        };
        assert!(matches!(
            fails(&w, w.alice, with(None)).await,
            CallbackError::MissingState
        ));
        assert!(matches!(
            fails(&w, w.alice, with(Some(String::new()))).await,
            CallbackError::MissingState
        ));
        let mut forged = query.state.clone().unwrap();
        forged.replace_range(0..1, if forged.starts_with('B') { "C" } else { "B" });
        assert!(matches!(
            fails(&w, w.alice, with(Some(forged))).await,
            CallbackError::ForgedState
        ));
        let no_code = CallbackQuery {
            code: None,
            ..query.clone()
        };
        assert!(matches!(
            fails(&w, w.alice, no_code).await,
            CallbackError::MissingCode
        ));
        assert_eq!(w.google.exchanges().len(), 0);

        w.pass(9);
        w.connections
            .complete(w.alice, query.clone())
            .await
            .unwrap();
        assert!(matches!(
            fails(&w, w.alice, query.clone()).await,
            CallbackError::UsedState
        ));
        assert_eq!(w.google.exchanges().len(), 1, "a used state asks nobody");

        let late = w.begin(w.bob, CALENDAR_ONLY).await;
        w.pass(10);
        assert!(matches!(
            fails(&w, w.bob, late.clone()).await,
            CallbackError::ExpiredState
        ));
        assert!(matches!(
            w.connections.precheck(&late).await,
            Err(CallbackError::ExpiredState)
        ));
        assert_eq!(services(&w, w.bob).await, NOTHING);
    })
    .await;
}

#[tokio::test]
async fn another_persons_visit_attaches_nothing_and_uses_nothing_up() {
    for_each_world(async |w| {
        let query = w.begin(w.alice, CALENDAR_ONLY).await;
        assert!(matches!(
            fails(&w, w.bob, query.clone()).await,
            CallbackError::OtherPerson
        ));
        let refusal = CallbackQuery {
            error: Some("access_denied".to_owned()),
            code: None,
            ..query.clone()
        };
        assert!(matches!(
            fails(&w, w.bob, refusal).await,
            CallbackError::OtherPerson
        ));
        assert_eq!(
            (services(&w, w.alice).await, services(&w, w.bob).await),
            (NOTHING, NOTHING)
        );
        assert_eq!(w.google.exchanges().len(), 0);
        w.connections.complete(w.alice, query).await.unwrap();
        assert_eq!(
            (services(&w, w.alice).await, services(&w, w.bob).await),
            (CALENDAR_ONLY, NOTHING)
        );
    })
    .await;
}

#[tokio::test]
async fn of_two_visits_at_once_one_counts() {
    for_each_world(async |w| {
        let query = w.begin(w.alice, CALENDAR_ONLY).await;
        let other = w.another_process().await;
        let (a, b) = tokio::join!(
            w.connections.complete(w.alice, query.clone()),
            other.complete(w.alice, query)
        );
        assert!(a.is_ok() != b.is_ok());
        let error = a.err().or(b.err()).unwrap();
        assert!(matches!(error, CallbackError::UsedState), "{error:?}");
        assert_eq!(w.google.exchanges().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_and_a_failed_exchange_are_told_apart() {
    for_each_world(async |w| {
        let query = w.begin(w.alice, CALENDAR_ONLY).await;
        let refusal = CallbackQuery {
            error: Some("access_denied".to_owned()),
            code: None,
            ..query.clone()
        };
        let error = fails(&w, w.alice, refusal).await;
        assert!(matches!(&error, CallbackError::Refused { error } if error == "access_denied"));
        assert_eq!(error.status(), 400);
        assert!(
            matches!(fails(&w, w.alice, query).await, CallbackError::UsedState),
            "a refusal counts as an answer"
        );

        for (reply, expected) in [
            (Reply::error(400, "invalid_grant"), "invalid_grant"),
            (Reply::error(401, "invalid_client"), "invalid_client"),
            (Reply::error(500, "server_error"), "server"),
            (
                Reply::Raw("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>".to_owned()),
                "malformed",
            ),
            (Reply::Reset, "network"),
        ] {
            let sent = w.google.exchanges().len();
            let query = w.begin(w.alice, CALENDAR_ONLY).await;
            w.google.plant([reply]);
            let error = fails(&w, w.alice, query).await;
            assert!(
                matches!(&error, CallbackError::Exchange { reason } if reason == expected),
                "{error:?}"
            );
            assert_eq!(error.status(), 502);
            assert_eq!(w.google.exchanges().len(), sent + 1, "a code is sent once");
            assert_eq!(
                w.connections.status(w.alice).await.unwrap().status,
                StatusName::Disconnected
            );
        }
    })
    .await;
}

#[tokio::test]
async fn granted_scopes_decide_what_is_connected() {
    for_each_world(async |w| {
        let partial = "https://www.googleapis.com/auth/calendar.events https://www.googleapis.com/auth/drive openid";
        w.google.plant([Reply::Json(200, json!({"access_token": "a", "refresh_token": "r", "expires_in": 3599, "scope": partial}))]);
        let query = w.begin(w.alice, Services::ALL).await;
        let connected = w.connections.complete(w.alice, query).await.unwrap();
        let drive = Services { drive: true, ..NOTHING };
        assert_eq!(connected.services, drive);
        assert_eq!(connected.declined, Services { calendar: true, gmail: true, drive: false });
        let connection = w.connections.connection(w.alice).await.unwrap().unwrap();
        assert_eq!(connection.services, drive);
        assert_eq!(connection.scopes.join(" "), partial, "a tool may have enough with the second scope");
    })
    .await;
}

#[tokio::test]
async fn what_nobody_asked_for_is_not_connected_though_google_grants_it() {
    for_each_world(async |w| {
        w.connect(w.alice, CALENDAR_ONLY).await;
        let connection = w.connections.connection(w.alice).await.unwrap().unwrap();
        assert_eq!(connection.services, CALENDAR_ONLY);
        assert_eq!(connection.scopes[0], CALENDAR);
        assert_eq!(connection.scopes.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_consent_that_grants_nothing_attaches_nothing() {
    for_each_world(async |w| {
        let empty = || {
            Reply::Json(
                200,
                json!({"access_token": "a-empty", "refresh_token": "r-empty", "scope": "openid"}),
            )
        };
        w.google.plant([empty()]);
        let query = w.begin(w.alice, Services::ALL).await;
        let error = fails(&w, w.alice, query).await;
        assert!(matches!(error, CallbackError::NothingGranted));
        assert_eq!(
            w.connections.status(w.alice).await.unwrap().status,
            StatusName::Disconnected
        );
        w.connections.sweep().await.unwrap();
        assert_eq!(
            w.google.revoked(),
            ["r-empty"],
            "Google forgets what nobody uses"
        );

        w.connect(w.alice, CALENDAR_ONLY).await;
        w.google.plant([empty()]);
        let query = w.begin(w.alice, GMAIL_ONLY).await;
        assert!(matches!(
            fails(&w, w.alice, query).await,
            CallbackError::NothingGranted
        ));
        assert_eq!(services(&w, w.alice).await, CALENDAR_ONLY);
        w.connections.sweep().await.unwrap();
        assert_eq!(
            w.google.revoked().len(),
            1,
            "that would end the calendar too"
        );
    })
    .await;
}

#[tokio::test]
async fn connecting_another_service_keeps_the_first() {
    for_each_world(async |w| {
        w.google.grant(CALENDAR_ONLY);
        w.connect(w.alice, CALENDAR_ONLY).await;
        let before = w.connections.connection(w.alice).await.unwrap().unwrap();
        w.pass(1);
        w.google.grant(Services {
            drive: false,
            ..Services::ALL
        });
        let query = w.begin(w.alice, GMAIL_ONLY).await;
        let connected = w.connections.complete(w.alice, query).await.unwrap();
        assert_eq!(connected.services, CALENDAR_ONLY.union(GMAIL_ONLY));
        assert_eq!(connected.lost, NOTHING);
        let after = w.connections.connection(w.alice).await.unwrap().unwrap();
        assert!(after.generation > before.generation);
        assert_eq!(after.connected_at, before.connected_at);
    })
    .await;
}

#[tokio::test]
async fn another_google_account_replaces_the_first_and_that_is_said() {
    for_each_world(async |w| {
        w.google.grant(CALENDAR_ONLY);
        w.connect(w.alice, CALENDAR_ONLY).await;
        w.google.grant(GMAIL_ONLY);
        let query = w.begin(w.alice, GMAIL_ONLY).await;
        let connected = w.connections.complete(w.alice, query).await.unwrap();
        assert_eq!(
            connected,
            Connected {
                services: GMAIL_ONLY,
                declined: NOTHING,
                lost: CALENDAR_ONLY
            }
        );
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    for_each_world(async |w| {
        w.connect(w.alice, Services::ALL).await;
        w.google.plant([Reply::Json(
            200,
            json!({"access_token": "a2", "expires_in": 3599}),
        )]);
        w.connect(w.alice, GMAIL_ONLY).await;
        assert_eq!(
            services(&w, w.alice).await,
            Services::ALL,
            "no scope in the answer: what was asked"
        );
        assert_eq!(
            w.connections
                .access_token(w.alice)
                .await
                .unwrap()
                .secret
                .expose(),
            "a2"
        );
        w.pass(60);
        w.connections.access_token(w.alice).await.unwrap();
        assert_eq!(w.google.refreshes()[0].form["refresh_token"], "rt-1");
    })
    .await;
}

#[tokio::test]
async fn the_known_account_is_suggested_next_time() {
    for_each_world(async |w| {
        let id_token = format!(
            "e30.{}.x",
            URL_SAFE_NO_PAD.encode(br#"{"email":"alice@example.org"}"#)
        );
        w.google.plant([Reply::Json(
            200,
            json!({"access_token": "a", "refresh_token": "r", "id_token": id_token}),
        )]);
        w.connect(w.alice, Services::ALL).await;
        let url = w.connections.begin(w.alice, GMAIL_ONLY).await.unwrap();
        assert_eq!(parameter(&url, "login_hint"), "alice@example.org");
        let url = w.connections.begin(w.bob, GMAIL_ONLY).await.unwrap();
        assert_eq!(parameter(&url, "login_hint"), "");
    })
    .await;
}

#[tokio::test]
async fn a_crash_between_google_and_the_database_leaves_a_clean_start() {
    for_each_world(async |w| {
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        w.google.plant([Reply::Gated(Arc::clone(&gate))]);
        // A process of its own, so that it can die without the rest.
        let doomed = deputy_core::Lifecycle::new();
        let process = crate::testing::connections(
            w.store.clone(),
            Some(crate::testing::config(&w.google)),
            &doomed,
            &w.clock,
        );
        let query = w.begin(w.alice, CALENDAR_ONLY).await;
        let visit = process.complete(w.alice, query.clone());
        let kill = async {
            eventually(async || w.google.exchanges().len() == 1).await;
            doomed.stop(Duration::ZERO).await;
            gate.add_permits(1);
        };
        let (outcome, ()) = tokio::join!(visit, kill);
        assert!(matches!(outcome, Err(CallbackError::Storage(None))));
        assert_eq!(
            w.connections.status(w.alice).await.unwrap().status,
            StatusName::Disconnected
        );
        assert!(matches!(
            fails(&w, w.alice, query).await,
            CallbackError::UsedState
        ));
        // The dead process' lease lapses; then the person connects as if nothing had happened.
        w.pass(2);
        w.connect(w.alice, CALENDAR_ONLY).await;
        assert_eq!(services(&w, w.alice).await, CALENDAR_ONLY);
    })
    .await;
}

#[tokio::test]
async fn a_browser_that_goes_away_does_not_interrupt_it() {
    for_each_world(async |w| {
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        w.google.plant([Reply::Gated(Arc::clone(&gate))]);
        let query = w.begin(w.alice, CALENDAR_ONLY).await;
        let visit = w.connections.complete(w.alice, query);
        let left = tokio::select! {
            _ = visit => false,
            () = eventually(async || w.google.exchanges().len() == 1) => true,
        };
        assert!(left);
        gate.add_permits(1);
        eventually(async || services(&w, w.alice).await == CALENDAR_ONLY).await;
    })
    .await;
}

#[tokio::test]
async fn without_a_client_it_says_what_to_set() {
    for_each_world(async |w| {
        let query = w.begin(w.alice, CALENDAR_ONLY).await;
        let process = w.unconfigured();
        let error = process.begin(w.alice, Services::ALL).await.unwrap_err();
        assert!(
            error.to_string().contains("GOOGLE_CLIENT_ID")
                && error.to_string().contains("docs/google-cloud.md")
        );
        assert!(matches!(
            process.complete(w.alice, query).await,
            Err(CallbackError::NotConfigured)
        ));
        assert!(!process.is_configured() && w.connections.is_configured());
    })
    .await;
}
