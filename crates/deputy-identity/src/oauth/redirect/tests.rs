use proptest::prelude::*;

use super::*;

/// What clients of today register.
const REAL: &[&str] = &[
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
    "http://localhost/callback",
    "http://127.0.0.1/callback",
    "http://[::1]/callback",
    "http://localhost:8181/callback",
    "https://chatgpt.com/connector/oauth/IbUR3zxyNQ16",
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://insiders.vscode.dev/redirect",
    "https://vscode.dev/redirect",
    "http://127.0.0.1/",
    "http://127.0.0.1:33418/",
    "http://127.0.0.1:33418",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "http://localhost:8787/callback",
    "vscode://vscode.git/callback",
    "vscode-insiders://anthropic.claude/cb?x=1",
    "ms-appx-web://microsoft.aad.brokerplugin/7b2c1e5e-3c0f-4a5b-9d5e-0f6a1b2c3d4e",
    "com.example.app:/oauth2redirect/example-provider",
    "warp://mcp/oauth2callback",
    "raycast://oauth?package_name=Extension",
    "edgeworks://oauth",
    "com.raycast:/oauth?package_name=Extension",
    "https://xn--e1awd7f.example/cb",
    "https://[2001:db8::1]:8443/cb",
    "https://example.org:8443/a%20b?x=%2F..&y=1",
];

#[test]
fn what_clients_register_is_taken() {
    for uri in REAL {
        assert_eq!(check_registered(uri), Ok(()), "{uri}");
        assert!(matches(uri, uri));
    }
    let host = "https://example.org/";
    let longest = format!("{host}{}", "a".repeat(MAX - host.len()));
    assert_eq!(check_registered(&longest), Ok(()));
    let (longest, longer) = ("a".repeat(64), "a".repeat(65));
    assert_eq!(check_registered(&format!("{longest}:/cb")), Ok(()));
    let refused = check_registered(&format!("{longer}:/cb"));
    assert_eq!(refused, Err(RedirectError::Scheme(longer)));
}

/// Each is refused, and for this reason.
fn refuses(cases: &[(&str, RedirectError)]) {
    for (uri, wrong) in cases {
        assert_eq!(check_registered(uri).as_ref(), Err(wrong), "{uri:?}");
    }
}

#[test]
fn what_only_looks_like_this_machine_is_refused() {
    use RedirectError as E;
    let long = format!("https://example.org/{}", "a".repeat(MAX));
    refuses(&[
        ("", E::Length),
        (&long, E::Length),
        ("https://example.org/cb#", E::Fragment),
        ("https://example.org/cb#x", E::Fragment),
        ("cursor://x/#x", E::Fragment),
        ("http://127.0.0.1.evil.com/cb", E::PlainHttp),
        ("http://localhost.evil.com/cb", E::PlainHttp),
        ("http://localhost@evil.com/cb", E::Userinfo),
        ("http://localhost:80@evil.com/cb", E::Userinfo),
        ("http://127.0.0.1:1@evil.com/", E::Userinfo),
        ("https://user:pw@example.org/", E::Userinfo),
        ("https://@example.org/", E::Userinfo),
        ("cursor://evil@anysphere/", E::Userinfo),
        ("http://[::1%25]/cb", E::PlainHttp),
        ("http://[::1%25eth0]/cb", E::PlainHttp),
        ("http://[0:0:0:0:0:0:0:1]/cb", E::PlainHttp),
        ("http://[::ffff:127.0.0.1]/cb", E::PlainHttp),
        ("http://127.1/cb", E::PlainHttp),
        ("http://127.0.0.2/cb", E::PlainHttp),
        ("http://2130706433/cb", E::PlainHttp),
        ("http://0x7f.0.0.1/cb", E::PlainHttp),
        ("http://0177.0.0.1/cb", E::PlainHttp),
        ("http://0.0.0.0/cb", E::PlainHttp),
        ("http://localhost./cb", E::PlainHttp),
        ("http://127.0.0.1./cb", E::PlainHttp),
        ("http://LOCALHOST/cb", E::PlainHttp),
        ("http://localhost:/cb", E::PlainHttp),
        ("http://localhost:0/cb", E::PlainHttp),
        ("http://localhost:00080/cb", E::PlainHttp),
        ("http://localhost:65536/cb", E::PlainHttp),
        ("http://localhost:8181a/cb", E::PlainHttp),
        ("http://localhost:+80/cb", E::PlainHttp),
        ("http://example.org/cb", E::PlainHttp),
        ("http://192.168.1.5:3000/cb", E::PlainHttp),
        ("http:/localhost/cb", E::PlainHttp),
        ("http:///localhost/cb", E::PlainHttp),
    ]);
}

