// @modelcontextprotocol/client 2 logs in, stays logged in, is thrown out, and logs in again, in the newer era.
import assert from 'node:assert/strict';

import { library, endpoint } from './oauth_person.mjs';
import { run } from './oauth_sdk.mjs';

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = library('@modelcontextprotocol/client');

async function connect(transport) {
  const client = new Client({ name: 'oauth_v2', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(transport);
  assert.equal(client.getNegotiatedProtocolVersion(), '2026-07-28');
  return {
    call: (name, args) => client.callTool({ name, arguments: args }),
    close: () => client.close(),
  };
}
connect.transport = (authProvider) => new StreamableHTTPClientTransport(endpoint, { authProvider });
connect.stepsUp = true;

await run(connect, UnauthorizedError);
