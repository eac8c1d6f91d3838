use super::*;
use crate::lease::{LEASE, RENEWAL};

mod emulated;
mod silence;

#[test]
fn googles_own_endpoints_are_the_default() {
    let callback =
        Url::parse("https://deputy.example.org/api/v1/integrations/google/callback").unwrap();
    let config = Config::google("id".to_owned(), "secret".into(), callback);
    assert_eq!(config.auth_url.as_str(), GOOGLE_AUTH_URL);
    assert_eq!(config.token_url.as_str(), GOOGLE_TOKEN_URL);
    assert_eq!(config.revoke_url.as_str(), GOOGLE_REVOKE_URL);
    assert!(
        RENEWAL * 2 < Duration::try_from(LEASE).unwrap(),
        "one renewal may fail"
    );
}

#[test]
fn services_are_named_as_on_the_wire() {
    assert_eq!("all".parse(), Ok(Services::ALL));
    assert_eq!("gmail".parse(), Ok(Services::from(Service::Gmail)));
    for wrong in ["", "Gmail", "calendar,gmail", "mail"] {
        assert_eq!(wrong.parse::<Services>(), Err(UnknownService));
    }
    assert_eq!(
        serde_json::to_string(&Services::from(Service::Drive)).unwrap(),
        r#"{"calendar":false,"gmail":false,"drive":true}"#
    );
    let names = ["drive".to_owned(), "of the future".to_owned()];
    assert_eq!(Services::from_names(&names).to_string(), "drive");
    assert_eq!(
        Services::ALL.without(Service::Gmail.into()).to_string(),
        "calendar drive"
    );
}

#[tokio::test]
async fn the_status_is_shown_as_the_rest_api_promises() {
    testing::for_each_world(async |w| {
        let status = serde_json::to_value(w.connections.status(w.alice).await.unwrap()).unwrap();
        assert_eq!(status["status"], "disconnected");
        w.connect(w.alice, testing::CALENDAR_ONLY).await;
        let status = serde_json::to_value(w.connections.status(w.alice).await.unwrap()).unwrap();
        assert_eq!(status["status"], "connected");
        assert_eq!(
            status["services"],
            serde_json::json!({"calendar": true, "gmail": false, "drive": false})
        );
        assert_eq!(status["access_token_expired"], false);
        assert!(status["connected_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(status["scopes"][0], testing::CALENDAR);
        w.pass(60);
        let status = w.connections.status(w.alice).await.unwrap();
        assert_eq!(
            (status.status, status.access_token_expired),
            (StatusName::Connected, true)
        );
    })
    .await;
}
