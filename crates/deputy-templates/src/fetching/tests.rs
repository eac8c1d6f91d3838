use super::*;

fn fetched(command: &str) -> Option<String> {
    let mut words = command.split(' ').map(str::to_owned);
    let program = words.next().unwrap();
    let args: Vec<_> = words.collect();
    step(&program, &args).map(|step| format!("{} {}", step.program, step.args.join(" ")))
}

#[test]
fn packages_are_fetched_by_the_runner_that_runs_them() {
    for (command, fetching) in [
        (
            "npx -y @modelcontextprotocol/server-memory@2026.8.31",
            "npx -y -p @modelcontextprotocol/server-memory@2026.8.31 -c true",
        ),
        (
            "/usr/bin/npx --yes a-server --root /srv -y",
            "/usr/bin/npx -y -p a-server -c true",
        ),
        ("npx a-server", "npx -y -p a-server -c true"),
        (
            "uvx mcp-server-time@2026.10.19 --local-timezone UTC",
            "uvx --from mcp-server-time@2026.10.19 python -c ",
        ),
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
        "npx --package=a b",
        "uvx --from a b",
        "docker run -i a-server",
        "/srv/npx/server a",
    ] {
        assert_eq!(fetched(command), None, "{command}");
    }
}
