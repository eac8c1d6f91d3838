use serde_json::json;

use super::*;

fn read(said: Value) -> Result<Described, Fault> {
    let Value::Object(said) = said else {
        panic!("no object")
    };
    Described::read(&said)
}

#[test]
fn names_lose_what_is_hidden_and_what_misleads() {
    for (text, name) in [
        ("Claude Code", "Claude Code"),
        ("  a \t\r\n b\u{a0}\u{3000}c ", "a b c"),
        ("Deputy\u{202e}tset", "Deputytset"),
        (
            "a\u{0}b\u{7f}c\u{85}d\u{200b}e\u{feff}f\u{2066}g\u{e0041}h",
            "abc defgh",
        ),
        ("\u{115f}\u{3164}\u{2800}\u{fe0f}", ""),
        ("a\u{1fffe}\u{2ffff}b", "ab"),
        (" ", ""),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("Cafe\u{301}", "Cafe\u{301}"),
        (
            "Z\u{301}\u{302}\u{303}\u{304}\u{305}x",
            "Z\u{301}\u{302}\u{303}x",
        ),
        ("\u{301}x", "x"),
        (
            "\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}",
            "\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}",
        ),
    ] {
        assert_eq!(cleaned_name(text), name, "{text:?}");
    }
    assert_eq!(cleaned_name(&"ы".repeat(1000)).chars().count(), MAX_NAME);
    assert_eq!(
        cleaned_name(&format!("{} b", "a".repeat(MAX_NAME - 1))),
        "a".repeat(MAX_NAME - 1)
    );
}

#[test]
fn what_means_nothing_here_is_left_out_and_extras_are_narrowed() {
    let described = read(json!({
        "client_name": "Some client",
        "client_name#ja": "\u{30af}",
        "redirect_uris": ["http://localhost/cb", "http://localhost/cb", "cursor://x/cb"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "response_types": ["code", "id_token"],
        "scope": "openid tools:read  offline_access tools:read mcp admin",
        "client_uri": "https://example.org/",
        "logo_uri": "javascript:alert(1)",
        "application_type": "web",
        "contacts": null,
        "jwks": {"keys": [{"d": "x"}]},
    }))
    .unwrap();
    assert_eq!(
        described.redirect_uris,
        ["http://localhost/cb", "cursor://x/cb"]
    );
    assert_eq!(
        described.metadata(),
        json!({
            "client_uri": "https://example.org/",
            "application_type": "web",
            "scope": "tools:read offline_access admin",
        })
    );
    let native = read(json!({
        "redirect_uris": (0..MAX_REDIRECTS).map(|i| format!("https://a/{i}")).collect::<Vec<_>>(),
        "application_type": "native",
    }))
    .unwrap();
    assert_eq!(native.application_type, Some("native"));
    assert_eq!(native.redirect_uris.len(), MAX_REDIRECTS);
    // A home page that can't be one is no reason to refuse a client.
    for uri in [
        "",
        "javascript:alert(1)",
        "example.org",
        "https://a@example.org/",
        "data:text/html,x",
    ] {
        let described = read(json!({
            "redirect_uris": ["http://localhost/cb"], "client_uri": uri, "scope": "mcp", "application_type": "x",
        }));
        assert_eq!(described.unwrap().metadata(), json!({}), "{uri}");
    }
}

#[test]
fn redirects_that_cant_be_kept_are_left_out_as_long_as_one_is_left() {
    let kept = read(json!({"redirect_uris": [
        "http://192.168.1.4:3000/cb",
        "HTTPS://example.org/cb",
        "",
        "https://example.org/cb",
        "https://example.org/cb#x",
        "ms-settings:/x",
        "mailto:me@example.org",
        "ms-appx-web://microsoft.aad.brokerplugin/x",
        "https://example.org/cb",
    ]}));
    assert_eq!(
        kept.unwrap().redirect_uris,
        [
            "https://example.org/cb",
            "ms-appx-web://microsoft.aad.brokerplugin/x"
        ]
    );
    assert_eq!(
        read(json!({"redirect_uris": ["http://192.168.1.4:3000/cb", "https://example.org/cb#x"]})),
        Err(Fault::Redirect(RedirectError::PlainHttp)),
        "the first is named"
    );
    for (uri, scheme) in [
        ("javascript:alert(1)", "javascript"),
        ("JavaScript:alert(1)", "javascript"),
        (" data:text/html,x", "data"),
        ("file:///etc/passwd", "file"),
        ("ws://localhost/cb", "ws"),
    ] {
        for list in [
            ["https://example.org/cb", uri],
            [uri, "https://example.org/cb"],
        ] {
            assert_eq!(
                read(json!({ "redirect_uris": list })),
                Err(Fault::Redirect(RedirectError::Scheme(scheme.to_owned()))),
                "{list:?}"
            );
        }
    }
}

#[test]
fn what_could_not_work_is_refused() {
    let twenty_one: Vec<String> = (0..21)
        .map(|n| format!("https://example.org/{n}"))
        .collect();
    for (said, fault) in [
        (json!({}), Fault::Redirects),
        (json!({"redirect_uris": null}), Fault::Redirects),
        (json!({"redirect_uris": []}), Fault::Redirects),
        (
            json!({"redirect_uris": "https://example.org/"}),
            Fault::Redirects,
        ),
        (json!({"redirect_uris": [1]}), Fault::Redirects),
        (json!({"redirect_uris": twenty_one}), Fault::Redirects),
        (
            json!({"redirect_uris": ["https://example.org/", "javascript:/x"]}),
            Fault::Redirect(RedirectError::Scheme("javascript".to_owned())),
        ),
        (
            json!({"redirect_uris": ["https://example.org/"], "grant_types": ["password"]}),
            Fault::Unsupported("grant_types", "authorization_code"),
        ),
        (
            json!({"redirect_uris": ["https://example.org/"], "response_types": ["token"]}),
            Fault::Unsupported("response_types", "code"),
        ),
        (
            json!({"redirect_uris": ["https://example.org/"], "grant_types": "authorization_code"}),
            Fault::Type("grant_types", "a list of texts"),
        ),
        (
            json!({"redirect_uris": ["https://example.org/"], "client_name": ["x"]}),
            Fault::Type("client_name", "a text"),
        ),
        (
            json!({"redirect_uris": ["https://example.org/"], "scope": ["tools:read"]}),
            Fault::Type("scope", "a text"),
        ),
    ] {
        assert_eq!(read(said.clone()), Err(fault), "{said}");
    }
}
