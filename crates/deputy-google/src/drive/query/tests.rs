use super::*;

#[test]
fn queries() {
    assert_eq!(
        in_folder("root", FileType::All),
        "'root' in parents and trashed = false"
    );
    assert_eq!(
        matching("бюджет", FileType::Spreadsheet),
        "(name contains 'бюджет' or fullText contains 'бюджет') and mimeType = 'application/vnd.google-apps.spreadsheet' \
         and trashed = false"
    );
    assert_eq!(
        marked("deputyCall", "1-2"),
        "appProperties has { key='deputyCall' and value='1-2' }"
    );
}

#[test]
fn a_query_cannot_leave_its_quotes() {
    assert_eq!(quote("O'Hara"), r"'O\'Hara'");
    assert_eq!(
        quote(r"a\' or name contains 'b"),
        r"'a\\\' or name contains \'b'"
    );
}

proptest::proptest! {
    #[test]
    fn quoting_can_be_undone(text in ".*") {
        let quoted = quote(&text);
        let mut inner = quoted[1..quoted.len() - 1].chars();
        let mut plain = String::new();
        while let Some(c) = inner.next() {
            proptest::prop_assert_ne!(c, '\'');
            plain.push(if c == '\\' { inner.next().unwrap() } else { c });
        }
        proptest::prop_assert_eq!(plain, text);
    }
}
