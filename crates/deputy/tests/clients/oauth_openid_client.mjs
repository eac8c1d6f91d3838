// openid-client, which knows OAuth and nothing of MCP, on the REST API.
import assert from 'node:assert/strict';

import { CLIENT, REDIRECT, api, base, library, open, takeAway } from './oauth_person.mjs';

const client = library('openid-client');

const plain = { execute: [client.allowInsecureRequests] };
const registered = await client.dynamicClientRegistration(
  new URL(base),
  { client_name: CLIENT, redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' },
  client.None(),
  { ...plain, algorithm: 'oauth2' },
);
const { client_id } = registered.clientMetadata();
assert.ok(client_id);
// As a program does that was registered once: it starts again with its id alone.
const config = await client.discovery(new URL(base), client_id, undefined, client.None(), { ...plain, algorithm: 'oauth2' });
assert.equal(config.serverMetadata().issuer, base);

async function logIn() {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const link = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    scope: 'openid tools:read tools:call offline_access',
    resource: api,
    state: expectedState,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  return client.authorizationCodeGrant(config, await open(link), { pkceCodeVerifier, expectedState });
}

async function call(token) {
  const tool = new URL(`${api}/v1/tools/list_calendars/call`);
  const headers = new Headers({ 'content-type': 'application/json' });
  return client.fetchProtectedResource(config, token, tool, 'POST', '{}', headers);
}

async function works(token) {
  const answer = await call(token);
  assert.equal(answer.status, 200, await answer.clone().text());
  assert.equal((await answer.json()).data.is_error, false);
}

const refused = (error) => error instanceof client.WWWAuthenticateChallengeError
  && error.status === 401 && error.cause[0].scheme === 'bearer' && error.cause[0].parameters.error === 'invalid_token';

let tokens = await logIn();
assert.equal(tokens.token_type, 'bearer');
assert.deepEqual(tokens.scope.split(' ').sort(), ['tools:call', 'tools:read']);
assert.ok(tokens.expiresIn() > 3000);
await works(tokens.access_token);

const fresh = await client.refreshTokenGrant(config, tokens.refresh_token);
assert.notEqual(fresh.refresh_token, tokens.refresh_token);
await works(fresh.access_token);

await takeAway();
await assert.rejects(call(fresh.access_token), refused);
await assert.rejects(client.refreshTokenGrant(config, fresh.refresh_token), { error: 'invalid_grant' });

tokens = await logIn();
await works(tokens.access_token);
// It logs itself out: by its refresh token, and nothing of it is left.
await client.tokenRevocation(config, tokens.refresh_token);
await assert.rejects(call(tokens.access_token), refused);
