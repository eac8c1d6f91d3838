use super::*;

fn parsed(line: &str) -> Result<Task, String> {
    parse(line.split_whitespace().map(str::to_owned))
}

#[test]
fn a_plan_is_everything_or_what_was_named() {
    assert_eq!(parsed("test"), Ok(Task::Test(Plan::default())));
    let some = Plan {
        only: vec![Step::Fmt, Step::Deny, Step::Unit],
        test_args: vec![],
    };
    assert_eq!(
        parsed("test --only fmt --only=deny,unit"),
        Ok(Task::Test(some))
    );
    let filtered = Plan {
        only: vec![Step::It],
        test_args: vec!["consent".to_owned(), "--nocapture".to_owned()],
    };
    assert_eq!(
        parsed("test --only it -- consent --nocapture"),
        Ok(Task::Test(filtered))
    );
}

#[test]
fn a_command_goes_through_untouched() {
    let command = ["cargo", "test", "-p", "deputy-store", "--", "--only"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(
        parsed("with cargo test -p deputy-store -- --only"),
        Ok(Task::With(command))
    );
}

#[test]
fn a_target_is_fuzzed_for_as_long_as_asked() {
    let fuzz = |target: Option<&str>, seconds| {
        let target = target.map(str::to_owned);
        Ok(Task::Fuzz { target, seconds })
    };
    assert_eq!(parsed("fuzz"), fuzz(None, LONG));
    assert_eq!(parsed("fuzz scope"), fuzz(Some("scope"), LONG));
    assert_eq!(parsed("fuzz scope --seconds 7"), fuzz(Some("scope"), 7));
    assert_eq!(parsed("fuzz --seconds=7 scope"), fuzz(Some("scope"), 7));
}

#[test]
fn mistakes_are_named() {
    for (line, part) in [
        ("tset", "tset"),
        ("test --only", "--only"),
        ("test --only fmt,lint", "lint"),
        ("test fmt", "fmt"),
        ("with", "command"),
        ("setup now", "now"),
        ("fuzz a b", "'b'"),
        ("fuzz a --seconds", "--seconds"),
        ("fuzz --runs 5", "--runs"),
    ] {
        let message = parsed(line).unwrap_err();
        assert!(message.contains(part), "{line}: {message}");
    }
}
