// oauth4webapi, step by step from a refused request: every answer is checked against its RFC.
import assert from 'node:assert/strict';

import { CLIENT, REDIRECT, api, library, open, takeAway } from './oauth_person.mjs';

const oauth = library('oauth4webapi');
const insecure = { [oauth.allowInsecureRequests]: true };

const tool = new URL(`${api}/v1/tools/list_calendars/call`);
const call = (token) => oauth.protectedResourceRequest(
  token, 'POST', tool, new Headers({ 'content-type': 'application/json' }), '{}', insecure,
);
async function works(token) {
  const answer = await call(token);
  assert.equal(answer.status, 200, await answer.clone().text());
}

// RFC 9728: a refusal says where the document about the resource is. That of the API is found by its name too.
const challenge = await call('nonsense').then(
  () => assert.fail('a made-up token was taken'),
  (error) => error.cause[0],
);
assert.equal(challenge.parameters.error, 'invalid_token');
const resource = new URL(api);
const about = await oauth.resourceDiscoveryRequest(resource, insecure);
assert.equal(about.url, challenge.parameters.resource_metadata);
const resourceServer = await oauth.processResourceDiscoveryResponse(resource, about);
assert.equal(resourceServer.resource, api);

// RFC 8414, 7591.
const issuer = new URL(resourceServer.authorization_servers[0]);
const as = await oauth.processDiscoveryResponse(
  issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }),
);
for (const method of ['oauth2', 'oidc']) {
  const again = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure, algorithm: method }));
  assert.deepEqual(again, as, 'both names lead to one document');
}
assert.deepEqual(as.code_challenge_methods_supported, ['S256']);
assert.equal(as.authorization_response_iss_parameter_supported, true);
const client = await oauth.processDynamicClientRegistrationResponse(
  await oauth.dynamicClientRegistrationRequest(as, { client_name: CLIENT, redirect_uris: [REDIRECT] }, insecure),
);
assert.equal(client.token_endpoint_auth_method, 'none');
const nobody = oauth.None();

async function logIn() {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const link = new URL(as.authorization_endpoint);
  link.search = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: resourceServer.scopes_supported.join(' '),
    resource: api,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  // RFC 9207: with the issuer's name.
  const answer = oauth.validateAuthResponse(as, client, await open(link), state);
  const given = await oauth.authorizationCodeGrantRequest(
    as, client, nobody, answer, REDIRECT, verifier, { ...insecure, additionalParameters: { resource: api } },
  );
  assert.match(given.headers.get('cache-control'), /no-store/);
  return oauth.processAuthorizationCodeResponse(as, client, given);
}

// Who asks about a token shows one.
const bearer = (token) => (_as, _client, _body, headers) => headers.set('authorization', `Bearer ${token}`);
const introspect = async (token) => oauth.processIntrospectionResponse(
  as, client, await oauth.introspectionRequest(as, client, bearer(token), token, insecure),
);

const refresh = async (token, additionalParameters) => oauth.processRefreshTokenResponse(
  as, client, await oauth.refreshTokenGrantRequest(as, client, nobody, token, { ...insecure, additionalParameters }),
);

let tokens = await logIn();
await works(tokens.access_token);
assert.equal((await introspect(tokens.access_token)).active, true);

// A request that was wrong costs nothing: the token is still there.
await assert.rejects(refresh(tokens.refresh_token, { scope: 'admin' }), { error: 'invalid_scope' });
await assert.rejects(refresh(tokens.refresh_token, { resource: 'https://elsewhere.example/mcp' }), { error: 'invalid_target' });
const fresh = await refresh(tokens.refresh_token, { scope: 'tools:read tools:call offline_access', resource: api });
await works(fresh.access_token);

await takeAway();
await assert.rejects(call(fresh.access_token), (error) => error.cause[0].parameters.error === 'invalid_token');
await assert.rejects(refresh(fresh.refresh_token), { error: 'invalid_grant' });

tokens = await logIn();
await works(tokens.access_token);
await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, nobody, tokens.refresh_token, insecure));
await assert.rejects(call(tokens.access_token), (error) => error.cause[0].parameters.error === 'invalid_token');
