use super::{body, folded, line, lines, words};

#[test]
fn a_line_is_one() {
    assert_eq!(line("title", "  Cart  ", 9).unwrap(), "Cart");
    for wrong in ["", "   ", "a\nb", "a\tb", "a\u{7f}", "a\u{85}b"] {
        assert!(line("title", wrong, 9).is_err(), "{wrong:?}");
    }
    assert!(line("title", "Ёжики", 5).is_ok());
    assert!(line("title", "Ёжики!", 5).is_err());
}

#[test]
fn line_ends_are_one_kind_and_control_characters_are_refused() {
    assert_eq!(lines("body", "a\r\nb\rc\n\n", 9).unwrap(), "a\nb\nc");
    assert_eq!(lines("body", "a\tb", 9).unwrap(), "a\tb");
    for wrong in ["a\0", "\u{1b}[31m", "a\u{9b}"] {
        assert!(lines("body", wrong, 9).is_err(), "{wrong:?}");
    }
    assert!(body("body", "ё", 1).is_err());
    assert!(body("body", "ё", 2).is_ok());
}

#[test]
fn words_are_folded_and_not_without_end() {
    assert_eq!(words(None).unwrap(), Vec::<String>::new());
    assert_eq!(words(Some("  Їжак\tＡＢ ")).unwrap(), ["їжак", "ab"]);
    assert_eq!(words(Some(&"a ".repeat(90))).unwrap().len(), 10);
    assert!(words(Some(&"a".repeat(201))).is_err());
    assert_eq!(folded(["Ａ", "Б"]), "a\nб\n");
}