#[test]
fn what_two_parsers_could_read_differently_is_refused() {
    use RedirectError as E;
    refuses(&[
        ("http:localhost/cb", E::NotAbsolute),
        ("HTTP://localhost/cb", E::NotAbsolute),
        ("Https://example.org/cb", E::NotAbsolute),
        ("jAvAsCrIpT://x/%0aalert(1)", E::Character),
        ("jAvAsCrIpT://x/alert(1)", E::NotAbsolute),
        ("//example.org/cb", E::NotAbsolute),
        ("/callback", E::NotAbsolute),
        ("callback", E::NotAbsolute),
        ("cursor:callback", E::NotAbsolute),
        ("javascript:alert(1)", E::NotAbsolute),
        ("1app://x/", E::NotAbsolute),
        (" https://example.org/cb", E::Character),
        ("https://example.org/cb ", E::Character),
        ("https://exa\tmple.org/cb", E::Character),
        ("java\tscript:/alert(1)", E::Character),
        ("https://example.org/cb\n", E::Character),
        ("https://example.org\\@evil.com/", E::Character),
        ("https://example.org\\.evil.com/", E::Character),
        ("http://localhost\\@evil.com/", E::Character),
        ("https://example.org/\u{0}", E::Character),
        ("https://example.org/%00", E::Character),
        ("https://example.org/%0d%0aSet-Cookie:x", E::Character),
        ("https://example.org/%7F", E::Character),
        ("https://example.org/%", E::Character),
        ("https://example.org/%2", E::Character),
        ("https://example.org/%zz", E::Character),
        ("https://b\u{fc}cher.example/cb", E::Character),
        ("https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/", E::Character),
        ("https://example.org/<script>", E::Character),
        ("https://example.org/\"onload=", E::Character),
        ("https://example.org/`", E::Character),
        ("https://example.org/{x}", E::Character),
        ("https://example.org/a|b", E::Character),
    ]);
}

#[test]
fn spellings_that_are_not_plain_and_schemes_with_a_meaning_are_refused() {
    use RedirectError as E;
    let scheme = |s: &str| E::Scheme(s.to_owned());
    let plain = |s: &str| E::NotPlain(s.to_owned());
    refuses(&[
        ("https://example.org/../cb", E::DotSegment),
        ("https://example.org/a/./cb", E::DotSegment),
        ("https://example.org/a/%2e%2E/cb", E::DotSegment),
        ("https://example.org/a/.%2e/cb", E::DotSegment),
        ("https://example.org/a%2f..%2fcb", E::DotSegment),
        ("https://example.org/a%5c..", E::DotSegment),
        ("http://localhost/cb/..", E::DotSegment),
        ("cursor://x/../y", E::DotSegment),
        ("com.example.app:/../y", E::DotSegment),
        ("https://example.org./cb", E::Host),
        ("https://:443/cb", E::Host),
        ("https://example.org:0/cb", E::Host),
        ("https://example.org:99999/cb", E::Host),
        ("https://xn--/cb", E::Host),
        ("aa://[", E::Host),
        ("cursor://[::1/cb", E::Host),
        ("cursor://x:99999/cb", E::Host),
        ("https://EXAMPLE.org/cb", plain("https://example.org/cb")),
        ("https://EXAMPLE.org/", plain("https://example.org/")),
        ("https://EXAMPLE.org", plain("https://example.org/")),
        ("https://example.org?x=1", plain("https://example.org/?x=1")),
        (
            "https://example.org:443/cb",
            plain("https://example.org/cb"),
        ),
        ("https://example.org:/cb", plain("https://example.org/cb")),
        ("https:///example.org/cb", plain("https://example.org/cb")),
        ("https://ex%61mple.org/cb", plain("https://example.org/cb")),
        ("https://2130706433/cb", plain("https://127.0.0.1/cb")),
        ("https://[0:0::1]/cb", plain("https://[::1]/cb")),
        ("javascript://example.org/%61lert(1)", scheme("javascript")),
        ("javascript:/alert(1)", scheme("javascript")),
        ("data:/text/html,x", scheme("data")),
        ("data://text/html,x", scheme("data")),
        ("file:///etc/passwd", scheme("file")),
        ("vbscript:/x", scheme("vbscript")),
        ("blob:/x", scheme("blob")),
        ("about:/blank", scheme("about")),
        ("ws://localhost/cb", scheme("ws")),
        ("wss://example.org/cb", scheme("wss")),
        ("ftp://example.org/cb", scheme("ftp")),
        ("mailto:/me@example.org", scheme("mailto")),
        ("intent://x/", scheme("intent")),
        ("chrome-extension://abc/cb", scheme("chrome-extension")),
        ("ms-msdt:/id", scheme("ms-msdt")),
        ("ms-appx-webs://x/", scheme("ms-appx-webs")),
        ("ms-settings:/", scheme("ms-settings")),
        ("c:/windows", scheme("c")),
        ("view-source://x/", scheme("view-source")),
    ]);
}

