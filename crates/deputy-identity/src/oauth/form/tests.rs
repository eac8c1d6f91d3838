use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Form, FormError> {
    Form::parse(text.as_bytes())
}

fn error(text: &str) -> FormError {
    parse(text).err().unwrap()
}

#[test]
fn values_are_decoded_and_empty_ones_were_not_sent() {
    let form = parse("a=1+%2B%26&b=&c&=d&resource=x&resource=&resource=y&&e=f=g").unwrap();
    assert_eq!(form.text("a"), Some("1 +&"));
    assert_eq!(form.text("b"), None);
    assert_eq!(form.text("c"), None);
    assert_eq!(form.text("e"), Some("f=g"));
    assert_eq!(form.text("nothing"), None);
    assert_eq!(form.all("resource"), ["x", "y"]);
}

#[test]
fn what_comes_twice_is_refused_also_when_it_is_empty_or_unknown() {
    for text in ["a=1&a=1", "a=1&b=2&a=", "a&a", "%61=1&a=2"] {
        assert_eq!(error(text), FormError::Twice, "{text}");
    }
}

#[test]
fn what_is_no_text_is_refused() {
    for text in ["a=%FF", "%C0%AF=1", "a=%00", "a=x%00y", "%00=x"] {
        assert_eq!(error(text), FormError::Text, "{text}");
    }
    assert_eq!(
        parse("a=x%0D%0Ay%09%C2%85%1B").unwrap().text("a"),
        Some("x\r\ny\t\u{85}\u{1b}")
    );
    // A percent sign that begins nothing stands for itself (URL standard).
    assert_eq!(parse("a=100%").unwrap().text("a"), Some("100%"));
}

#[test]
fn there_is_a_limit() {
    assert_eq!(error(&format!("a={}", "x".repeat(MAX))), FormError::TooLong);
    assert!(parse(&format!("a={}", "x".repeat(MAX - 2))).is_ok());
    let many: Vec<String> = (0..=MAX_PARAMETERS).map(|i| format!("p{i}=1")).collect();
    assert_eq!(error(&many.join("&")), FormError::TooMany);
    assert!(parse(&many[1..].join("&")).is_ok());
}

#[test]
fn the_media_type_is_strict_and_may_have_parameters() {
    for fine in [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-URLEncoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
        "application/x-www-form-urlencoded;charset=utf-8;x",
    ] {
        assert!(Form::of_body(b"a=1", Some(fine)).is_ok(), "{fine}");
    }
    for refused in [
        None,
        Some(""),
        Some(";"),
        Some("application/json"),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded, application/json"),
        Some("application/x-www-form-urlencodedx"),
        Some("multipart/form-data; boundary=application/x-www-form-urlencoded"),
    ] {
        let error = Form::of_body(b"a=1", refused).err();
        assert_eq!(error, Some(FormError::MediaType), "{refused:?}");
    }
}

proptest! {
    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Form::parse(&bytes);
    }

    #[test]
    fn what_is_written_is_read(values in proptest::collection::vec("[^\0]{1,20}", 0..8)) {
        let mut out = url::form_urlencoded::Serializer::new(String::new());
        for (i, value) in values.iter().enumerate() {
            out.append_pair(&format!("p{i}"), value);
        }
        let form = Form::parse(out.finish().as_bytes()).unwrap();
        for (i, value) in values.iter().enumerate() {
            prop_assert_eq!(form.text(&format!("p{i}")), Some(value.as_str()));
        }
    }
}
