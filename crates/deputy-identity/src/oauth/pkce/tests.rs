use super::*;

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[test]
fn the_example_of_the_rfc_matches() {
    assert!(matches(CHALLENGE, VERIFIER));
    assert!(is_challenge(CHALLENGE) && is_verifier(VERIFIER));
}

#[test]
fn nothing_else_matches() {
    for verifier in ["", CHALLENGE, &VERIFIER[1..], &format!("{VERIFIER}k")] {
        assert!(!matches(CHALLENGE, verifier), "{verifier}");
    }
    assert!(!matches(VERIFIER, VERIFIER), "plain");
    assert!(!matches("", VERIFIER));
    // A hash of something that can't be a verifier is no match either.
    let short = URL_SAFE_NO_PAD.encode(digest(&SHA256, b"short"));
    assert!(!matches(&short, "short"));
}

#[test]
fn a_verifier_has_43_to_128_unreserved_characters() {
    for (length, fits) in [(42, false), (43, true), (128, true), (129, false)] {
        assert_eq!(is_verifier(&"a".repeat(length)), fits, "{length}");
    }
    let tail = "a".repeat(42);
    for (c, fits) in [
        ("-", true),
        (".", true),
        ("_", true),
        ("~", true),
        ("Z", true),
        ("0", true),
        ("+", false),
        ("/", false),
        ("=", false),
        (" ", false),
        ("é", false),
        ("\0", false),
    ] {
        assert_eq!(is_verifier(&format!("{c}{tail}")), fits, "{c:?}");
    }
}

#[test]
fn a_challenge_is_a_sha_256_in_base64url() {
    for text in [
        "",
        "abc",
        "plain",
        &format!("{CHALLENGE}="),
        &format!("{CHALLENGE}A"),
        &CHALLENGE[1..],
        &CHALLENGE.replace('-', "+"),
        &"a".repeat(128),
    ] {
        assert!(!is_challenge(text), "{text}");
    }
}
