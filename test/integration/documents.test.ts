import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { dataDir, startUp, tally } from '../support/command.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { startTally } from '../../src/testing/index.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOCUMENTED_REDIS = 'redis://127.0.0.1:6390';

/** The code of a page in blocks of this kind, as one program. */
function programOf(file: string, kind: string): string {
  const page = readFileSync(join(ROOT, file), 'utf8');
  return [...page.matchAll(new RegExp(`\`\`\`${kind}\\n(.*?)\`\`\``, 'gs'))].map(([, code]) => code).join('\n');
}

/** What the comments of a program say that it prints: those behind `console.log`, or lines of their own below. */
function promisedBy(program: string): string[] {
  const behind = [...program.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text = '']) => text);
  const below = [...program.matchAll(/^\/\/ (.*)$/gm)].map(([, text = '']) => text);
  return [...behind, ...below];
}

/** The commands of a text, each with the output that it shows. */
function commandsOf(text: string): { command: string; output: string }[] {
  const blocks = [...text.matchAll(/```console\n(.*?)```/gs)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((lines) => {
        const [command = '', ...output] = lines.trimEnd().split('\n');
        return { command, output: output.join('\n') };
      }),
  );
}

/** A project that has this repository as its package `tally`. */
function project(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tally-documents-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/tally'));
  return folder;
}

const runNode = async (cwd: string, ...args: string[]) =>
  (await promisify(execFile)(process.execPath, args, { cwd, timeout: 90_000 })).stdout;

test('the snippet of the README runs as it stands against npm start, ends, and prints what its comments say', async () => {
  skipUnlessOneServer('it starts a private Redis');
  const data = dataDir();
  await startUp({ TALLY_DATA_DIR: data });
  const { url } = JSON.parse(readFileSync(join(data, 'redis.json'), 'utf8')) as { url: string };
  const program = programOf('README.md', 'js');
  expect(program).toContain(`'${DOCUMENTED_REDIS}'`);
  const folder = project();
  // Another Tally on this machine may have the usual port; then this one says where it is.
  writeFileSync(join(folder, 'order.mjs'), program.replace(DOCUMENTED_REDIS, url));
  const promised = promisedBy(program);
  expect(promised).toHaveLength(3);
  expect((await runNode(folder, 'order.mjs')).trimEnd().split('\n')).toEqual(promised);
  expect((await runNode(folder, 'order.mjs')).trimEnd().split('\n'), 'once more').toEqual(promised);
});

test('the program of docs/library.md runs, ends, and prints what its comments say', async () => {
  const own = await startTally();
  onTestFinished(() => own.stop());
  const program = programOf('docs/library.md', 'js');
  const folder = project();
  writeFileSync(join(folder, 'library.mjs'), program.replace(DOCUMENTED_REDIS, own.redis));
  const printed = (await runNode(folder, 'library.mjs')).split('\n').filter((line) => !line.startsWith('{"level"'));
  const [first, , nothing] = promisedBy(program);
  expect(printed.filter((line) => line !== '')).toEqual([
    first,
    '1 applied { available: 1, taken: 2 }',
    '2 applied { available: 1, taken: 2 }',
    nothing,
  ]);
});

test('tally init operation writes an operation whose test passes, and nothing over what is there', async () => {
  const folder = project();
  const init = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'init', 'operation', ...args], {
      cwd: folder,
    });
  const { stdout } = await init('energy.spend');
  expect(stdout).toContain('wrote energy-spend.mjs and energy-spend.test.mjs');
  expect(await runNode(folder, '--test', 'energy-spend.test.mjs')).toMatch(/pass 1\n.*fail 0\n/s);
  await expect(init('energy.spend')).rejects.toThrow('energy-spend.mjs is there already');
  await expect(init('Energy')).rejects.toThrow('must have the form family.verb');
});

test('the guide to operations of one’s own is followed word for word, to the retry on the board', async () => {
  skipUnlessOneServer('it starts a private Redis');
  const folder = project();
  const page = readFileSync(join(ROOT, 'docs/custom-operations.md'), 'utf8');
  const [, guide = ''] = /^## In five minutes\n(.*?)^## /ms.exec(page) ?? [];
  const [before = '', after = ''] = guide.split('Now press _Retry_');
  const environment = { TALLY_DATA_DIR: join(folder, '.tally'), TALLY_OPERATIONS: join(folder, 'energy-spend.mjs') };
  const run = async (text: string) => {
    for (const { command, output } of commandsOf(text).filter((it) => !/npm start|^export/.test(it.command))) {
      const shell = command.replace('npx tally', `'${process.execPath}' '${ROOT}dist/cli/main.js'`);
      const ended = await promisify(execFile)('sh', ['-c', `${shell} || true`], {
        cwd: folder,
        env: { ...process.env, ...environment },
      });
      if (output !== '') {
        expect(ended.stdout.trimEnd(), command + ended.stderr).toBe(output);
      }
    }
  };
  const [first, ...others] = before.split(/(?=Then, in another terminal)/);
  await run(first ?? '');
  const up = await startUp(environment);
  for (const part of others) {
    await run(part);
  }
  const [, origin = ''] = /dashboard {2}(http:[^ ]+)\/ops/.exec(up.output.stdout) ?? [];
  const queue = `${origin}/ops/queues/api/queues`;
  const board = (await (await fetch(`${queue}?activeQueue=energy&status=failed`)).json()) as {
    queues: { name: string; jobs: { id: string }[] }[];
  };
  const [job] = board.queues.find(({ name }) => name === 'energy')?.jobs ?? [];
  expect((await fetch(`${queue}/energy/${job?.id ?? ''}/retry`, { method: 'PUT' })).status).toBe(204);
  const value = () => tally(environment, 'get', 'energy:bo');
  await expect.poll(value, { timeout: 60_000, interval: 500 }).toMatchObject({ stdout: '2\n' });
  await run(after);
});

test('what has no folder to keep its data in says which setting names another', async () => {
  const file = join(ROOT, 'package.json'); // no folder, not even for root
  const { code, stderr } = await tally({ TALLY_DATA_DIR: join(file, 'data'), PORT: '0' }, 'up');
  expect(code).toBe(2);
  expect(stderr).toMatch(/can't keep its data in the folder .*package\.json\/data \(ENOTDIR\): set TALLY_DATA_DIR/);
});

test('tally get of a Redis that is away says so in words of its own', async () => {
  const { code, stderr } = await tally({ REDIS_URL: 'redis://127.0.0.1:1' }, 'get', 'visits');
  expect(code).toBe(1);
  expect(stderr).toMatch(/Redis did not answer \(redis:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/);
  expect(stderr).not.toContain('max retries');
});
