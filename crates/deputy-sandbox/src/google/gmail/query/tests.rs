use jiff::civil::date;
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_795_262_400, 0); // 2026-11-21T12:00:00Z

struct Mail {
    from: &'static str,
    to: &'static str,
    subject: &'static str,
    text: &'static str,
    files: &'static str,
    labels: &'static [&'static str],
    received: Timestamp,
}

const LUNCH: Mail = Mail {
    from: "Ann Bee <ann@x.test>",
    to: "me@sandbox.test",
    subject: "Lunch on Friday?",
    text: "Обед в пятницу. The menu is attached.",
    files: "menu.final.pdf",
    labels: &["inbox", "unread", "work-lunches"],
    received: NOW,
};

struct Seen<'m>(&'m Mail, Vec<(Field, Vec<String>)>);

fn seen(mail: &Mail) -> Seen<'_> {
    let everything = [mail.from, mail.to, mail.subject, mail.text, mail.files].join(" ");
    let fields = vec![
        (Field::From, words(mail.from)),
        (Field::To, words(mail.to)),
        (Field::Subject, words(mail.subject)),
        (Field::Filename, words(mail.files)),
        (Field::Everywhere, words(&everything)),
    ];
    Seen(mail, fields)
}

impl Message for Seen<'_> {
    fn words(&self, field: Field) -> &[String] {
        self.1
            .iter()
            .find(|(name, _)| *name == field)
            .map_or(&[], |(_, words)| words)
    }
    fn has_label(&self, name: &str) -> bool {
        self.0.labels.contains(&name)
    }
    fn has_user_label(&self) -> bool {
        self.0.labels.contains(&"work-lunches")
    }
    fn has_attachment(&self) -> bool {
        !self.0.files.is_empty()
    }
    fn received(&self) -> Timestamp {
        self.0.received
    }
    fn message_id(&self) -> &'static str {
        "abc@mail.gmail.com"
    }
    fn size(&self) -> u64 {
        2000
    }
}

fn finds(query: &str) -> bool {
    Query::parse(query, NOW, "me@sandbox.test").matches(&seen(&LUNCH))
}

#[test]
fn finds_by_field() {
    for query in [
        "",
        "from:ann",
        "from:ann@x.test",
        "from:\"Ann Bee\"",
        "to:me@sandbox.test",
        "to:me",
        "subject:lunch",
        "subject:(friday lunch)",
        "subject:\"lunch on friday\"",
        "обед",
        "\"The menu\"",
        "in:inbox is:unread",
        "label:work-lunches",
        "label:\"work/lunches\"",
        "has:attachment filename:pdf",
        "filename:menu.final.pdf",
        "rfc822msgid:<abc@mail.gmail.com>",
        "in:anywhere",
        "larger:1k smaller:1m",
    ] {
        assert!(finds(query), "{query}");
    }
    for query in [
        "from:bob",
        "from:me",
        "subject:\"friday lunch\"",
        "lunc",
        "is:read",
        "is:starred",
        "in:sent",
        "has:drive",
        "has:nouserlabels",
        "filename:doc",
        "rfc822msgid:other@x",
        "larger:1m",
    ] {
        assert!(!finds(query), "{query}");
    }
}

#[test]
fn joins_and_negates() {
    assert!(finds("from:bob OR from:ann"));
    assert!(finds("{from:bob from:ann}"));
    assert!(finds("from:{bob ann}"));
    assert!(!finds("from:(bob ann)"));
    assert!(finds("-from:bob lunch"));
    assert!(!finds("-lunch"));
    assert!(!finds("-(lunch friday)"));
    assert!(finds("-(lunch sunday)"));
    // OR binds its neighbours only: lunch AND (bob OR friday).
    assert!(finds("lunch bob OR friday"));
    assert!(!finds("dinner bob OR friday"));
    assert!(finds("(from:bob subject:x) OR (from:ann subject:lunch)"));
}

#[test]
fn knows_ages_and_days() {
    assert!(finds("newer_than:1d"));
    assert!(!finds("older_than:1d"));
    assert!(finds("after:2026/11/21 before:2026/11/22"));
    assert!(!finds("before:2026/11/21"));
    assert!(finds(&format!("after:{}", NOW.as_second())));
    assert!(!finds(&format!("after:{}", NOW.as_second() + 1)));
    assert!(!finds("newer_than:soon"));
}

#[test]
fn a_day_begins_in_california() {
    let midnight = date(2026, 11, 21)
        .to_zoned(TimeZone::get("America/Los_Angeles").unwrap())
        .unwrap();
    assert_eq!(
        Query::parse("after:2026/11/21", NOW, "me@sandbox.test"),
        Query::After(midnight.timestamp())
    );
}

#[test]
fn spam_and_trash_are_searched_when_named() {
    assert!(Query::parse("in:trash", NOW, "me@sandbox.test").reaches_spam_and_trash());
    assert!(Query::parse("x OR (in:spam y)", NOW, "me@sandbox.test").reaches_spam_and_trash());
    assert!(Query::parse("in:anywhere", NOW, "me@sandbox.test").reaches_spam_and_trash());
    assert!(!Query::parse("-in:trash", NOW, "me@sandbox.test").reaches_spam_and_trash());
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,60}") {
        let _ = Query::parse(&text, NOW, "me@sandbox.test").matches(&seen(&LUNCH));
    }

    #[test]
    fn never_panics_on_its_own_signs(text in "[(){}:\"\\- ORabfrom5dnewer_than/|+]{0,80}") {
        let _ = Query::parse(&text, NOW, "me@sandbox.test").matches(&seen(&LUNCH));
    }

    #[test]
    fn a_word_of_the_text_is_found_and_its_negation_is_not(at in 0usize..7) {
        let words = words(LUNCH.text);
        let word = &words[at % words.len()];
        prop_assert!(finds(word));
        let negated = format!("-{word}");
        prop_assert!(!finds(&negated));
    }
}
