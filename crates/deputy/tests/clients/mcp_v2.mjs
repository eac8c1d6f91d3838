// The scenario with the second TypeScript client, in both eras.
import { run } from './mcp_scenario.mjs';
import { era } from './v2.mjs';

await run([
  { name: 'client 2, older era', connect: era('legacy', '2025-11-25') },
  { name: 'client 2, newer era', connect: era('auto', '2026-07-28') },
]);
