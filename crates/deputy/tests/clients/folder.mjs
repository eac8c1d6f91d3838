// Alice's client lists the folder (FOLDER) that her server `files` serves, on Deputy's endpoint and on the server's own,
// in both eras, and gets no further, and lists it as before when the server was killed; Bob's client knows of no such
// server.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';

import { endpoint } from './mcp_scenario.mjs';
import { era } from './v2.mjs';

const [ALICE, BOB] = ['ALICE', 'BOB'].map((name) => ({ token: process.env[`${name}_TOKEN`] }));
const folder = process.env.FOLDER;
const own = new URL(`${endpoint}/files`);

// Kills the process that serves the folder.
function crash() {
  const serves = (pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return line.includes(folder) && !line.includes('__sandbox-exec');
    } catch {
      return false;
    }
  };
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && serves(name));
  assert.ok(pids.length > 0, 'nothing serves the folder');
  for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
}

for (const connect of [era('legacy', '2025-11-25'), era('auto', '2026-07-28')]) {
  for (const [url, prefix] of [[endpoint, 'files__'], [own, '']]) {
    const alice = await connect(ALICE, { url });
    const { tools } = await alice.listTools();
    assert.ok(tools.some((tool) => tool.name === `${prefix}list_directory`), `${url}`);
    const list = async () => {
      const listed = await alice.call(`${prefix}list_directory`, { path: folder });
      assert.match(listed.content[0].text, /june\.txt/);
    };
    await list();
    if (url === own) {
      crash();
      await list();
    }
    for (const path of [`${folder}/../../../../secret.txt`, `${folder}/way-out`, '/etc/passwd']) {
      const refused = await alice.call(`${prefix}read_text_file`, { path });
      assert.equal(refused.isError, true, path);
      assert.match(refused.content[0].text, /denied/i);
    }
    await alice.close();
  }
  const bob = await connect(BOB);
  assert.ok(!(await bob.listTools()).tools.some((tool) => tool.name.startsWith('files__')));
  await bob.close();
  await assert.rejects(connect(BOB, { url: own }));
}
