use deputy_core::{Caller, Language};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::*;
use crate::text::Text;

#[test]
fn arguments_read_like_text() {
    let shown = arguments(
        &json!({"to": ["a@x.test", "b@x.test"], "subject": "Привет", "n": 3, "o": {"a": 1}}),
    );
    assert_eq!(shown[0].value, "a@x.test\nb@x.test");
    assert_eq!(
        shown[1],
        Argument {
            name: "subject".into(),
            value: "Привет".into(),
            code: false
        }
    );
    assert_eq!(
        shown[2],
        Argument {
            name: "n".into(),
            value: "3".into(),
            code: true
        }
    );
    assert!(shown[3].value.contains("\"a\": 1"));
}

#[test]
fn characters_that_hide_or_reorder_are_shown() {
    assert_eq!(visible("pay \u{202e}001"), "pay ⟨U+202E⟩001");
    assert_eq!(visible("a\u{200b}b\u{e0041}"), "a⟨U+200B⟩b⟨U+E0041⟩");
    assert_eq!(visible("line\nnext\tтак"), "line\nnext\tтак");
}

#[test]
fn instants_are_told_in_words() {
    let now: Timestamp = "2026-12-01T10:00:00Z".parse().unwrap();
    let watch = Watch {
        t: Text::new(Language::En),
        zone: TimeZone::get("Asia/Dubai").unwrap(),
        now,
    };
    assert_eq!(
        watch.show("2026-12-01T09:59:30Z".parse().unwrap()).ago,
        "just now"
    );
    assert_eq!(
        watch.show("2026-12-01T09:55:00Z".parse().unwrap()).ago,
        "5 minutes ago"
    );
    assert_eq!(
        watch.show("2026-11-30T09:00:00Z".parse().unwrap()).ago,
        "1 day ago"
    );
    assert_eq!(
        watch.show("2026-11-01T09:00:00Z".parse().unwrap()).ago,
        "2026-11-01 13:00"
    );
    for (at, told) in [
        ("2026-12-01T09:59:00Z", "1 second"),
        ("2026-12-01T10:00:14.2Z", "15 seconds"),
        ("2026-12-01T10:01:31Z", "2 minutes"),
        ("2026-12-01T10:05:00Z", "5 minutes"),
        ("2026-12-01T12:00:00Z", "2 hours"),
    ] {
        assert_eq!(watch.until(at.parse().unwrap()), told, "{at}");
    }
    assert_eq!(
        watch.minutes_until("2026-12-01T10:14:59Z".parse().unwrap()),
        14
    );
    assert_eq!(
        watch.minutes_until("2026-12-01T09:00:00Z".parse().unwrap()),
        0
    );
}

#[test]
fn only_known_messages_are_shown() {
    assert!(Flash::named("saved").is_some());
    assert!(Flash::named("your-account-is-blocked").is_none());
}

#[test]
fn callers_have_names() {
    let watch = Watch {
        t: Text::new(Language::En),
        zone: TimeZone::UTC,
        now: Timestamp::UNIX_EPOCH,
    };
    let token = Caller::Token {
        id: 4,
        name: "my: laptop".into(),
    };
    assert_eq!(watch.caller(&token.label()), "my: laptop");
    let browser = Caller::Browser {
        session: "x".into(),
    };
    assert_eq!(watch.caller(&browser.label()), "Browser");
    assert_eq!(watch.caller(&Caller::System.label()), "Deputy");
    assert_eq!(watch.caller("cli"), "Command line");
    assert_eq!(
        watch.caller("client:12:Claude: Code"),
        "Claude: Code (client)"
    );
    assert_eq!(watch.caller("client:12:Browser"), "Browser (client)");
    assert_eq!(watch.caller(ANYBODY), "Not signed in");
}
