// @modelcontextprotocol/sdk 1 logs in, stays logged in, is thrown out, and logs in again.
import { library, endpoint } from './oauth_person.mjs';
import { run } from './oauth_sdk.mjs';

const { Client } = library('@modelcontextprotocol/sdk/client/index.js');
const { UnauthorizedError } = library('@modelcontextprotocol/sdk/client/auth.js');
const { StreamableHTTPClientTransport } = library('@modelcontextprotocol/sdk/client/streamableHttp.js');

async function connect(transport) {
  const client = new Client({ name: 'oauth_v1', version: '1.0.0' });
  await client.connect(transport);
  return {
    call: (name, args) => client.callTool({ name, arguments: args }),
    close: () => client.close(),
  };
}
connect.transport = (authProvider) => {
  const transport = new StreamableHTTPClientTransport(endpoint, { authProvider });
  // This one takes the code itself.
  const finish = transport.finishAuth.bind(transport);
  return Object.assign(transport, { finishAuth: (answer) => finish(answer.get('code')) });
};
// Told that a scope is missing it refreshes instead, and gives up: its program has to log in anew for more.
connect.stepsUp = false;

await run(connect, UnauthorizedError);
