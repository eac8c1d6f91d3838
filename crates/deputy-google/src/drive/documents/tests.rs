use super::*;

#[test]
fn pictures_are_left_out() {
    let exported = "# Plan\n\n![][image1]\n\n[link]: <https://x.test>\n\n[image1]: <data:image/png;base64,iVBORw0KGgo=>\n";
    assert_eq!(
        without_images(exported),
        "# Plan\n\n![][image1]\n\n[link]: <https://x.test>\n"
    );
    assert_eq!(without_images("text\n\n"), "text\n\n");
}

#[test]
fn what_can_be_read() {
    let exported = |mime_type| match form_of(mime_type) {
        Form::Export(form) => form,
        Form::Text => "as it is",
        Form::None(_) => "not",
    };
    assert_eq!(exported(GOOGLE_DOC), "text/markdown");
    assert_eq!(
        exported("application/vnd.google-apps.spreadsheet"),
        "text/csv"
    );
    assert_eq!(exported("application/vnd.google-apps.folder"), "not");
    assert_eq!(exported("text/plain"), "as it is");
    assert_eq!(exported("image/svg+xml"), "as it is");
    assert_eq!(exported("application/pdf"), "not");
}

#[test]
fn long_texts_are_refused() {
    assert!(refuse_long(MAX_CONTENT).is_ok());
    assert!(
        refuse_long(MAX_CONTENT + 1)
            .unwrap_err()
            .to_string()
            .contains("2097153 bytes")
    );
}
