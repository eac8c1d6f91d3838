use super::*;

const NOW: &str = "2026-11-21T10:00:00Z";

fn answered(status: u16, header: Option<&str>, body: &str) -> GoogleError {
    GoogleError::answered(status, header, body.as_bytes(), true, NOW.parse().unwrap())
}

fn old_style(reason: &str, message: &str) -> String {
    serde_json::json!({"error": {"code": 403, "message": message,
        "errors": [{"domain": "usageLimits", "reason": reason, "message": message}]}})
    .to_string()
}

#[test]
fn rate_errors_come_as_403_and_as_429_and_say_when_to_come_back() {
    for (status, reason) in [
        (403, "userRateLimitExceeded"),
        (403, "rateLimitExceeded"),
        (429, "rateLimitExceeded"),
    ] {
        let error = answered(status, None, &old_style(reason, "Rate Limit Exceeded"));
        assert_eq!(error.kind, FailureKind::RateLimited, "{status} {reason}");
        assert_eq!(error.retry_after, Some(RATE_PAUSE));
        assert!(error.to_string().contains("Try again in 5 s"), "{error}");
    }
    let error = answered(429, Some("17"), "");
    assert_eq!(error.retry_after, Some(Duration::from_secs(17)));
    let error = answered(429, Some("Sat, 21 Nov 2026 10:00:30 GMT"), "");
    assert_eq!(error.retry_after, Some(Duration::from_secs(30)));
    let text = "User-rate limit exceeded.  Retry after 2026-11-21T10:01:00.000Z";
    let error = answered(403, None, &old_style("userRateLimitExceeded", text));
    assert_eq!(error.retry_after, Some(Duration::from_mins(1)));
}

#[test]
fn a_used_up_quota_waits_for_midnight_in_california() {
    let error = answered(
        403,
        None,
        &old_style("quotaExceeded", "Calendar usage limits exceeded."),
    );
    assert_eq!(error.kind, FailureKind::QuotaExceeded);
    // 10:00 UTC is 02:00 in Los Angeles in November.
    assert_eq!(error.retry_after, Some(Duration::from_hours(22)));
}

#[test]
fn a_missing_scope_is_known_in_both_styles() {
    let old = answered(
        403,
        None,
        &old_style("insufficientPermissions", "Insufficient Permission"),
    );
    assert_eq!(old.kind, FailureKind::MissingScope);
    let new = r#"{"error":{"code":403,"message":"Request had insufficient authentication scopes.",
        "status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",
        "reason":"ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#;
    assert_eq!(answered(403, None, new).kind, FailureKind::MissingScope);
    assert_eq!(
        answered(403, None, &old_style("forbiddenForNonOrganizer", "No")).kind,
        FailureKind::Forbidden
    );
}

#[test]
fn only_a_write_that_was_taken_in_may_have_happened() {
    assert!(answered(503, None, "").may_have_happened);
    assert!(!answered(412, None, "").may_have_happened);
    assert!(!GoogleError::answered(500, None, b"", false, NOW.parse().unwrap()).may_have_happened);
}

#[test]
fn long_words_of_google_are_cut() {
    let error = answered(400, None, &old_style("invalid", &"x".repeat(5000)));
    assert!(error.to_string().chars().count() < 400);
}
