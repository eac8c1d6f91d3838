use super::*;

#[test]
fn placeholders_that_are_left() {
    assert_eq!(
        placeholders("{{A}} {{ИМЯ}} {{A}} {{}} {{open\n}} {x} {{{B}}}"),
        ["{{A}}", "{{ИМЯ}}", "{{B}}"]
    );
    assert!(placeholders("nothing {{").is_empty());
}

#[test]
fn counting_and_order() {
    let replacements = BTreeMap::from([
        ("NAME".to_owned(), "Ann".to_owned()),
        ("FULL NAME".to_owned(), "Ann Lee".to_owned()),
        ("NONE".to_owned(), "x".to_owned()),
    ]);
    let ordered = in_order(&replacements);
    assert_eq!(ordered[0].0, "FULL NAME");
    let (counts, text) = count("FULL NAME, NAME, NAME", &ordered);
    assert_eq!(text, "Ann Lee, Ann, Ann");
    assert_eq!(
        counts,
        BTreeMap::from([
            ("FULL NAME".into(), 1),
            ("NAME".into(), 2),
            ("NONE".into(), 0)
        ])
    );
}
