import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, inject, onTestFinished, test } from 'vitest';
import { dataDir, start, startUp } from '../support/command.js';
import { place, until } from '../support/tally.js';
import { TALLY } from '../support/tally-command.js';

const DOCUMENTED_ORIGIN = 'http://127.0.0.1:3000';

/** The commands of a page, each with the output that it shows. */
function documentedCommands(file: string): { command: string; output: string }[] {
  const page = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/```console\n(.*?)```/gs)].map(([, block]) => block!);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const [command = '', ...output] = text.trimEnd().split('\n');
        return { command, output: output.join('\n') };
      }),
  );
}

/** Where Tally says that its API is. */
function originOf({ output }: { output: { stdout: string } }): string {
  const [, origin = ''] = /API +(http:\/\/[^/]+)\/v1/.exec(output.stdout) ?? [];
  return origin;
}

/** Runs commands of a page at this origin, each of which has to print what the page shows. */
async function runDocumented(
  commands: readonly { command: string; output: string }[],
  origin: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<void> {
  for (const { command, output } of commands) {
    const line = command
      .replaceAll(DOCUMENTED_ORIGIN, origin)
      .replace('npx tally', TALLY.map((word) => `'${word}'`).join(' '));
    const env = { PATH: process.env['PATH'], ...environment };
    const { stdout } = await promisify(execFile)('sh', ['-c', line], { env });
    expect(stdout.trimEnd()).toMatch(patternOf(output));
  }
}

/** A pattern of an output in which `…` stands for anything. */
function patternOf(output: string): RegExp {
  const parts = output.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`);
}

test('every curl line of the documentation works word for word after a start, beside the dashboard', async () => {
  const environment = { TALLY_DATA_DIR: dataDir() };
  const origin = originOf(await startUp(environment));
  const commands = [...documentedCommands('docs/http-api.md'), ...documentedCommands('docs/buckets.md')];
  expect(commands.length).toBeGreaterThan(8);
  await runDocumented(commands, origin, environment);
  const board = await fetch(`${origin}/ops/queues`);
  expect({ status: board.status, type: board.headers.get('content-type') }).toMatchObject({ status: 200 });
  expect((await fetch(origin)).url).toBe(`${origin}/ops`);
  const nothing = await fetch(`${origin}/ops/nothing`);
  expect({ status: nothing.status, problem: await nothing.json() }).toMatchObject({
    status: 404,
    problem: { code: 'NOT_FOUND' },
  });
});

test('every command of the README that asks or submits works word for word after a start', async () => {
  const environment = { TALLY_DATA_DIR: dataDir() };
  const up = await startUp(environment);
  const commands = documentedCommands('README.md').filter(({ command }) => /^(curl|npx tally) /.test(command));
  expect(commands.length).toBeGreaterThan(3);
  await runDocumented(commands, originOf(up), environment);
});

test('tally api serves the API alone, and ends in order', async () => {
  const here = place();
  await here.worker();
  const environment = { REDIS_URL: inject('redisUrl'), TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const { child, output, ended } = start(['api'], { ...environment, PORT: '0' });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await until('it listens', () => output.stdout.includes('API  '));
  const origin = originOf({ output });
  const response = await fetch(`${origin}/v1/updates?wait=10000`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ operation: 'counter.increment', params: { key: here.key('n') } }),
  });
  expect(await response.json()).toMatchObject({ updates: [{ status: 'applied', result: { value: 1 } }] });
  expect((await fetch(`${origin}/ops/queues`)).status).toBe(404);
  child.kill('SIGTERM');
  expect(await ended).toMatchObject({ code: 0 });
});
