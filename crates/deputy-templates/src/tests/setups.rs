//! Guided setup, without anything that lasts.

use deputy_core::Language;

use super::*;
use crate::setup::{Next, Setup};

fn key(setup: &Setup, template: &Template) -> String {
    match setup.next(template, Language::En) {
        Next::Question(question) => question.key,
        Next::Summary(_) => "summary".to_owned(),
    }
}

#[test]
fn only_what_applies_is_asked_and_a_changed_mind_forgets_what_no_longer_does() {
    let registry = Registry::builtin();
    let template = registry.get("remote").unwrap();
    let mut setup = Setup::begin(template);
    let answer = |setup: &mut Setup, value: Value| setup.answer(template, &value, &rules());
    answer(&mut setup, json!("far")).unwrap();
    answer(&mut setup, json!("https://mcp.example.com/mcp")).unwrap();
    assert_eq!(key(&setup, template), "auth");
    let Next::Question(question) = setup.next(template, Language::Uk) else {
        panic!("a question")
    };
    assert_eq!(question.choices.unwrap()[1], "bearer");
    assert_eq!(question.choice_titles.unwrap()[1], "Токен (bearer)");
    answer(&mut setup, json!("bearer")).unwrap();
    assert_eq!(key(&setup, template), "token");
    assert_eq!(
        answer(&mut setup, Value::Null).unwrap_err().problem,
        Problem::Missing
    );
    answer(&mut setup, json!("s3cr3t")).unwrap();
    assert_eq!(key(&setup, template), "summary");
    assert!(!format!("{setup:?}").contains("s3cr3t"));
    let Next::Summary(summary) = setup.next(template, Language::En) else {
        panic!("a summary")
    };
    assert_eq!(
        summary.answers[1],
        ("Sign-in".to_owned(), Some("Token (bearer)".to_owned()))
    );
    let finished = setup.finish(template, &rules()).unwrap();
    assert_eq!(
        finished.config,
        json!({"url": "https://mcp.example.com/mcp", "auth": "bearer", "token": "s3cr3t"})
    );

    // Back to the question of the sign-in: without one, the token is forgotten.
    setup.back(template);
    setup.back(template);
    assert_eq!(key(&setup, template), "auth");
    answer(&mut setup, json!("none")).unwrap();
    assert!(setup.is_complete());
    assert!(!setup.to_text().expose().contains("s3cr3t"));
    assert_eq!(
        setup.finish(template, &rules()).unwrap().config,
        json!({"url": "https://mcp.example.com/mcp", "auth": "none"})
    );
}

#[test]
fn lists_and_variables_are_answered_as_lines_and_may_be_passed_over() {
    let registry = Registry::builtin();
    let template = registry.get("custom").unwrap();
    let mut setup = Setup::begin(template);
    for value in [
        json!("own"),
        json!("uvx"),
        json!("-y\na b\n\n"),
        json!("API_KEY=a=b\nOTHER = c"),
    ] {
        setup.answer(template, &value, &rules()).unwrap();
        setup = Setup::from_text(&setup.to_text()).unwrap();
    }
    assert_eq!(
        setup.finish(template, &rules()).unwrap().config,
        json!({"command": "uvx", "args": ["-y", "a b"], "env": {"API_KEY": "a=b", "OTHER": "c"}})
    );
    setup.back(template);
    setup.answer(template, &Value::Null, &rules()).unwrap();
    assert_eq!(
        setup.finish(template, &rules()).unwrap().config,
        json!({"command": "uvx", "args": ["-y", "a b"]})
    );
}

#[test]
fn a_template_that_asks_for_more_meanwhile_is_answered_before_the_end() {
    let registry = Registry::builtin();
    let (few, more) = (
        registry.get("fetch").unwrap(),
        registry.get("filesystem").unwrap(),
    );
    let mut setup = Setup::begin(few);
    setup.answer(few, &json!("pages"), &rules()).unwrap();
    assert_eq!(key(&setup, few), "summary");
    assert_eq!(key(&setup, more), "allowed_path");
    assert_eq!(
        setup.finish(more, &rules()).err().unwrap()[0].field,
        "/allowed_path"
    );
}

#[test]
fn every_template_asks_in_every_language_until_it_is_done() {
    for template in Registry::builtin().all() {
        for language in Language::ALL {
            let mut setup = Setup::begin(template);
            for _ in 0..=template.fields.len() {
                let Next::Question(question) = setup.next(template, language) else {
                    break;
                };
                assert!(
                    !question.title.is_empty() && !question.help.is_empty(),
                    "{}",
                    question.key
                );
                assert!(question.number <= question.of);
                let value = question.examples.first().cloned().unwrap_or(Value::Null);
                if setup.answer(template, &value, &rules()).is_err() {
                    break;
                }
            }
        }
    }
}

#[test]
fn garbage_is_no_setup() {
    for text in [
        "",
        "{}",
        "[]",
        r#"{"step":"name"}"#,
        r#"{"step":{},"server_type":"a","config":{},"secrets":{}}"#,
    ] {
        assert!(Setup::from_text(&text.into()).is_err(), "{text}");
    }
}
