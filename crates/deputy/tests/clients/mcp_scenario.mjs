// What an MCP client of Deputy's does, whichever library it is made with: list, call, be asked, hear of changes.
//
// The environment says whose: DEPUTY_URL; ALICE, her client's ALICE_TOKEN (everything connected) and her own
// ALICE_DECIDES, which may approve; BOB and BOB_TOKEN (the calendar alone). The libraries are in
// DEPUTY_TEST_NODE_DIR.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';

export const library = createRequire(`${process.env.DEPUTY_TEST_NODE_DIR}/`);

const base = process.env.DEPUTY_URL.replace(/\/$/, '');
export const endpoint = new URL(`${base}/mcp`);

// What a client over stdio starts: with BRIDGE (the program) a bridge to the server, as whose token it is.
export const bridge = process.env.BRIDGE && ((token) => ({
  command: process.env.BRIDGE,
  args: ['bridge'],
  env: { DEPUTY_URL: base, DEPUTY_TOKEN: token, XDG_CONFIG_HOME: '/nowhere' },
}));
const person = (name) => ({ name: process.env[name], token: process.env[`${name}_TOKEN`] });
const [ALICE, BOB] = [person('ALICE'), person('BOB')];
const HERSELF = { name: ALICE.name, token: process.env.ALICE_DECIDES };
const DAY = { time_min: '2026-12-01T00:00:00Z', time_max: '2026-12-02T00:00:00Z' };