#[test]
fn what_no_honest_client_lists_is_known_however_it_is_written() {
    for uri in [
        "javascript:alert(1)",
        "jAvAsCrIpT://x/alert(1)",
        " javascript:x",
        "java\tscript:\n/x",
        "\u{1}data:text/html,x",
        "file:///etc/passwd",
        "VBSCRIPT:x",
        "blob:https://example.org/x",
        "about:blank",
        "ws://localhost/",
        "wss:x",
        "ftp://example.org/",
    ] {
        let scheme = hostile_scheme(uri).unwrap_or_else(|| panic!("{uri:?}"));
        assert!(check_registered(uri).is_err(), "{uri:?}");
        assert!(REFUSED.contains(&scheme), "{uri:?}");
    }
    assert!(HOSTILE.iter().all(|scheme| REFUSED.contains(scheme)));
    let others = [
        "",
        "javascript",
        "https://javascript:1/",
        "javascripts:/x",
        "mailto:x",
    ];
    for uri in others.iter().chain(REAL) {
        assert_eq!(hostile_scheme(uri), None, "{uri:?}");
    }
}

#[test]
fn only_the_port_of_a_loopback_address_is_free() {
    for (registered, asked) in [
        (
            "http://localhost/callback",
            "http://localhost:53817/callback",
        ),
        ("http://127.0.0.1/callback", "http://127.0.0.1:1/callback"),
        ("http://[::1]/callback", "http://[::1]:65535/callback"),
        ("http://127.0.0.1:33418/", "http://127.0.0.1:49152/"),
        ("http://127.0.0.1:33418/", "http://127.0.0.1/"),
        ("http://localhost?x=1", "http://localhost:80?x=1"),
    ] {
        assert!(matches(registered, asked), "{registered} {asked}");
    }
    for (registered, asked) in [
        (
            "http://localhost/callback",
            "http://127.0.0.1:53817/callback",
        ),
        ("http://127.0.0.1/callback", "http://localhost:1/callback"),
        ("http://127.0.0.1/callback", "http://[::1]:1/callback"),
        ("http://localhost/callback", "https://localhost:1/callback"),
        ("http://localhost/callback", "http://localhost:1/callback/"),
        ("http://localhost/callback", "http://localhost:1/Callback"),
        (
            "http://localhost/callback",
            "http://localhost:1/callback?x=1",
        ),
        ("http://localhost/callback", "http://localhost:1/callback#x"),
        (
            "http://localhost/callback",
            "http://localhost:1/x/../callback",
        ),
        ("http://localhost/callback", "http://localhost:1/%63allback"),
        (
            "http://localhost/callback",
            "http://localhost:1@evil.com/callback",
        ),
        (
            "http://localhost/callback",
            "http://localhost.evil.com/callback",
        ),
        (
            "http://localhost/callback",
            "http://localhost:1.evil.com/callback",
        ),
        ("http://localhost/callback", "http://localhost:/callback"),
        ("http://localhost/callback", "http://localhost:0/callback"),
        ("http://localhost/callback", "http://localhost:01/callback"),
        (
            "http://localhost/callback",
            "http://localhost:65536/callback",
        ),
        ("http://localhost/callback", "http://LOCALHOST:1/callback"),
        (
            "http://localhost/callback",
            "http://localhost:1\\@evil.com/callback",
        ),
        ("http://localhost", "http://localhost/"),
        ("http://127.0.0.2/cb", "http://127.0.0.2:1/cb"),
        ("https://localhost/cb", "https://localhost:1/cb"),
        ("https://example.org/cb", "https://example.org:8443/cb"),
        ("https://example.org/cb", "https://example.org/cb/"),
        ("https://example.org/cb", "https://example.org/cb?"),
        ("cursor://a/cb", "cursor://a:1/cb"),
        ("cursor://a/cb", "cursor://b/cb"),
    ] {
        assert!(!matches(registered, asked), "{registered} {asked}");
    }
}

