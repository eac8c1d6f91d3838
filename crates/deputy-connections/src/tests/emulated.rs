//! A person's way through the consent pages of the sandbox's Google.

use std::sync::Arc;

use deputy_core::{SystemRng, http};
use deputy_sandbox::google;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::testing::{CALENDAR_ONLY, GMAIL_ONLY, World, connections, for_each_world};

/// A browser and an installation at an emulated Google of their own.
struct Trip {
    connections: Connections,
    browser: reqwest::Client,
    origin: Url,
    _data: tempfile::TempDir,
}

impl Trip {
    async fn new(w: &World) -> Self {
        let data = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = google::Config {
            data: data.path().to_owned(),
            rng: Arc::new(SystemRng),
        };
        let google = google::start(listener, config, &w.lifecycle).await.unwrap();
        let origin = google.url().clone();
        let config = Config {
            client_id: google::CLIENT_ID.to_owned(),
            client_secret: google::CLIENT_SECRET.into(),
            auth_url: origin.join("/o/oauth2/v2/auth").unwrap(),
            token_url: origin.join("/token").unwrap(),
            revoke_url: origin.join("/revoke").unwrap(),
            ..testing::config(&w.google)
        };
        let connections = connections(w.store.clone(), Some(config), &w.lifecycle, &w.clock);
        Self {
            connections,
            browser: http::trusted(http::Limits::default()).unwrap(),
            origin,
            _data: data,
        }
    }

    /// Answers the consent page: which boxes stay ticked, and which button is pressed.
    async fn answer(
        &self,
        page: &Url,
        account: &str,
        ticked: Services,
        decision: &str,
    ) -> CallbackQuery {
        let shown = self.browser.get(page.clone()).send().await.unwrap();
        assert_eq!(shown.status(), 200);
        assert!(shown.text().await.unwrap().contains("name=\"decision\""));
        let mut form = vec![("email", account), ("decision", decision)];
        form.extend(ticked.scopes().map(|s| ("scope", s)));
        let sent = self
            .browser
            .post(page.clone())
            .form(&form)
            .send()
            .await
            .unwrap();
        assert!(sent.status().is_redirection(), "{}", sent.status());
        let back = Url::parse(sent.headers()["location"].to_str().unwrap()).unwrap();
        assert_eq!(back.path(), "/api/v1/integrations/google/callback");
        let parameter =
            |name: &str| Some(testing::parameter(&back, name)).filter(|v| !v.is_empty());
        CallbackQuery {
            code: parameter("code").map(Secret::new),
            state: parameter("state"),
            error: parameter("error"),
            iss: parameter("iss"),
        }
    }

    async fn consent(
        &self,
        user: UserId,
        asked: Services,
        account: &str,
        ticked: Services,
    ) -> Connected {
        let page = self.connections.begin(user, asked).await.unwrap();
        let query = self.answer(&page, account, ticked, "allow").await;
        self.connections.complete(user, query).await.unwrap()
    }

    /// What the calendar of this token's account answers.
    async fn calendar(&self, token: &Token) -> u16 {
        let url = self
            .origin
            .join("/calendar/v3/users/me/calendarList")
            .unwrap();
        let answer = self
            .browser
            .get(url)
            .bearer_auth(token.secret.expose())
            .send()
            .await
            .unwrap();
        answer.status().as_u16()
    }
}

#[tokio::test]
async fn connect_use_refresh_disconnect_and_connect_again() {
    for_each_world(async |w| {
        let trip = Trip::new(&w).await;
        let demo = "demo@sandbox.test";
        // One box is left unticked.
        let asked = CALENDAR_ONLY.union(GMAIL_ONLY);
        let connected = trip.consent(w.alice, asked, demo, CALENDAR_ONLY).await;
        assert_eq!(
            (connected.services, connected.declined),
            (CALENDAR_ONLY, GMAIL_ONLY)
        );
        let first = trip.connections.access_token(w.alice).await.unwrap();
        assert_eq!(trip.calendar(&first).await, 200);

        // Gmail comes later and Calendar stays.
        let connected = trip.consent(w.alice, GMAIL_ONLY, demo, GMAIL_ONLY).await;
        assert_eq!(
            (connected.services, connected.lost),
            (asked, Services::NONE)
        );

        // Google refuses the token: one refresh gives a better one.
        let token = trip.connections.access_token(w.alice).await.unwrap();
        let next = trip
            .connections
            .refresh_after_unauthorized(w.alice, token.generation)
            .await
            .unwrap();
        assert!(
            next.generation > token.generation && next.secret.expose() != token.secret.expose()
        );
        assert_eq!(trip.calendar(&next).await, 200);

        // Gone here, and at Google: no token of the old grant works any more.
        assert!(
            trip.connections
                .disconnect(w.alice, Services::ALL)
                .await
                .unwrap()
                .revoked
        );
        assert_eq!(trip.calendar(&next).await, 401);
        let connected = trip
            .consent(w.alice, CALENDAR_ONLY, demo, CALENDAR_ONLY)
            .await;
        assert_eq!(connected.services, CALENDAR_ONLY);
        w.pass(70);
        let renewed = trip.connections.access_token(w.alice).await.unwrap();
        assert_eq!(
            trip.calendar(&renewed).await,
            200,
            "there was a refresh token again"
        );
    })
    .await;
}

#[tokio::test]
async fn a_refusal_and_an_ended_grant() {
    for_each_world(async |w| {
        let trip = Trip::new(&w).await;
        let page = trip
            .connections
            .begin(w.alice, Services::ALL)
            .await
            .unwrap();
        let query = trip
            .answer(&page, "guest@sandbox.test", Services::ALL, "deny")
            .await;
        let refused = trip.connections.complete(w.alice, query).await;
        assert!(
            matches!(refused, Err(CallbackError::Refused { error }) if error == "access_denied")
        );

        trip.consent(w.alice, Services::ALL, "guest@sandbox.test", Services::ALL)
            .await;
        trip.consent(w.bob, Services::ALL, "demo@sandbox.test", Services::ALL)
            .await;
        // The guest's access ends at Google's side.
        let token = trip.connections.access_token(w.alice).await.unwrap();
        let form = json!({"token": token.secret.expose()});
        let revoke = trip.origin.join("/revoke").unwrap();
        assert_eq!(
            trip.browser
                .post(revoke)
                .form(&form)
                .send()
                .await
                .unwrap()
                .status(),
            200
        );
        let gone = trip
            .connections
            .refresh_after_unauthorized(w.alice, token.generation)
            .await;
        assert!(matches!(
            gone,
            Err(AccessError::Removed(RemovalReason::TestingMode))
        ));
        assert_eq!(trip.connections.notices(w.alice).await.unwrap().len(), 1);
        let other = trip.connections.access_token(w.bob).await.unwrap();
        assert_eq!(trip.calendar(&other).await, 200);
    })
    .await;
}
