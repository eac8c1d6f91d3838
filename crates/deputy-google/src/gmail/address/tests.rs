use super::*;

fn one(text: &str) -> Result<Vec<Mailbox>, AddressError> {
    AddressList::One(text.to_owned()).parse("to")
}

fn shown(text: &str) -> Vec<String> {
    one(text).unwrap().iter().map(Mailbox::to_string).collect()
}

#[test]
fn strings_lists_names_and_separators() {
    assert_eq!(shown("ann@example.org"), ["ann@example.org"]);
    assert_eq!(
        shown("Анна Петрова <ann@example.org>"),
        ["Анна Петрова <ann@example.org>"]
    );
    assert_eq!(
        shown("a@x.test, Bob <b@x.test>"),
        ["a@x.test", "Bob <b@x.test>"]
    );
    assert_eq!(shown("a@x.test; b@x.test"), ["a@x.test", "b@x.test"]);
    assert_eq!(
        shown("\"Иванов, Иван\" <i@x.test>"),
        ["\"Иванов, Иван\" <i@x.test>"]
    );
    let list = AddressList::Many(vec![
        "a@x.test".into(),
        "Bob <b@x.test>".into(),
        "A@X.test".into(),
    ]);
    let parsed = list.parse("cc").unwrap();
    assert_eq!(join(&parsed), "a@x.test, Bob <b@x.test>");
}

#[test]
fn domains_become_ascii() {
    assert_eq!(
        one("info@пример.рф").unwrap()[0].address,
        "info@xn--e1afmkfd.xn--p1ai"
    );
}

#[test]
fn slips_are_errors_that_name_the_field_and_the_part() {
    for (text, part) in [
        ("ivan", "ivan"),
        ("a@x.test, ivan", "ivan"),
        ("Ivan <ivan>", "ivan"),
        ("@x.test", "@x.test"),
        ("a@", "a@"),
        ("a@localhost", "a@localhost"),
        ("a..b@x.test", "a..b@x.test"),
        ("a@x..test", "a@x..test"),
        ("a@1.2.3.4", "a@1.2.3.4"),
    ] {
        let error = one(text).unwrap_err();
        let AddressError::NotAnAddress { field, value, .. } = &error else {
            panic!("{text}: {error}")
        };
        assert_eq!((*field, value.as_str()), ("to", part), "{text}");
        let shown = ToolError::from(error).to_string();
        assert!(shown.starts_with("/to: '"), "{shown}");
    }
    assert_eq!(one("  "), Err(AddressError::Empty { field: "to" }));
    assert_eq!(
        AddressList::Many(vec![]).parse("to"),
        Err(AddressError::Empty { field: "to" })
    );
}

#[test]
fn an_argument_cannot_add_a_header() {
    let parsed = one("a@x.test\r\nBcc: spy@x.test");
    assert!(parsed.is_err() || parsed.unwrap().iter().all(|m| !m.address.contains('\n')));
}

#[test]
fn headers_are_taken_as_they_come() {
    let parsed =
        parse_header("=?utf-8?B?0JjQstCw0L0=?= <ivan@x.test>, undisclosed-recipients:;, b@x.test");
    assert_eq!(
        parsed[0],
        Mailbox {
            name: Some("Иван".into()),
            address: "ivan@x.test".into()
        }
    );
    assert_eq!(parsed.last().unwrap().address, "b@x.test");
    assert!(parse_header("").is_empty());
}
