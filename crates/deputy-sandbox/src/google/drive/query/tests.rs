use proptest::prelude::*;

use super::*;

struct Seen {
    name: &'static str,
    text: &'static str,
}

impl File for Seen {
    fn name(&self) -> &str {
        self.name
    }
    fn mime_type(&self) -> &'static str {
        "application/vnd.google-apps.document"
    }
    fn words(&self) -> Vec<String> {
        words(self.text)
    }
    fn time(&self, field: TimeField) -> Option<Timestamp> {
        (field == TimeField::Modified).then(|| "2026-11-21T12:00:00Z".parse().unwrap())
    }
    fn flag(&self, flag: Flag) -> bool {
        flag == Flag::Starred
    }
    fn related(&self, relation: Relation, value: &str) -> bool {
        relation == Relation::Parents && value == "folder1"
    }
    fn property(&self, private: bool, key: &str) -> Option<&str> {
        (private && key == "call").then_some("it's 7")
    }
}

fn finds(query: &str) -> bool {
    let file = Seen {
        name: "HelloWorld plan_2026",
        text: "Quarterly figures for the board",
    };
    Query::parse(query)
        .unwrap_or_else(|_| panic!("{query}"))
        .matches(&file)
}

#[test]
fn terms_find_what_they_say() {
    for query in [
        "name contains 'Hello'",
        "name contains 'hello plan'",
        "name contains '20'",
        "name = 'helloworld plan_2026'",
        "name != 'x'",
        "fullText contains 'board figures'",
        "fullText contains '\"figures for the board\"'",
        "mimeType = 'application/vnd.google-apps.document'",
        "mimeType contains 'application/'",
        "modifiedTime > '2026-11-21T11:00:00'",
        "modifiedTime >= '2026-11-21T14:00:00+02:00'",
        "modifiedTime < '2026-11-22'",
        "trashed = false and starred = true",
        "trashed != true",
        "'folder1' in parents",
        "appProperties has { key='call' and value='it\\'s 7' }",
        "not (trashed = true or name contains 'x')",
        "name contains 'x' or name contains 'plan' and starred=true",
        "NOT trashed=true AND starred=true",
    ] {
        assert!(finds(query), "{query}");
    }
    for query in [
        "name contains 'World'",
        "name contains 'ello'",
        "fullText contains 'boar'",
        "fullText contains '\"board figures\"'",
        "sharedWithMe",
        "'me' in owners",
        "properties has { key='call' and value='it\\'s 7' }",
        "(name contains 'x' or name contains 'plan') and trashed=true",
        "createdTime > '2020-01-01T00:00:00Z'",
    ] {
        assert!(!finds(query), "{query}");
    }
}

#[test]
fn nonsense_is_refused() {
    for query in [
        "garbage",
        "name",
        "name contains",
        "name contains World",
        "name < 'x'",
        "name contains 'open",
        "title = 'x'",
        "trashed = 'true'",
        "trashed contains true",
        "modifiedTime > 'yesterday'",
        "'x' in drawers",
        "in parents",
        "fullText = 'x'",
        "(name = 'x'",
        "name = 'x')",
        "name = 'x' name = 'y'",
        "name = 'x' and",
        "not",
        "appProperties has { key='a' }",
        "name = 'x' & name = 'y'",
        "",
    ] {
        assert_eq!(Query::parse(query), Err(Invalid), "{query}");
    }
    assert!(Query::parse(&format!("{}name='x'{}", "(".repeat(5000), ")".repeat(5000))).is_err());
    assert!(Query::parse(&format!("{} name='x'", "not ".repeat(5000))).is_err());
}

#[test]
fn search_of_content_is_known() {
    assert!(
        Query::parse("name='x' or not (fullText contains 'y')")
            .unwrap()
            .has_full_text()
    );
    assert!(
        !Query::parse("name contains 'fullText'")
            .unwrap()
            .has_full_text()
    );
}

proptest! {
    #[test]
    fn never_panics(text in "\\PC{0,60}") {
        let _ = Query::parse(&text);
    }

    #[test]
    fn never_panics_on_its_own_words(words in proptest::collection::vec(prop_oneof![Just("name"), Just("contains"), Just("'x'"), Just("and"), Just("or"), Just("not"), Just("("), Just(")"), Just("="), Just("in"), Just("parents"), Just("trashed"), Just("true"), Just("has"), Just("{"), Just("}")], 0..12)) {
        let _ = Query::parse(&words.join(" "));
    }

    #[test]
    fn any_name_can_be_asked_for(name in "\\PC{1,20}") {
        let quoted = name.replace('\\', "\\\\").replace('\'', "\\'");
        let text = format!("name = '{quoted}'");
        prop_assert_eq!(Query::parse(&text), Ok(Query::Name(name)));
    }
}
