use proptest::prelude::*;

use super::*;

#[test]
fn only_paths_of_this_site_are_followed() {
    for good in [
        "/",
        "/connect",
        "/approvals?x=1#a-1",
        "/api/v1/integrations/google/callback?code=4%2F0A&state=x",
    ] {
        assert_eq!(safe(good), good);
    }
    for bad in [
        "",
        "connect",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:x\r\n",
        " //evil.example",
        "//self.invalid@evil.example",
    ] {
        assert_eq!(safe(bad), "/", "{bad:?}");
    }
}

#[test]
fn the_way_back_survives_the_sign_in() {
    let there = login("/connect?service=all&x=a b");
    let url = Url::parse("http://self.invalid")
        .unwrap()
        .join(&there)
        .unwrap();
    let next = url
        .query_pairs()
        .find(|(name, _)| name == "next")
        .unwrap()
        .1
        .into_owned();
    assert_eq!(next, "/connect?service=all&x=a b");
    assert_eq!(
        login("/connect/google?service=all"),
        "/login?next=%2Fconnect"
    );
    assert_eq!(login("/"), "/login");
}

#[test]
fn a_long_request_of_a_program_survives_and_a_longer_one_does_not() {
    let path = |bytes: usize| format!("/oauth/authorize?state={}", "a".repeat(bytes));
    let longest = path(crate::oauth::authorize::LONGEST - "state=".len());
    assert_eq!(safe(&longest), longest);
    assert_eq!(safe(&path(9000)), "/");
    let url = Url::parse("http://self.invalid").unwrap();
    let url = url.join(&login_again(&longest)).unwrap();
    let next = url.query_pairs().find(|(name, _)| name == "next");
    assert_eq!(next.unwrap().1, longest);
}

proptest! {
    #[test]
    fn nothing_leads_elsewhere(text in "[/\\\\a-z:@.?#%\\t\\n ]{0,24}") {
        let base = Url::parse("http://self.invalid/login").unwrap();
        let target = base.join(safe(&text)).unwrap();
        prop_assert_eq!(target.origin(), base.origin());
    }
}
