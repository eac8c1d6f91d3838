use super::*;

const URL: &str = "https://deputy.example";

#[test]
fn who_has_no_token_is_told_where_to_get_one() {
    assert_eq!(
        no_token(URL, "/mcp"),
        "Bearer realm=\"deputy\", \
         resource_metadata=\"https://deputy.example/.well-known/oauth-protected-resource/mcp\", \
         scope=\"tools:read tools:call tools:write\""
    );
    let server = no_token(URL, "/mcp/files");
    assert!(
        server.contains("oauth-protected-resource/mcp/files\""),
        "{server}"
    );
}

#[test]
fn why_a_token_is_refused_stays_between_its_quotes() {
    let challenge = invalid_token(URL, "/api", "gone\", scope=\"admin\\ \r\nX: y \u{202e}");
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    assert!(
        challenge.contains("error_description=\"gone', scope='admin? ??X: y ?\""),
        "{challenge}"
    );
    assert_eq!(challenge.matches('"').count() % 2, 0);
    assert!(challenge.is_ascii() && !challenge.contains(['\r', '\n']));
}

#[test]
fn a_step_up_names_what_there_is_and_what_is_lacking() {
    let granted = Scopes([Scope::ToolsRead, Scope::Chat].into());
    let challenge =
        insufficient_scope(URL, "/mcp", &granted, &[Scope::ToolsRead, Scope::ToolsCall]);
    assert!(
        challenge.contains("scope=\"tools:read tools:call chat\""),
        "{challenge}"
    );
    assert!(
        challenge.contains("error_description=\"this needs the scope tools:call\""),
        "{challenge}"
    );
}
