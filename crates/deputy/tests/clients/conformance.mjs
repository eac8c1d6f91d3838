// What the conformance suite runs as the client under test: hands the scenario to the test that runs the suite, which
// takes a running Deputy through it, and says how that went.
const asked = {
  scenario: process.env.MCP_CONFORMANCE_SCENARIO,
  revision: process.env.MCP_CONFORMANCE_PROTOCOL_VERSION,
  context: JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? 'null'),
  url: process.argv.at(-1),
};
const answer = await fetch(process.env.DEPUTY_TEST_ACTORS, { method: 'POST', body: JSON.stringify(asked) });
console.error(await answer.text());
process.exit(answer.ok ? 0 : 1);
