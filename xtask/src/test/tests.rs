use super::*;

#[test]
fn the_longest_program_is_one_of_those_that_are_found() {
    let found = programs().unwrap();
    assert!(found.iter().any(|name| name == LONGEST), "{found:?}");
    // What is beside it is run too, and a folder of helpers is no program.
    for name in ["faults", "pool", "servers", "hold"] {
        assert!(found.iter().any(|n| n == name), "{name}: {found:?}");
    }
    assert!(!found.iter().any(|name| name == "fixture"), "{found:?}");
}
