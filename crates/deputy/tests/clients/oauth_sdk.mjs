// What a program does with one of the official TypeScript SDKs: it keeps what the SDK hands it, opens the links that
// it is given, and calls tools. `connect(provider)` gives `{ transport, call }` or throws what the SDK throws.
import assert from 'node:assert/strict';

import { CLIENT, REDIRECT, SPENT, newState, open, takeAway } from './oauth_person.mjs';

// As the SDKs' documentation has it; kept in memory.
export class Provider {
  kept = {};

  get redirectUrl() {
    return REDIRECT;
  }

  // What Claude Code registers.
  get clientMetadata() {
    return {
      client_name: CLIENT,
      redirect_uris: [REDIRECT],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }

  state() {
    this.expected = newState();
    return this.expected;
  }

  clientInformation() {
    return this.kept.client;
  }

  saveClientInformation(client) {
    this.kept.client = client;
  }

  tokens() {
    return this.kept.tokens;
  }

  saveTokens(tokens) {
    this.kept.tokens = tokens;
  }

  redirectToAuthorization(url) {
    this.link = url;
  }

  saveCodeVerifier(verifier) {
    this.kept.verifier = verifier;
  }

  codeVerifier() {
    return this.kept.verifier;
  }

  invalidateCredentials(what) {
    if (what === 'all') this.kept = {};
    else delete this.kept[what];
  }
}

const EVENT = { summary: 'By a client', start_time: '2026-12-01T10:00:00Z', end_time: '2026-12-01T11:00:00Z' };

export async function run(connect, UnauthorizedError) {
  const provider = new Provider();

  // Asked for the person, who opens the link; then the client is let in.
  async function logIn(transport, options) {
    const { link } = provider;
    assert.ok(link, 'the client asks for nobody');
    delete provider.link;
    const { searchParams } = await open(link, options);
    assert.equal(searchParams.get('state'), provider.expected);
    await transport.finishAuth(searchParams);
    return link;
  }

  // 1. It finds out where to go and registers; the person lets it read only.
  const first = connect.transport(provider);
  await assert.rejects(connect(first), UnauthorizedError);
  const link = await logIn(first, { scopes: ['tools:read', 'tools:call'] });
  assert.equal(link.searchParams.get('code_challenge_method'), 'S256');
  assert.ok(link.searchParams.get('resource').endsWith('/mcp'), `${link}`);
  assert.ok(provider.kept.client.client_id && provider.kept.tokens.refresh_token);

  let transport = connect.transport(provider);
  let client = await connect(transport);
  const calendars = await client.call('list_calendars', {});
  assert.ok(!calendars.isError && calendars.structuredContent.calendars.length > 0, JSON.stringify(calendars));

  // 2. Its access token comes to its end: it gets another by itself, and a new refresh token with it.
  const refresh = provider.kept.tokens.refresh_token;
  provider.kept.tokens = { ...provider.kept.tokens, access_token: SPENT };
  assert.ok(!(await client.call('list_calendars', {})).isError);
  assert.notEqual(provider.kept.tokens.refresh_token, refresh);
  assert.notEqual(provider.kept.tokens.access_token, SPENT);
  assert.equal(provider.link, undefined, 'nobody was asked');

  // 3. It wants to write: it asks for more.
  if (connect.stepsUp) {
    await assert.rejects(client.call('create_calendar_event', EVENT), UnauthorizedError);
    assert.ok(provider.link.searchParams.get('scope').split(' ').includes('tools:write'), `${provider.link}`);
    await logIn(transport);
    transport = connect.transport(provider);
    client = await connect(transport);
    const made = await client.call('create_calendar_event', EVENT);
    assert.equal(made.structuredContent.event.summary, EVENT.summary, JSON.stringify(made));
  }

  // 4. The person takes its access away: the next call fails, and the client asks for the person.
  await takeAway();
  await assert.rejects(client.call('list_calendars', {}), UnauthorizedError);
  await logIn(transport);
  client = await connect(connect.transport(provider));
  assert.ok(!(await client.call('list_calendars', {})).isError);
  await client.close();
}
