// One of several processes of a program that share what they have stored, without a lock, as several windows of one
// client do: each reads the file, refreshes, writes what it got, and calls. For SECONDS, about once in PAUSE ms; STORE is
// the file. Prints what came of it.
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

import { api, base, library } from './oauth_person.mjs';

const client = library('openid-client');
const { STORE, SECONDS, PAUSE } = process.env;

const stored = () => JSON.parse(readFileSync(STORE, 'utf8'));
function store(kept) {
  writeFileSync(`${STORE}.${process.pid}`, JSON.stringify(kept));
  renameSync(`${STORE}.${process.pid}`, STORE);
}

const { client_id } = stored();
const options = { execute: [client.allowInsecureRequests], algorithm: 'oauth2' };
const config = await client.discovery(new URL(base), client_id, undefined, client.None(), options);

const came = { refreshes: 0, calls: 0, slowest_ms: 0 };
const end = Date.now() + Number(SECONDS) * 1000;
while (Date.now() < end) {
  const begun = Date.now();
  const { refresh_token } = stored();
  const fresh = await client.refreshTokenGrant(config, refresh_token);
  store({ client_id, refresh_token: fresh.refresh_token });
  came.refreshes += 1;
  came.slowest_ms = Math.max(came.slowest_ms, Date.now() - begun);
  const me = await client.fetchProtectedResource(config, fresh.access_token, new URL(`${api}/v1/me`), 'GET');
  assert.equal(me.status, 200, await me.text());
  came.calls += 1;
  // At the same moment as the others, or a little beside it.
  const pause = Number(PAUSE) * (0.5 + Math.random());
  await new Promise((go) => { setTimeout(go, came.refreshes % 3 === 0 ? Number(PAUSE) - (Date.now() % Number(PAUSE)) : pause); });
}
console.log(JSON.stringify(came));
