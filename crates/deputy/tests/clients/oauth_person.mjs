// What the OAuth clients' scripts have in common: whose client it is, and somebody to open its links.
//
// The environment says: DEPUTY_URL; CLIENT, the name by which the person knows this client; PERSON, where somebody
// opens links (support/somebody.rs). The libraries are in DEPUTY_TEST_NODE_DIR.
import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

export const library = createRequire(`${process.env.DEPUTY_TEST_NODE_DIR}/`);
export const base = process.env.DEPUTY_URL.replace(/\/$/, '');
export const endpoint = new URL(`${base}/mcp`);
export const api = `${base}/api`;
export const CLIENT = process.env.CLIENT;

// Nobody listens there: the person says where the browser was sent.
export const REDIRECT = `http://localhost:${randomInt(20000, 60000)}/callback`;

async function person(what, body) {
  const answer = await fetch(`${process.env.PERSON}${what}`, { method: 'POST', body: JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${what}: ${text}`);
  return JSON.parse(text);
}

// The person opens the link, signs in where needed, and allows it; where the browser is sent then. `scopes`: only
// those of the ones asked for.
export async function open(url, { scopes } = {}) {
  const { sent_to } = await person('open', { url: `${url}`, scopes });
  assert.ok(sent_to.startsWith(`${REDIRECT}?`), sent_to);
  return new URL(sent_to);
}

// The person takes this client's access away, on a page.
export const takeAway = () => person('take-away', { client: CLIENT });

export const newState = () => randomUUID();

// An access token that has come to its end, as far as the client can see.
export const SPENT = `dpt_at_${'A'.repeat(43)}`;