#[test]
fn a_person_sees_the_host_for_what_it_is() {
    for (uri, shown) in [
        ("https://claude.ai/api/mcp/auth_callback", "claude.ai"),
        ("https://example.org:8443/cb", "example.org:8443"),
        ("https://xn--80ak6aa92e.com/cb", "xn--80ak6aa92e.com"),
        // The Cyrillic letters that look like apple.com.
        (
            "https://\u{430}\u{440}\u{440}\u{4cf}\u{435}.com/cb",
            "xn--80ak6aa92e.com",
        ),
        ("http://localhost:8181/cb", "localhost:8181"),
        ("http://[::1]/cb", "[::1]"),
        (
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "cursor://anysphere.cursor-mcp",
        ),
        ("com.example.app:/cb", "com.example.app:"),
        ("not a uri \u{202e}", "notauri"),
    ] {
        assert_eq!(host_shown(uri), shown);
    }
}

#[test]
fn what_stands_behind_a_redirect() {
    for (uri, behind) in [
        ("https://claude.ai/cb", Target::Site),
        ("http://localhost/cb", Target::Loopback),
        ("http://127.0.0.1:1/cb", Target::Loopback),
        ("https://localhost/cb", Target::Loopback),
        ("https://127.0.0.2/cb", Target::Loopback),
        ("https://0.0.0.0/cb", Target::Loopback),
        ("https://[::ffff:127.0.0.1]/cb", Target::Loopback),
        ("http://[::1]/cb", Target::Loopback),
        ("https://[::]/cb", Target::Loopback),
        ("https://[2001:db8::1]/cb", Target::Site),
        ("cursor://anysphere/cb", Target::App),
        ("com.example.app:/cb", Target::App),
    ] {
        assert_eq!(target(uri), behind, "{uri}");
        assert_eq!(is_loopback(uri), behind == Target::Loopback);
    }
}

/// A URI made of parts that are worth confusing.
fn uri() -> impl Strategy<Value = String> {
    let scheme = prop::sample::select(vec!["http", "https", "HTTP", "cursor", "javascript"]);
    let mark = prop::sample::select(vec!["://", ":/", ":", ":///"]);
    let host = prop::sample::select(vec![
        "localhost",
        "127.0.0.1",
        "[::1]",
        "127.1",
        "localhost.evil.com",
        "evil.com",
        "localhost@evil.com",
        "LOCALHOST",
        "127.0.0.1.",
        "",
    ]);
    let port = prop::sample::select(vec![
        "",
        ":",
        ":1",
        ":80",
        ":8181",
        ":65535",
        ":65536",
        ":0",
        ":08",
        ":x",
        ":1@evil.com",
    ]);
    let path = prop::sample::select(vec![
        "",
        "/",
        "/cb",
        "/cb/",
        "/CB",
        "/%63b",
        "/../cb",
        "?x=1",
        "/cb?x=1",
        "/cb#x",
        "\\cb",
        "@evil.com",
    ]);
    (scheme, mark, host, port, path).prop_map(|(s, m, h, p, r)| format!("{s}{m}{h}{p}{r}"))
}

fn registered() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "http://localhost/cb",
        "http://localhost",
        "http://127.0.0.1/",
        "http://127.0.0.1:80/cb",
        "http://[::1]:8181/cb?x=1",
        "https://localhost/cb",
        "https://evil.com/cb",
        "cursor://localhost/cb",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_match_differs_in_nothing_but_a_loopback_port(registered in registered(), asked in uri()) {
        prop_assert_eq!(check_registered(&registered), Ok(()));
        if matches(&registered, &asked) && registered != asked {
            let (a, b) = (Url::parse(&registered).unwrap(), Url::parse(&asked).unwrap());
            prop_assert_eq!(a.scheme(), "http");
            prop_assert_eq!(b.scheme(), "http");
            prop_assert!(is_loopback(&registered) && is_loopback(&asked));
            prop_assert_eq!(a.host_str(), b.host_str());
            prop_assert_eq!(a.path(), b.path());
            prop_assert_eq!(a.query(), b.query());
            prop_assert!(b.fragment().is_none() && b.username().is_empty() && b.password().is_none());
            // What is answered to is itself fit to be registered.
            prop_assert_eq!(check_registered(&asked), Ok(()));
        }
    }

    #[test]
    fn nothing_makes_it_panic_and_what_is_taken_is_plain(text in "\\PC{0,40}|[a-z]{1,6}:[/:@.%\\\\0-9a-z?#\\[\\]]{0,30}") {
        let _ = (host_shown(&text), target(&text), matches(&text, "http://localhost/"));
        if check_registered(&text).is_ok() {
            let url = Url::parse(&text).unwrap();
            prop_assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none());
            prop_assert_eq!(text.split_once(':').map(|(scheme, _)| scheme), Some(url.scheme()));
            prop_assert!(url.scheme() != "http" || is_loopback(&text));
        }
    }
}
