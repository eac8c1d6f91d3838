// The TypeScript client of the newer protocol, @modelcontextprotocol/client 2, which also speaks the older one.
import assert from 'node:assert/strict';

import { bridge, endpoint, library } from './mcp_scenario.mjs';

const { Client, StreamableHTTPClientTransport } = library('@modelcontextprotocol/client');
const { StdioClientTransport } = library('@modelcontextprotocol/client/stdio');

export const era = (mode, version) => async ({ token }, { opened, changed, url = endpoint } = {}) => {
  const capabilities = opened ? { elicitation: { url: {} } } : {};
  const listChanged = changed ? { tools: { autoRefresh: false, debounceMs: 0, onChanged: changed } } : undefined;
  const client = new Client({ name: 'mcp_v2', version: '1.0.0' }, { capabilities, listChanged, versionNegotiation: { mode } });
  if (opened) client.setRequestHandler('elicitation/create', opened);
  const headers = { Authorization: `Bearer ${token}` };
  const transport = bridge
    ? new StdioClientTransport(bridge(token))
    : new StreamableHTTPClientTransport(url, { requestInit: { headers } });
  await client.connect(transport);
  assert.equal(client.getNegotiatedProtocolVersion(), version);
  return {
    listTools: () => client.listTools(),
    call: (name, args, options) => client.callTool({ name, arguments: args }, options),
    close: () => client.close(),
  };
};
