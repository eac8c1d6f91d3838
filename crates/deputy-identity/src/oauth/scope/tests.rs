use proptest::prelude::*;

use super::*;

#[test]
fn no_scope_asks_for_all_that_calls_tools() {
    let usual: Scopes = "tools:read tools:call tools:write".parse().unwrap();
    assert_eq!(asked(None), Ok(usual.clone()));
    assert_eq!(asked(Some("offline_access")), Ok(usual));
}

#[test]
fn unknown_words_are_left_out_but_something_must_be_known() {
    let chat: Scopes = "chat".parse().unwrap();
    assert_eq!(asked(Some("openid chat profile offline_access")), Ok(chat));
    for nothing in [
        "openid",
        "CHAT",
        "tools:*",
        "chat,admin",
        "openid offline_access",
    ] {
        assert_eq!(asked(Some(nothing)), Err(NothingKnown), "{nothing}");
    }
}

proptest! {
    #[test]
    fn words_never_panic_and_never_invent(text in ".{0,80}") {
        for scope in known(&text).0 {
            prop_assert!(text.contains(scope.as_str()));
        }
    }
}
