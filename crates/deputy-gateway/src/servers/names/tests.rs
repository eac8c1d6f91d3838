use std::collections::HashMap;

use proptest::prelude::*;

use super::{MAX_PUBLISHED, alias, check_server, publish, split};

#[test]
fn names_of_servers() {
    for good in ["a", "files", "my-files-2", &"a".repeat(32)] {
        assert_eq!(check_server(good), Ok(()), "{good}");
    }
    for bad in [
        "",
        "A",
        "1a",
        "-a",
        "a_b",
        "a b",
        "ä",
        &"a".repeat(33),
        "gmail",
        "deputy",
    ] {
        assert!(check_server(bad).is_err(), "{bad}");
    }
}

#[test]
fn plain_names_stay_as_they_are() {
    assert_eq!(alias("files", "read_file"), "read_file");
    assert_eq!(alias("files", "read__file"), "read__file");
    assert_eq!(split("files__read__file"), Some(("files", "read__file")));
    assert_eq!(split("list_files"), None);
    assert_eq!(split("__x"), None);
    assert_eq!(split("x__"), None);
}

#[test]
fn a_name_that_looks_like_a_short_form_is_shortened_itself() {
    let short = alias("s", "files.read");
    assert!(short.starts_with("files_read_"), "{short}");
    assert_ne!(alias("s", &short), short);
}

fn server() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9-]{0,31}"
}

proptest! {
    #[test]
    fn every_published_name_is_one_that_models_take(server in server(), tool in ".{0,300}") {
        let published = publish(&server, &alias(&server, &tool));
        prop_assert!(published.len() <= MAX_PUBLISHED);
        prop_assert!(published.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        let alias = alias(&server, &tool);
        prop_assert_eq!(split(&published), Some((server.as_str(), alias.as_str())));
    }

    #[test]
    fn no_two_tools_meet(
        server in server(),
        tools in proptest::collection::hash_set("[a-b._/ ]{0,6}|[a-z_-]{20,80}|[a-c_]{1,4}_[0-9a-f]{10}", 1..60),
    ) {
        let mut seen = HashMap::new();
        for tool in &tools {
            if let Some(other) = seen.insert(alias(&server, tool), tool) {
                prop_assert!(false, "{other:?} and {tool:?}");
            }
        }
        // And the short form of one is never the name of another.
        for tool in &tools {
            let short = alias(&server, tool);
            if &short != tool {
                prop_assert_ne!(alias(&server, &short), short);
            }
        }
    }
}
