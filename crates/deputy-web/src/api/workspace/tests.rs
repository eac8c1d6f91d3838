use std::collections::BTreeSet;

use super::*;

#[test]
fn every_tool_has_a_request_and_every_request_a_tool() {
    let tools: BTreeSet<_> = SPECS.keys().copied().collect();
    let called: BTreeSet<_> = ROUTES.iter().map(|route| route.tool).collect();
    let without: Vec<_> = tools.difference(&called).copied().collect();
    // A change of the whole thing does the same.
    assert_eq!(without, ["complete_note", "update_task_status"]);
    assert!(called.is_subset(&tools), "{called:?}");
}

#[test]
fn requests_do_what_their_tools_say() {
    for route in ROUTES {
        let spec = route.spec();
        let reads = spec.annotations["readOnlyHint"] == true;
        assert_eq!(reads, route.verb == Verb::Get, "{}", spec.name);
        let input = &spec.input_schema["properties"];
        for (part, argument) in route.by {
            assert!(
                route.path.contains(&format!("{{{part}}}")),
                "{}",
                route.path
            );
            assert!(
                input[argument].is_object(),
                "{} takes no {argument}",
                spec.name
            );
        }
        let parts = route.path.matches('{').count();
        assert_eq!(parts, route.by.len(), "{}", route.path);
        let takes_version = input["version"].is_object();
        assert_eq!(
            takes_version,
            route.version == Version::Needed,
            "{}",
            spec.name
        );
        for (_, pointer) in route.part.iter().chain(&route.place) {
            let pointer = pointer.replace('/', "/properties/");
            assert!(spec.output_schema.pointer(&pointer).is_some(), "{pointer}");
        }
    }
}

/// What points out of a schema would point nowhere in the document.
#[test]
fn schemas_stand_alone() {
    for spec in SPECS.values() {
        for schema in [&spec.input_schema, &spec.output_schema] {
            assert!(!schema.to_string().contains("\"$ref\""), "{}", spec.name);
        }
    }
}
