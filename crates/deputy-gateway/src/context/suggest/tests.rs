use proptest::prelude::*;

use super::*;

const TOOLS: [(&str, &str, &str, &str); 8] = [
    (
        "calendar",
        "list_calendar_events",
        "List events",
        "Events of a calendar in a time range",
    ),
    (
        "calendar",
        "create_calendar_event",
        "Create an event",
        "Creates an event, with guests",
    ),
    (
        "gmail",
        "search_emails",
        "Search mail",
        "Finds emails by a query",
    ),
    (
        "gmail",
        "send_email",
        "Send an email",
        "Sends a message to recipients",
    ),
    ("drive", "list_files", "List files", "Files of Google Drive"),
    (
        "repo",
        "repo__listIssues",
        "Issues",
        "Lists the issues of a repository on GitHub",
    ),
    (
        "repo",
        "repo__create_pull_request",
        "Pull request",
        "Opens a pull request",
    ),
    (
        "nas",
        "nas__read_file",
        "Read a file",
        "The content of a file",
    ),
];

fn suggested(query: &str) -> Vec<Suggestion> {
    suggest(
        query,
        TOOLS
            .iter()
            .map(|(server, name, title, description)| Candidate {
                server,
                name,
                title,
                description,
            }),
    )
}

fn first(query: &str) -> (String, Vec<String>) {
    let mut all = suggested(query);
    assert!(!all.is_empty(), "nothing fits {query}");
    let best = all.remove(0);
    (best.server_name, best.tools)
}

#[test]
fn the_server_whose_tools_fit_comes_first() {
    let (server, tools) = first("Show open issues of the repository");
    assert_eq!(server, "repo");
    assert_eq!(tools[0], "repo__listIssues");
    assert_eq!(first("which meetings do I have?").0, "calendar");
    assert_eq!(first("send an email to Anna").1[0], "send_email");
    // The server's own name is a word too.
    assert_eq!(first("read it from the nas").0, "nas");
}

#[test]
fn russian_and_ukrainian_find_ours_whatever_the_ending() {
    for (query, server) in [
        ("покажи новые письма", "gmail"),
        ("ответь на письмо", "gmail"),
        ("что у меня в календаре завтра", "calendar"),
        ("найди встречи на неделе", "calendar"),
        ("знайди файли на диску", "drive"),
        ("чи є зустрічі у п'ятницю", "calendar"),
        ("підготуй чернетку листа", "gmail"),
        ("последний отчет", "drive"),
    ] {
        assert_eq!(first(query).0, server, "{query}");
    }
}

#[test]
fn nothing_fits_nothing() {
    for query in ["", "!!", "the and for", "xyzzy", "ab"] {
        assert_eq!(suggested(query), [], "{query}");
    }
    assert_eq!(suggest("mail", std::iter::empty()), []);
}

#[test]
fn words_of_names_are_apart() {
    assert_eq!(
        words("listOpenIssues pull_request XML-Parser зв'язок Отчёт"),
        [
            "list",
            "open",
            "issues",
            "pull",
            "request",
            "xml",
            "parser",
            "звязок",
            "отчет"
        ]
    );
}

proptest! {
    #[test]
    fn any_question_gets_the_same_bounded_answer_twice(query in ".{0,200}") {
        let once = suggested(&query);
        prop_assert!(once.len() <= MOST);
        prop_assert!(once.windows(2).all(|pair| pair[0].score >= pair[1].score));
        prop_assert!(once.iter().all(|s| s.score > 0.0 && s.tools.len() <= MOST));
        prop_assert_eq!(once, suggested(&query));
    }
}
