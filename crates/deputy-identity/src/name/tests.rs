use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

use super::*;

#[test]
fn letters_of_any_script_digits_and_three_marks() {
    for name in ["demo", "Анна", "o.k_2-x", "王小明", "a", &"я".repeat(64)] {
        assert_eq!(parse(name).unwrap(), name);
    }
    assert_eq!(
        parse("  ａｎｎａ ").unwrap(),
        "anna",
        "full width letters are letters"
    );
    for name in ["", "  ", &"a".repeat(65)] {
        assert_eq!(parse(name), Err(NameError::Length), "{name}");
    }
    for (name, bad) in [
        ("a b", ' '),
        ("a@b", '@'),
        ("a/b", '/'),
        ("a\u{200b}b", '\\'),
        ("🙂", '🙂'),
    ] {
        assert_eq!(parse(name), Err(NameError::Character(bad)), "{name}");
    }
}

#[test]
fn the_same_name_however_it_is_written() {
    for (one, other) in [
        ("Anna", "ANNA"),
        ("Анна", "аННА"),
        (" anna", "anna "),
        ("ａｎｎａ", "Anna"),
        ("cafe\u{301}", "CAFÉ"),
    ] {
        assert_eq!(key(one), key(other), "{one} {other}");
    }
    assert_ne!(key("anna"), key("аnna"), "a Cyrillic а is another letter");
}

proptest! {
    #[test]
    fn a_name_has_the_key_of_what_was_typed(typed in any::<String>()) {
        if let Ok(name) = parse(&typed) {
            prop_assert_eq!(key(&name), key(&typed));
            prop_assert_eq!(parse(&name).unwrap(), name);
        }
    }

    #[test]
    fn a_key_is_its_own_key(typed in "\\PC{0,40}") {
        let folded = key(&typed);
        prop_assert!(key(&folded) == folded || parse(&typed).is_err(), "{}", folded);
    }
}
