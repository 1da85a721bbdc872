import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { addKey } from '../support/api-keys.js';
import { startApi } from '../support/http-api.js';
import { place } from '../support/tally.js';

const FOLDER = fileURLToPath(new URL('../../examples/http/', import.meta.url));

/** What each client prints, a line for each step. */
const OUTPUT = `
{"updates":[{"id":"ID","status":"accepted"}]}
{"id":"ID","operation":"xp.award","status":"applied","result":{"xp":50},"attempts":1,"jobId":"ID"}
{"updates":[{"id":"ID","status":"applied","result":{"xp":50},"duplicate":true}]}
{"updates":[{"id":"ID","status":"rejected","reason":"INSUFFICIENT_STOCK","message":"\\"stock:ORDER\\" has 0 in stock, 1 wanted","short":[{"key":"stock:ORDER","quantity":1,"available":0}]},{"id":"ID","status":"applied","result":{"value":1,"applied":1}}]}
{"updates":[{"id":"ID","status":"applied","result":{"value":2,"applied":1}}]}
{"key":"xp:ORDER","value":50}
`;

const hasPython = spawnSync('python3', ['--version']).status === 0;

const clients = [
  { client: 'curl', command: 'sh', args: [`${FOLDER}submit.sh`] },
  { client: "Python's standard library", command: 'python3', args: [`${FOLDER}submit.py`] },
  { client: 'fetch', command: process.execPath, args: ['--import', 'tsx', `${FOLDER}submit.ts`] },
];

test.for(clients)(
  'the client with $client submits, repeats, waits and sends an event, with an API key',
  async ({ command, args }, { skip }) => {
    skip(command === 'python3' && !hasPython, 'python3 is not here');
    const here = place();
    await here.worker();
    const { origin } = await startApi(here);
    const run = async (environment: Record<string, string>) => {
      const { stdout } = await promisify(execFile)(command, [...args, origin], {
        env: { ...process.env, ...environment },
      });
      return stdout;
    };
    const { secret } = await addKey(here);
    await expect(run({})).rejects.toThrow(/UNAUTHORIZED|401/);
    const stdout = await run({ API_KEY: secret });
    const [order = ''] = /order-[\w-]+/.exec(stdout) ?? [];
    expect(stdout.replaceAll(order, 'ORDER').replace(/"(id|jobId)":"[^"]+"/g, '"$1":"ID"')).toBe(OUTPUT.trimStart());
    const keys = ['xp', 'orders', 'stock'].map((name) => `${name}:${order}`);
    expect(await Promise.all(keys.map((key) => here.client.get(key)))).toEqual(['50', '2', null]);
    await Promise.all(keys.map((key) => here.client.unlink(key)));
  },
);
