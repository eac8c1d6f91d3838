use super::*;

fn fetched(command: &str) -> Option<String> {
    let mut words = command.split(' ').map(str::to_owned);
    let program = words.next().unwrap();
    let args: Vec<_> = words.collect();
    let step = step(&program, &args)?;
    let installs = step.installs.unwrap();
    let or = if installs.exactly { "" } else { "?" };
    Some(format!(
        "{} {}; {}{or} {}",
        step.program,
        step.args.join(" "),
        installs.name,
        installs.args.join(" ")
    ))
}

#[test]
fn packages_are_fetched_by_the_manager_that_belongs_to_the_runner() {
    for (command, fetching) in [
        (
            "npx -y @modelcontextprotocol/server-memory@2026.8.31",
            "npm install -g @modelcontextprotocol/server-memory@2026.8.31; server-memory? ",
        ),
        (
            "npx --yes a-server --root /srv -y",
            "npm install -g a-server; a-server? --root /srv -y",
        ),
        ("npx a-server", "npm install -g a-server; a-server? "),
        ("npx -y -p a b c", "npm install -g a; b c"),
        ("npx --package=a -y b", "npm install -g a; b "),
        (
            "uvx mcp-server-time@2026.10.19 --local-timezone UTC",
            "uv tool install mcp-server-time@2026.10.19; mcp-server-time? --local-timezone UTC",
        ),
        (
            "uvx server[all]==1.2",
            "uv tool install server[all]==1.2; server? ",
        ),
        ("uvx --from a==1 b -c d", "uv tool install a==1; b -c d"),
    ] {
        assert_eq!(fetched(command).as_deref(), Some(fetching));
    }
}

#[test]
fn what_is_no_plain_package_is_left_to_its_start() {
    for command in [
        "node server.js",
        "npx",
        "npx -y",
        "npx -p a",
        "npx -p a -p b c",
        "npx -p a -c b",
        "npx --prefix=x a",
        "uvx --with a b",
        "uvx --from --with a",
        "docker run -i a-server",
        "/srv/npx/server a",
        "/opt/wrap/npx -y a-server",
        "/opt/wrap/uvx a-server",
    ] {
        assert_eq!(fetched(command), None, "{command}");
    }
}
