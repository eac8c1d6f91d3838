// The TypeScript client that most programs have today, @modelcontextprotocol/sdk 1: the older protocol era.
import assert from 'node:assert/strict';

import { bridge, endpoint, library, run } from './mcp_scenario.mjs';

const { Client } = library('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = library('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { StdioClientTransport } = library('@modelcontextprotocol/sdk/client/stdio.js');
const { ElicitRequestSchema, ToolListChangedNotificationSchema } = library('@modelcontextprotocol/sdk/types.js');

async function connect({ token }, { opened, changed } = {}) {
  const capabilities = opened ? { elicitation: { url: {} } } : {};
  const client = new Client({ name: 'mcp_v1', version: '1.0.0' }, { capabilities });
  if (opened) client.setRequestHandler(ElicitRequestSchema, opened);
  if (changed) client.setNotificationHandler(ToolListChangedNotificationSchema, changed);
  const headers = { Authorization: `Bearer ${token}` };
  const transport = bridge
    ? new StdioClientTransport(bridge(token))
    : new StreamableHTTPClientTransport(endpoint, { requestInit: { headers } });
  await client.connect(transport);
  assert.ok(bridge || transport.sessionId, 'a session of the older era has an id');
  assert.equal(client.getServerVersion().name, 'deputy');
  return {
    listTools: () => client.listTools(),
    call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
    close: async () => {
      await transport.terminateSession?.();
      await client.close();
    },
  };
}

await run([{ name: 'sdk 1', connect }]);
