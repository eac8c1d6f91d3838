use mail_parser::{MessageParser, MimeHeaders as _};

use super::*;

fn call() -> CallId {
    "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0001".parse().unwrap()
}

fn outgoing() -> Outgoing {
    Outgoing {
        to: vec![Mailbox {
            name: Some("Анна Петрова".into()),
            address: "ann@x.test".into(),
        }],
        cc: vec![],
        bcc: vec![Mailbox {
            name: None,
            address: "hidden@x.test".into(),
        }],
        subject: "Отчёт за ноябрь — черновик".into(),
        body: Body {
            text: "Добрый день!\n\n.\nFrom here\n-- \nИван 🚀".into(),
            html: None,
        },
        attachments: vec![],
        in_reply_to: None,
        references: vec![],
        call: call(),
        date: "2026-11-21T10:00:00Z".parse().unwrap(),
    }
}

#[test]
fn non_ascii_round_trip() {
    let mime = outgoing().to_mime();
    let ascii = mime
        .split(|b| *b == b'\n')
        .take_while(|l| !l.starts_with(b"\r"))
        .all(<[u8]>::is_ascii);
    assert!(ascii, "headers are ASCII on the wire");
    let parsed = MessageParser::default().parse(&mime).unwrap();
    assert_eq!(parsed.subject(), Some("Отчёт за ноябрь — черновик"));
    let to = parsed.to().unwrap().first().unwrap();
    assert_eq!(
        (to.name(), to.address()),
        (Some("Анна Петрова"), Some("ann@x.test"))
    );
    assert_eq!(
        parsed.bcc().unwrap().first().unwrap().address(),
        Some("hidden@x.test")
    );
    assert_eq!(
        parsed.header(CALL_HEADER).unwrap().as_text(),
        Some(call().to_string().as_str())
    );
    assert_eq!(parsed.date().unwrap().to_rfc3339(), "2026-11-21T10:00:00Z");
    let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
    assert_eq!(
        text.trim_end(),
        "Добрый день!\n\n.\nFrom here\n-- \nИван 🚀"
    );
    assert!(parsed.from().is_none());
}

#[test]
fn text_html_and_attachments() {
    let mut mail = outgoing();
    mail.body = Body::from_arguments("<p>Привет, <b>мир</b></p>", Some(&HtmlArg::Flag(true)));
    assert_eq!(mail.body.text, "Привет, **мир**");
    mail.attachments = attachments(&[AttachmentArg {
        filename: "Счёт №1 «ноябрь».pdf".into(),
        mime_type: Some("application/pdf".into()),
        content_base64: STANDARD.encode([0u8, 255, 13, 10, 46]),
    }])
    .unwrap();
    let mime = mail.to_mime();
    let parsed = MessageParser::default().parse(&mime).unwrap();
    assert_eq!(
        parsed.body_html(0).unwrap().trim(),
        "<p>Привет, <b>мир</b></p>"
    );
    assert_eq!(parsed.body_text(0).unwrap().trim(), "Привет, **мир**");
    let file = parsed.attachment(0).unwrap();
    assert_eq!(file.attachment_name(), Some("Счёт №1 «ноябрь».pdf"));
    assert_eq!(file.contents(), [0u8, 255, 13, 10, 46]);
    assert_eq!(file.content_type().unwrap().subtype(), Some("pdf"));
}

#[test]
fn bodies_of_the_arguments() {
    let plain = Body::from_arguments("a < b", None);
    assert_eq!(
        plain,
        Body {
            text: "a < b".into(),
            html: None
        }
    );
    let detected =
        Body::from_arguments(" <!DOCTYPE html><html><body><p>hi</p></body></html>", None);
    assert_eq!(detected.text, "hi");
    assert!(detected.html.is_some());
    let both = Body::from_arguments("hi", Some(&HtmlArg::Text("<p>hi!</p>".into())));
    assert_eq!(
        both,
        Body {
            text: "hi".into(),
            html: Some("<p>hi!</p>".into())
        }
    );
    assert_eq!(
        Body::from_arguments("<html>", Some(&HtmlArg::Flag(false))).html,
        None
    );
}

#[test]
fn threading_headers() {
    let mut mail = outgoing();
    mail.in_reply_to = Some("p@x.test".into());
    mail.references = (0..40)
        .map(|n| format!("a-rather-long-message-id-number-{n}@mail.x.test"))
        .collect();
    let mime = mail.to_mime();
    let parsed = MessageParser::default().parse(&mime).unwrap();
    assert_eq!(parsed.in_reply_to().as_text(), Some("p@x.test"));
    assert_eq!(parsed.references().as_text_list().unwrap().len(), 40);
    assert!(mime.split(|b| *b == b'\n').all(|line| line.len() <= 998));
}

#[test]
fn wrong_attachments_are_named() {
    let file = |filename: &str, mime_type: &str, content: &str| AttachmentArg {
        filename: filename.into(),
        mime_type: Some(mime_type.into()),
        content_base64: content.into(),
    };
    let good = file("a.txt", "text/plain", "aGk=");
    assert_eq!(
        attachments(std::slice::from_ref(&good)).unwrap()[0].content,
        b"hi"
    );
    let wrong = |second: AttachmentArg| attachments(&[good.clone(), second]).unwrap_err();
    assert_eq!(
        wrong(file("b", "text/plain", "@@@")),
        ComposeError::NotBase64(1)
    );
    assert_eq!(
        wrong(file(" ", "text/plain", "aGk")),
        ComposeError::NoFilename(1)
    );
    assert!(matches!(
        wrong(file("b", "text", "aGk")),
        ComposeError::NotAMediaType(1, _)
    ));
    assert!(matches!(
        wrong(file("b", "text/x\r\nBcc: a@b", "aGk")),
        ComposeError::NotAMediaType(1, _)
    ));
    let large = STANDARD.encode(vec![0u8; MAX_ATTACHMENTS]);
    assert_eq!(
        wrong(file("b", "text/plain", &large)),
        ComposeError::TooLarge(MAX_ATTACHMENTS + 2)
    );
}

#[test]
fn a_subject_cannot_add_a_header() {
    assert_eq!(
        subject("Hello\r\nBcc: spy@x.test").unwrap(),
        "Hello Bcc: spy@x.test"
    );
    assert_eq!(
        subject(&"x".repeat(2001)),
        Err(ComposeError::SubjectTooLong)
    );
}

proptest::proptest! {
    #[test]
    fn any_subject_and_filename_survive(text in "[^\\p{C}]{0,60}", filename in "[^\\p{C}\\s][^\\p{C}]{0,60}[^\\p{C}\\s]") {
        let mut mail = outgoing();
        mail.subject = subject(&text).unwrap();
        mail.attachments = vec![Attachment { filename: filename.clone(), mime_type: "text/plain".into(), content: vec![1] }];
        let mime = mail.to_mime();
        let parsed = MessageParser::default().parse(&mime).unwrap();
        proptest::prop_assert_eq!(parsed.subject().unwrap_or_default(), mail.subject.as_str());
        proptest::prop_assert_eq!(parsed.attachment(0).unwrap().attachment_name(), Some(filename.as_str()));
    }
}
