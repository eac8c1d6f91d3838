use super::*;

const URL: &str = "https://deputy.test";

fn parse(text: &str) -> Option<Resource> {
    Resource::parse(URL, text)
}

#[test]
fn each_resource_is_found_by_its_own_url() {
    for resource in [
        Resource::Mcp,
        Resource::McpServer("notes-2".into()),
        Resource::Api,
    ] {
        let url = resource.url(URL);
        assert_eq!(parse(&url), Some(resource.clone()), "{url}");
        assert_eq!(parse(&format!("{url}/")), Some(resource), "{url}/");
    }
    assert_eq!(Resource::Mcp.url(URL), "https://deputy.test/mcp");
}

#[test]
fn urls_are_compared_as_urls() {
    assert_eq!(parse("HTTPS://Deputy.TEST:443/mcp"), Some(Resource::Mcp));
    assert_eq!(
        Resource::parse("http://127.0.0.1:8080", "http://127.0.0.1:8080/mcp"),
        Some(Resource::Mcp)
    );
}

#[test]
fn what_is_no_resource_of_this_server_is_none() {
    let long = format!("https://deputy.test/mcp/a{}", "b".repeat(32));
    for text in [
        "",
        "/mcp",
        "mcp",
        "https://deputy.test",
        "https://deputy.test/",
        "https://deputy.test/mcp//",
        "https://deputy.test//mcp",
        "https://deputy.test/MCP",
        "https://deputy.test/mcp?x",
        "https://deputy.test/mcp#x",
        "https://deputy.test/mcp#",
        "https://deputy.test/mcp?",
        "https://anna@deputy.test/mcp",
        "https://:pw@deputy.test/mcp",
        "https://deputy.test:444/mcp",
        "http://deputy.test/mcp",
        "https://deputy.test.evil.test/mcp",
        "https://evil.test/https://deputy.test/mcp",
        "https://deputy.test/mcp/Notes",
        "https://deputy.test/mcp/1",
        "https://deputy.test/mcp/a/b",
        "https://deputy.test/mcp/a%2fb",
        "https://deputy.test/m\ncp",
        "https://deputy.test/mcp\r\n",
        "https://deputy.test/deputy/mcp",
        "https://deputy.test/mcpx",
        "https://deputy.test/api/v1",
        "urn:deputy",
        "data:text/plain,https://deputy.test/mcp",
        long.as_str(),
    ] {
        assert_eq!(parse(text), None, "{text}");
    }
    // Dots are gone before anybody compares.
    assert_eq!(parse("https://deputy.test/x/../mcp"), Some(Resource::Mcp));
}

#[test]
fn no_resource_lists_what_is_nobodys_default() {
    for resource in [
        Resource::Mcp,
        Resource::Api,
        Resource::McpServer("a".into()),
    ] {
        let scopes = resource.scopes();
        assert!(!scopes.0.iter().any(|scope| scope.is_grave()));
        // What a client that lists tools and calls them needs, whichever it asks for.
        for scope in tools().0 {
            assert!(scopes.contains(scope), "{scope:?}");
        }
    }
}
