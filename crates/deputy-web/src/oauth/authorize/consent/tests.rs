use super::*;

fn asked(kind: Kind, client_id: &str, redirect_uri: &str) -> Asked {
    Asked {
        client: Client {
            client_id: client_id.to_owned(),
            kind,
            name: "Claude".to_owned(),
            redirect_uris: vec![redirect_uri.to_owned(), "https://other.example/".to_owned()],
            client_uri: None,
        },
        redirect_uri: redirect_uri.to_owned(),
        redirect_given: true,
        scopes: Scopes::default(),
        resources: vec![Resource::Mcp],
        state: None,
        challenge: String::new(),
        prompt_consent: false,
        prompt_none: false,
    }
}

#[test]
fn what_nobody_here_answers_for_is_warned_of() {
    let document = "https://claude.example/client.json";
    let site = "https://claude.example/cb";
    let elsewhere = "https://evil.example/claude.example/cb";
    for (kind, id, redirect, is_known, expected) in [
        (Kind::Document, document, site, true, None),
        (
            Kind::Document,
            document,
            site,
            false,
            Some("consent-unknown-host"),
        ),
        (
            Kind::Document,
            document,
            elsewhere,
            true,
            Some("consent-elsewhere"),
        ),
        (
            Kind::Document,
            document,
            elsewhere,
            false,
            Some("consent-elsewhere"),
        ),
        (
            Kind::Document,
            document,
            "https://claude.example:8443/cb",
            true,
            Some("consent-elsewhere"),
        ),
        (
            Kind::Document,
            document,
            "https://evil.claude.example/cb",
            true,
            Some("consent-elsewhere"),
        ),
        (
            Kind::Document,
            document,
            "http://127.0.0.1/cb",
            true,
            Some("consent-loopback"),
        ),
        (
            Kind::Document,
            document,
            "claude://x/cb",
            true,
            Some("consent-app"),
        ),
        (Kind::Dynamic, "dpt_cl_x", site, false, None),
        (Kind::Registered, "bot", elsewhere, false, None),
        (
            Kind::Registered,
            "bot",
            "http://localhost/cb",
            true,
            Some("consent-loopback"),
        ),
    ] {
        let warned = warning(&asked(kind, id, redirect), is_known);
        assert_eq!(warned, expected, "{kind:?} {redirect}");
    }
}

#[test]
fn a_shield_is_for_what_somebody_here_answers_for() {
    for (kind, expected) in [
        (Kind::Builtin, "shield"),
        (Kind::Registered, "shield"),
        (Kind::Document, "screen"),
        (Kind::Dynamic, "screen"),
    ] {
        let client = asked(kind, "x", "https://x.example/").client;
        assert_eq!(icon(&client, false), expected, "{kind:?}");
        assert_eq!(icon(&client, true), "warning", "{kind:?}");
    }
}
