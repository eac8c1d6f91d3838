use super::*;

fn now() -> Timestamp {
    "2026-12-01T10:00:00Z".parse().unwrap()
}

fn ok(body: &str) -> TokenAnswer {
    match understand(StatusCode::OK, None, body.as_bytes()) {
        Ok(answer) => answer,
        Err(failure) => panic!("{body}: {failure:?}"),
    }
}

fn failure(status: u16, body: &str) -> Failure {
    match understand(StatusCode::from_u16(status).unwrap(), None, body.as_bytes()) {
        Ok(_) => panic!("{status} {body} was taken for a token"),
        Err(failure) => failure,
    }
}

fn temporary(cause: Cause) -> Failure {
    Failure::Temporary {
        retry_after: None,
        cause,
    }
}

#[test]
fn an_answer_is_understood_as_it_comes_in_the_field() {
    let answer = ok(
        r#"{"access_token":"a","refresh_token":"r","expires_in":3599,"scope":"x  y","token_type":"Bearer","refresh_token_expires_in":604799,"id_token":"e30.eyJlbWFpbCI6ImFAZXhhbXBsZS5vcmcifQ.sig"}"#,
    );
    assert_eq!(answer.access_token.expose(), "a");
    assert_eq!(answer.refresh_token.unwrap().expose(), "r");
    assert_eq!(answer.expires_in, Duration::from_secs(3599));
    assert_eq!(
        answer.refresh_expires_in,
        Some(Duration::from_secs(604_799))
    );
    assert_eq!(answer.scopes.unwrap(), ["x", "y"]);
    assert_eq!(answer.account.as_deref(), Some("a@example.org"));

    let answer = ok(r#"{"access_token":"a"}"#);
    assert!(answer.refresh_token.is_none() && answer.scopes.is_none() && answer.account.is_none());
    assert_eq!(answer.expires_in, DEFAULT_LIFETIME);
    assert!(
        ok(r#"{"access_token":"a","refresh_token":""}"#)
            .refresh_token
            .is_none()
    );
    assert_eq!(
        ok(r#"{"access_token":"a","id_token":"garbage"}"#).account,
        None
    );
}

#[test]
fn a_lifetime_is_a_number_or_a_string_within_reason() {
    let lifetime = |value: &str| {
        ok(&format!(r#"{{"access_token":"a","expires_in":{value}}}"#))
            .expires_in
            .as_secs()
    };
    assert_eq!(lifetime("60"), 60);
    assert_eq!(lifetime("\"3599\""), 3599);
    assert_eq!(lifetime("3599.7"), 3599);
    assert_eq!(lifetime("0"), 10);
    assert_eq!(lifetime("1e30"), 86_400);
    assert_eq!(lifetime("-5"), 3600);
    assert_eq!(lifetime("\"soon\""), 3600);
    assert_eq!(lifetime("null"), 3600);
    assert_eq!(lifetime("[]"), 3600);
}

#[test]
fn only_invalid_grant_is_news_about_the_grant() {
    assert_eq!(
        failure(400, r#"{"error":"invalid_grant"}"#),
        Failure::InvalidGrant { subtype: None }
    );
    assert_eq!(
        failure(
            400,
            r#"{"error":"invalid_grant","error_subtype":"invalid_rapt"}"#
        ),
        Failure::InvalidGrant {
            subtype: Some("invalid_rapt".to_owned())
        }
    );
    let rejected = |code: &str| Failure::Rejected {
        code: code.to_owned(),
    };
    assert_eq!(
        failure(401, r#"{"error":"invalid_client"}"#),
        rejected("invalid_client")
    );
    assert_eq!(
        failure(400, r#"{"error":"unauthorized_client"}"#),
        rejected("unauthorized_client")
    );
    assert_eq!(
        failure(400, r#"{"error":"<script>x</script>"}"#),
        rejected("scriptxscript")
    );
    assert_eq!(
        failure(503, r#"{"error":"invalid_grant"}"#),
        temporary(Cause::Server),
        "a failing server proves nothing"
    );
    assert_eq!(
        failure(429, r#"{"error":"invalid_grant"}"#),
        temporary(Cause::RateLimited)
    );
    assert_eq!(
        failure(400, r#"{"error":"temporarily_unavailable"}"#),
        temporary(Cause::Server)
    );
    for (status, body) in [
        (200, "<html>sign in to the hotel's network</html>"),
        (200, ""),
        (200, "{}"),
        (200, r#"{"access_token":""}"#),
        (200, r#"{"access_token":7}"#),
        (200, r#"["access_token"]"#),
        (400, "invalid_grant"),
        (400, r#"{"error":{"status":"INVALID_ARGUMENT"}}"#),
        (403, "<html>"),
        (404, "{}"),
        (302, "{}"),
    ] {
        assert_eq!(
            failure(status, body),
            temporary(Cause::Malformed),
            "{status} {body}"
        );
    }
}

#[test]
fn retry_after_is_seconds_or_a_date_within_reason() {
    let parse = |value: &str| {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        retry_after(&headers, now()).map(|d| d.as_secs())
    };
    assert_eq!(parse("7"), Some(7));
    assert_eq!(parse(" 0 "), Some(0));
    assert_eq!(parse("Tue, 01 Dec 2026 10:00:30 GMT"), Some(30));
    assert_eq!(parse("Tue, 01 Dec 2026 09:00:00 GMT"), Some(0), "the past");
    assert_eq!(parse("99999999999999999999999999"), Some(3600), "absurd");
    assert_eq!(parse("Tue, 01 Dec 2099 10:00:00 GMT"), Some(3600));
    assert_eq!(parse("soon"), None);
    assert_eq!(parse("-1"), None);
    assert_eq!(retry_after(&HeaderMap::new(), now()), None);
}

#[test]
fn an_error_code_is_cut_to_what_may_be_shown() {
    assert_eq!(code_for_log("access_denied"), "access_denied");
    assert_eq!(code_for_log("a b\n\"c\""), "abc");
    assert_eq!(code_for_log(&"x".repeat(500)).len(), 64);
}