async function rest(who, method, path, body) {
  const headers = { authorization: `Bearer ${who.token}`, 'content-type': 'application/json' };
  const answer = await fetch(`${base}/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
  const { success, data, error } = await answer.json();
  assert.ok(success, `${method} ${path}: ${JSON.stringify(error)}`);
  return data;
}

const fresh = (text) => `${text} ${randomBytes(4).toString('hex')}`;
const mail = (subject) => ({ to: `${ALICE.name}@sandbox.test`, subject, body: 'Готово' });
const event = (summary) => ({ summary, start_time: '2026-12-01T10:00:00+04:00', end_time: '2026-12-01T11:00:00+04:00' });
const pending = async () => (await rest(ALICE, 'GET', 'approvals')).filter((a) => a.status === 'pending');
const decide = (id, decision) => rest(HERSELF, 'POST', `approvals/${id}`, { decision });

async function names(client) {
  const { tools } = await client.listTools();
  for (const tool of tools) {
    assert.ok(tool.title && tool.description && tool.outputSchema, tool.name);
    assert.equal(tool.inputSchema.type, 'object');
    assert.equal(typeof tool.annotations.readOnlyHint, 'boolean', tool.name);
  }
  return tools.map((tool) => tool.name);
}

async function listsAndCalls(connect) {
  const [alice, bob] = [await connect(ALICE), await connect(BOB)];
  for (const [who, client] of [[ALICE, alice], [BOB, bob]]) {
    assert.deepEqual(await names(client), (await rest(who, 'GET', 'tools')).map((tool) => tool.name));
  }
  assert.ok((await names(alice)).includes('send_email') && !(await names(bob)).includes('send_email'));

  // The same title in two calendars: two events, each its person's.
  const title = fresh('Встреча');
  const ids = [];
  for (const client of [alice, bob]) {
    ids.push((await client.call('create_calendar_event', event(title))).structuredContent.event.id);
  }
  for (const [client, own, other] of [[alice, ids[0], ids[1]], [bob, ids[1], ids[0]]]) {
    const listed = await client.call('list_calendar_events', { ...DAY, query: title });
    assert.deepEqual(listed.structuredContent.events.map((e) => e.id), [own]);
    assert.ok((await client.call('get_calendar_event', { event_id: other })).isError);
  }

  const refused = await bob.call('send_email', mail('never'));
  assert.ok(refused.isError && refused.content[0].text.includes('NOT_CONNECTED'), refused.content[0].text);
  const wrong = await alice.call('list_calendar_events', { time_min: 5, time_max: 'x' });
  assert.ok(wrong.isError && wrong.content[0].text.includes('/time_min'), wrong.content[0].text);
  await assert.rejects(alice.call('no_such_tool', {}), (error) => error.code === -32602);
}

async function asksByUrl(connect) {
  const decisions = [];
  const seen = [];
  const failures = [];
  const opened = async ({ params }) => {
    try {
      assert.equal(params.mode, 'url');
      assert.ok(params.url.startsWith(`${base}/approvals`), params.url);
      const [waiting, ...others] = await pending();
      assert.equal(others.length, 0);
      assert.ok(params.url.includes(waiting.id) && waiting.tool === 'send_email', params.url);
      seen.push(waiting.id);
      const { decision, action } = decisions.shift();
      if (decision) await decide(waiting.id, decision);
      return { action };
    } catch (error) {
      failures.push(error);
      throw error;
    }
  };
  const subject = fresh('By link');
  const alice = await connect(ALICE, { opened });
  const ask = async (decision, action) => {
    decisions.push({ decision, action });
    const answer = await alice.call('send_email', mail(subject));
    assert.deepEqual(failures, []);
    assert.equal(decisions.length, 0, 'nobody was asked');
    return answer;
  };
  const sent = await ask('approve', 'accept');
  assert.ok(!sent.isError && sent.structuredContent.message_id, JSON.stringify(sent));
  // Once: the same call is a new question.
  assert.ok((await ask('reject', 'accept')).isError);
  const declined = await ask(null, 'decline');
  assert.ok(declined.isError && declined.content[0].text.includes(seen.at(-1)), JSON.stringify(declined));
  assert.equal(new Set(seen).size, 3);
  await decide(seen.at(-1), 'reject');

  const steps = [];
  // Over stdio these SDKs drop the progress that they read in one piece with its answer, so they may have to ask again.
  const tries = process.env.BRIDGE ? 20 : 1;
  let found;
  for (let n = 0; n < tries && steps.length === 0; n += 1) {
    found = await alice.call('search_emails', { query: `subject:"${subject}" in:inbox` }, {
      onprogress: (step) => steps.push(step.progress),
    });
  }
  assert.deepEqual(found.structuredContent.emails.map((m) => m.subject), [subject]);
  assert.ok(steps.length > 0, 'no progress');
  assert.deepEqual(steps, [...steps].sort((a, b) => a - b));
}

async function asksByText(connect) {
  const subject = fresh('By text');
  const alice = await connect(ALICE);
  for (let round = 0; round < 2; round += 1) {
    const answers = [await alice.call('send_email', mail(subject)), await alice.call('send_email', mail(subject))];
    const [waiting] = await pending();
    for (const { isError, content } of answers) {
      assert.ok(isError && content[0].text.includes(`${base}/approvals`) && content[0].text.includes(waiting.id), content[0].text);
    }
    await decide(waiting.id, 'approve');
    const sent = await alice.call('send_email', mail(subject));
    assert.ok(!sent.isError && sent.structuredContent.message_id, JSON.stringify(sent));
  }
  const found = await alice.call('search_emails', { query: `subject:"${subject}" in:inbox` });
  assert.equal(found.structuredContent.emails.length, 2);
}

async function hearsOfChanges(connect, service, tool) {
  const heard = { alice: 0, bob: 0 };
  let tell;
  const changed = new Promise((resolve) => { tell = resolve; });
  const alice = await connect(ALICE, { changed: () => { heard.alice += 1; tell(); } });
  const bob = await connect(BOB, { changed: () => { heard.bob += 1; } });
  assert.ok((await names(alice)).includes(tool));
  const before = await names(bob);
  await rest(ALICE, 'DELETE', `integrations/google?service=${service}`);
  await changed;
  const after = await names(alice);
  assert.ok(!after.includes(tool) && after.includes('list_calendars'));
  assert.deepEqual(await names(bob), before);
  assert.equal(heard.bob, 0);
}

/**
 * Runs everything in each of `eras`. An era is `{ name, connect(person, { opened, changed }) }`: it gives a
 * connected client with `listTools()`, `call(name, arguments, options)` and `close()`; `opened` answers a request
 * to open a link (without it the client says that it opens none), `changed` hears that the list of tools has changed.
 */
export async function run(eras) {
  // Nothing here takes long; a client that waits for ever is a failure.
  const guard = setTimeout(() => { console.error('still running after 120 s'); process.exit(1); }, 120_000);
  const services = [['drive', 'create_document'], ['gmail', 'send_email']];
  for (const era of eras) {
    const [service, tool] = services.shift();
    for (const check of [listsAndCalls, asksByUrl, asksByText, hearsOfChanges]) {
      const open = [];
      const connect = async (...args) => {
        const client = await era.connect(...args);
        open.push(client);
        return client;
      };
      await check(connect, service, tool);
      await Promise.all(open.map((client) => client.close()));
      console.log(`ok ${era.name}: ${check.name}`);
    }
  }
  clearTimeout(guard);
  process.exit(0);
}
