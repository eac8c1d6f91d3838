use std::collections::BTreeSet;

use super::*;

const FILES: [(&str, &str); 3] = [
    ("en", include_str!("../../locales/en/main.ftl")),
    ("ru", include_str!("../../locales/ru/main.ftl")),
    ("uk", include_str!("../../locales/uk/main.ftl")),
];

fn keys(source: &str) -> BTreeSet<&str> {
    source
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(" =").map(|(key, _)| key))
        .collect()
}

#[test]
fn every_language_has_the_same_keys() {
    let english = keys(FILES[0].1);
    assert!(english.len() > 150, "the files are read");
    for (language, source) in FILES {
        let there = keys(source);
        assert_eq!(
            english.difference(&there).collect::<Vec<_>>(),
            Vec::<&&str>::new(),
            "missing in {language}"
        );
        assert_eq!(
            there.difference(&english).collect::<Vec<_>>(),
            Vec::<&&str>::new(),
            "only in {language}"
        );
    }
}

#[test]
fn every_key_that_the_source_uses_exists() {
    let english = keys(FILES[0].1);
    let sources = [
        concat!(env!("CARGO_MANIFEST_DIR"), "/templates"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/src"),
    ];
    let mut seen = 0;
    let mut folders: Vec<std::path::PathBuf> = sources.iter().map(Into::into).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            for start in ["tr(\"", "tr1(\"", "tr2(\"", "count(\""] {
                for rest in source.split(start).skip(1) {
                    let key = rest.split('"').next().unwrap();
                    if key.contains(' ') || key.is_empty() {
                        continue;
                    }
                    seen += 1;
                    assert!(
                        english.contains(key),
                        "{key} of {} is in no language",
                        path.display()
                    );
                }
            }
        }
    }
    assert!(seen > 80, "the templates are read: {seen}");
}

#[test]
fn numbers_take_the_form_of_their_language() {
    let ru = Text::new(Language::Ru);
    assert_eq!(ru.count("days", 1), "1 день");
    assert_eq!(ru.count("days", 3), "3 дня");
    assert_eq!(ru.count("days", 90), "90 дней");
    assert_eq!(
        Text::new(Language::Uk).count("time-hours", 22),
        "22 години тому"
    );
    assert_eq!(
        Text::new(Language::En).count("expires-in", 0),
        "less than a minute left"
    );
}

#[test]
fn the_browsers_language_is_understood() {
    assert_eq!(negotiate("uk-UA,uk;q=0.9,en;q=0.5"), Some(Language::Uk));
    assert_eq!(negotiate("de, en;q=0.4, ru;q=0.8"), Some(Language::Ru));
    assert_eq!(negotiate("de-DE"), None);
    assert_eq!(negotiate("ru;q=0, en;q=0.1"), Some(Language::En));
}
