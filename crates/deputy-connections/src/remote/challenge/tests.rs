use proptest::prelude::*;

use super::{Challenge, scopes};

fn parsed(header: &str) -> (Option<String>, Vec<String>, Option<String>) {
    let found = Challenge::parse(header).unwrap_or_default();
    (found.resource_metadata, found.scopes, found.error)
}

fn expected(
    url: &str,
    scopes: &[&str],
    error: &str,
) -> (Option<String>, Vec<String>, Option<String>) {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let scopes = scopes.iter().map(|s| (*s).to_owned()).collect();
    (text(url), scopes, text(error))
}

#[test]
fn parameters_are_found_by_the_grammar() {
    for (header, url, scopes, error) in [
        (
            r#"Bearer resource_metadata="https://a/x""#,
            "https://a/x",
            &[][..],
            "",
        ),
        (
            r#"Bearer error="insufficient_scope", scope="files:write files:read", resource_metadata="https://a", error_description="x, scope=\"no\"""#,
            "https://a",
            &["files:write", "files:read"],
            "insufficient_scope",
        ),
        (
            r"bearer   Scope=one ,RESOURCE_METADATA=rel",
            "rel",
            &["one"],
            "",
        ),
        (
            r#"Bearer scope = "a", error = invalid_token"#,
            "",
            &["a"],
            "invalid_token",
        ),
        // A name inside of another's text is text.
        (
            r#"Bearer realm="resource_metadata=\"https://evil\" scope=b", scope="a""#,
            "",
            &["a"],
            "",
        ),
        (
            r#"Bearer error_uri="x", resource_metadata_x="https://evil""#,
            "",
            &[],
            "",
        ),
        // Other schemes' parameters are theirs.
        (r#"Basic realm="scope", Bearer scope="a""#, "", &["a"], ""),
        (
            r#"Digest resource_metadata="https://evil", Bearer"#,
            "",
            &[],
            "",
        ),
        (
            r#"Bearer scope="a", Basic scope="b", resource_metadata="https://evil""#,
            "",
            &["a"],
            "",
        ),
        (r#"Negotiate a1b2==, Bearer scope="a""#, "", &["a"], ""),
        (
            r#"DPoP algs="ES256", Bearer resource_metadata="https://a""#,
            "https://a",
            &[],
            "",
        ),
        // The one that says where the metadata is, is the better one.
        (
            r#"Bearer scope="a", Bearer scope="b", resource_metadata="https://a""#,
            "https://a",
            &["b"],
            "",
        ),
        // What breaks the grammar ends it.
        (r#"Bearer scope="a", error="unfinished"#, "", &["a"], ""),
        (",, ,Bearer,,scope=a", "", &["a"], ""),
        ("Bearer", "", &[], ""),
        ("", "", &[], ""),
        ("Basic", "", &[], ""),
    ] {
        assert_eq!(parsed(header), expected(url, scopes, error), "{header}");
    }
    assert!(Challenge::parse("Basic realm=x").is_none());
    assert!(Challenge::parse(&format!("Bearer scope={}", "a".repeat(9000))).is_none());
}

#[test]
fn scopes_are_what_the_grammar_allows() {
    assert_eq!(scopes("a  b a c\"d e\\f \u{e4} g"), ["a", "b", "g"]);
    let many: Vec<_> = (0..500).map(|n| format!("s{n}")).collect();
    assert_eq!(scopes(&many.join(" ")).len(), super::super::MAX_SCOPES);
}

proptest! {
    #[test]
    fn nothing_makes_it_fall_over(header in "[ -~äß\\t]{0,80}", tail in "(Bearer )?([a-z_]{1,9} ?= ?(\"[ -~]{0,9}\"|[a-z]{0,4}),? ?){0,4}") {
        Challenge::parse(&header);
        Challenge::parse(&tail);
        Challenge::parse(&format!("{tail}{header}"));
    }

    #[test]
    fn what_is_quoted_comes_back(value in "[ -~]{0,60}") {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let header = format!("Basic x=1, Bearer a=b, resource_metadata=\"{quoted}\", scope=z");
        let found = Challenge::parse(&header).unwrap();
        prop_assert_eq!(found.resource_metadata, Some(value));
        prop_assert_eq!(found.scopes, vec!["z".to_owned()]);
    }
}
