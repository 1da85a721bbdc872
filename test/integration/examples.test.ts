import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { run as counter } from '../../examples/01-counter.js';
import { run as countdown } from '../../examples/02-countdown.js';
import { run as blogPostViews } from '../../examples/03-blog-post-views.js';
import { run as borrowBooks } from '../../examples/04-borrow-books.js';
import { run as playerXp } from '../../examples/05-player-xp.js';
import { run as twoScores } from '../../examples/06-two-scores.js';
import { run as compareAndSet } from '../../examples/12-compare-and-set.js';
import { run as conditional } from '../../examples/07-conditional.js';
import { run as transaction } from '../../examples/08-transaction.js';
import { run as customOperation } from '../../examples/09-custom-operation.js';
import { run as idempotencyKey } from '../../examples/10-idempotency-key.js';
import { run as redisAway } from '../../examples/11-redis-away.js';
import { run as leaderboard } from '../../examples/16-leaderboard.js';
import { run as dailyViews } from '../../examples/17-daily-views.js';
import { run as lowStock } from '../../examples/24-low-stock.js';
import { run as schedules, typicalSchedules } from '../../examples/13-schedules.js';
import { run as undo } from '../../examples/21-undo.js';
import { run as season } from '../../examples/22-season.js';
import { run as pageViews } from '../../examples/23-page-views.js';
import { run as xpFades } from '../../examples/27-xp-fades.js';
import { QueueUnavailableError } from '../../src/index.js';
import { openQueue } from '../support/queues.js';
import { answersOf, applied } from '../support/run-example.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { keysLike, place, until } from '../support/tally.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('the counter goes to 5, then to 10', async () => {
  const here = place();
  expect(await answersOf(here, counter)).toEqual([
    applied({ value: 5, applied: 5 }),
    applied({ value: 10, applied: 5 }),
  ]);
  expect(await here.client.get(here.key('visits'))).toBe('10');
});

test('stock that falls below 5 is told once each time', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const answers = await answersOf(place(), lowStock);
  expect(answers.at(-1)).toBe('low stock: 3 left; low stock: 1 left');
});

test('the countdown goes from 10 to 7, then to 6', async () => {
  const here = place();
  expect(await answersOf(here, countdown)).toEqual([
    applied({ value: 10, applied: 10 }),
    applied({ value: 7, applied: 3 }),
    applied({ value: 6, applied: 1 }),
  ]);
  expect(await here.client.get(here.key('seats'))).toBe('6');
});

test('the blog post has 10 views', async () => {
  const here = place();
  expect(await answersOf(here, blogPostViews)).toEqual([applied({ value: 10, applied: 10 }), '10']);
  expect(await here.client.hget(here.key('post:hello-world'), 'views')).toBe('10');
});

test('of 5 book copies 3 are left after 2, and none after 4 more', async () => {
  const here = place();
  expect(await answersOf(here, borrowBooks)).toEqual([
    applied({ available: 5 }),
    applied({ available: 3, taken: 2 }),
    applied({ available: 0, taken: 3 }),
  ]);
  expect(await here.client.get(here.key('book:dune:copies'))).toBe('0');
});

test('the player has 20 XP, then reaches level 2', async () => {
  const here = place();
  expect(await answersOf(here, playerXp)).toEqual([
    applied({ xp: 20 }),
    applied({ xp: 110, level: 2, leveledUp: true }),
  ]);
  expect(await here.client.hget(here.key('player:ada'), 'xp')).toBe('110');
});

test('two scores change at once, and a player without one does not reset the other', async () => {
  const here = place();
  const board = here.key('leaderboard');
  const score = (member: string, value: number) => ({ key: board, member, value });
  expect(await answersOf(here, twoScores)).toEqual([
    applied({ scores: [score('ada', 5), score('bo', 3)] }),
    applied({ scores: [score('ada', 10), score('cy', 3)] }),
  ]);
  for (const [member, value] of Object.entries({ ada: '10', bo: '3', cy: '3' })) {
    expect(await here.client.zscore(board, member)).toBe(value);
  }
});

test('conditions that do not hold are rejected and change nothing', async () => {
  const here = place();
  expect(await answersOf(here, conditional)).toEqual([
    expect.objectContaining({ status: 'rejected', reason: 'INSUFFICIENT_STOCK' }),
    '2',
    applied({ value: 8, applied: 8 }),
    expect.objectContaining({ status: 'rejected', reason: 'LIMIT_REACHED' }),
    applied({ value: 10, applied: 2 }),
    '10',
    applied({ value: 1, applied: 1 }),
    '15 minutes',
  ]);
  expect(await here.client.mget(here.key('tickets'), here.key('requests:ada'))).toEqual(['2', '10']);
});

test('the transaction changes all three values, and with too little stock none', async () => {
  const here = place();
  expect(await answersOf(here, transaction)).toEqual([
    applied({ results: [{ available: 3, taken: 2 }, { xp: 20 }, { value: 1, applied: 1 }] }),
    expect.objectContaining({ status: 'rejected', reason: 'INSUFFICIENT_STOCK', update: 0 }),
    '3, 20, 1',
  ]);
  const keys = ['{shop}:swords', '{shop}:buyer:xp', '{shop}:sales'].map((name) => here.key(name));
  expect(await here.client.mget(keys)).toEqual(['3', '20', '1']);
});

test('the custom operation spends energy only while there is enough', async () => {
  const here = place();
  expect(await answersOf(here, customOperation)).toEqual([
    applied({ value: 10, applied: 10 }),
    applied({ energy: 3 }),
    { status: 'rejected', reason: 'NOT_ENOUGH_ENERGY', message: '7 energy needed, 3 there' },
  ]);
  expect(await here.client.get(here.key('player:bo:energy'))).toBe('3');
});

test('an idempotency key takes effect once, and is refused for another update', async () => {
  const here = place();
  expect(await answersOf(here, idempotencyKey)).toEqual([
    applied({ value: 50, applied: 50 }),
    { ...applied({ value: 50, applied: 50 }), duplicate: true },
    expect.objectContaining({ status: 'conflict', reason: 'IDEMPOTENCY_CONFLICT' }),
    '50',
  ]);
  expect(await here.client.get(here.key('wallet:ada:coins'))).toBe('50');
});

test('of two who have seen the same price, one sets it', async () => {
  const here = place();
  expect(await answersOf(here, compareAndSet)).toEqual([
    applied({ value: 1700, previous: 1900 }),
    expect.objectContaining({ status: 'rejected', reason: 'CHANGED', found: 1700 }),
    applied({ removed: true, previous: 1700 }),
    null,
  ]);
});

test('the leaderboard ranks players with equal scores alike', async () => {
  const here = place();
  expect(await answersOf(here, leaderboard)).toEqual(['1 ada, 2 cy, 2 bo', '4 of 4', '2 bo, 4 di', '50, null']);
});

test('views are counted by the days of Berlin', async () => {
  const here = place();
  expect(await answersOf(here, dailyViews)).toEqual([
    '2',
    '3',
    '2025-11-26 1, 2025-11-27 2',
    expect.objectContaining({ status: 'rejected', reason: 'TOO_LATE' }),
  ]);
  const [today] = await keysLike(here, `${here.key('views:post1')}:20*-*-*`);
  expect(today).toBeDefined();
});

test('schedules have a next run each', async () => {
  expect(await answersOf(place(), schedules)).toEqual(Array(3).fill('has a next run'));
});

test('at midnight counters start anew, on the first a season, and on Mondays XP fades', async () => {
  const here = place();
  const producer = here.producer();
  const key = (name: string) => here.key(name);
  await here.client.mset(key('views:today'), '7', key('xp:ann'), '120', key('season'), '4');
  for (const schedule of typicalSchedules(key)) {
    await producer.schedules.put(schedule);
  }
  for (const name of ['counters', 'xp']) {
    const due = await openQueue(here, name).getDelayed();
    await Promise.all(due.map((job) => job.promote()));
  }
  await here.worker();
  await until('all have run', async () =>
    (await producer.schedules.list()).every(({ lastRun }) => lastRun !== undefined),
  );
  expect(await here.client.mget(key('views:today'), key('season'), key('xp:ann'))).toEqual(['0', '5', '70']);
});

test('an order sent while Redis is unreachable is refused, and sent again counts once', async () => {
  const here = place();
  const [failure, ...rest] = await answersOf(here, redisAway);
  expect(failure).toBeInstanceOf(QueueUnavailableError);
  expect((failure as QueueUnavailableError).message).toContain('send it again with the same idempotency key');
  expect(rest).toEqual([
    applied({ value: 1, applied: 1 }),
    { ...applied({ value: 1, applied: 1 }), duplicate: true },
    '1',
  ]);
  expect(await here.client.get(here.key('orders'))).toBe('1');
});

test('XP has levels, a season its own leaderboard, and the best lap is kept', async () => {
  expect(await answersOf(place(), season)).toEqual([
    applied({ xp: 120, level: 1, leveledUp: true }),
    applied({ xp: 70, taken: 50, level: 0, leveledDown: true }),
    '1 ann 3, 2 bob 1',
    '0',
    '1 ann 60900',
  ]);
});

test('every week all players lose XP once, however often the week is told', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const taken = applied({ xp: 0, taken: 40 });
  expect(await answersOf(place(), xpFades)).toEqual([{ ...taken, duplicate: true }, '0, 30, 70']);
});

test('a view counts once for its post, its day and its source, also when it is delivered twice', async () => {
  expect(await answersOf(place(), pageViews)).toEqual(['2, 1', '2', '2025-11-26 1, 2025-11-27 1']);
});

test('what an update did is taken back once, also that of a custom operation', async () => {
  const taken = applied({ xp: 0, taken: 50 });
  expect(await answersOf(place(), undo)).toEqual([
    taken,
    { ...taken, duplicate: true },
    applied({ value: 10, applied: 7 }),
    '10',
  ]);
});

test('the runner runs every example and exits with 0, and the guide shows what it prints', async () => {
  skipUnlessOneServer('it starts a server of its own');
  const { stdout, stderr } = await promisify(execFile)('npx', ['tsx', 'examples/run.ts'], { cwd: ROOT });
  const headings = [...stdout.matchAll(/^(\d\d-[^:]*): /gm)].map(([, name]) => `${name ?? ''}.ts`);
  expect(headings).toEqual(exampleFiles().filter((file) => /^\d/.test(file)));
  expect(stdout).toContain('counter.increment visits by 5 -> applied { value: 10, applied: 5 }\n');
  expect(stdout).toContain('inventory.take book:dune:copies quantity 4 -> applied { available: 0, taken: 3 }\n');
  expect(stdout).toContain('MGET stock, XP, sales -> 3, 20, 1\n');
  expect(stderr).not.toContain('"level"'); // no line of a logger
  for (const shown of guideBlocks('text')) {
    expect(stdout).toContain(shown);
  }
});

test('the runner runs every example against a given Redis, and leaves nothing of its own there', async () => {
  const { stdout } = await promisify(execFile)('npx', ['tsx', 'examples/run.ts'], {
    cwd: ROOT,
    env: { ...process.env, REDIS_URL: inject('redisUrl') },
  });
  expect(stdout.match(/^\d\d-[^:]*: /gm)).toHaveLength(exampleFiles().filter((file) => /^\d/.test(file)).length);
  expect(stdout).toContain('MGET stock, XP, sales -> 3, 20, 1\n');
  expect(await keysLike(place(), 'examples-*')).toEqual([]);
});

test('the runner exits with 1 for a name that is no example', async () => {
  skipUnlessOneServer('it needs no Redis');
  const failing = promisify(execFile)('npx', ['tsx', 'examples/run.ts', '99-nothing'], { cwd: ROOT });
  const stderr: unknown = expect.stringContaining('there is no example "99-nothing"');
  await expect(failing).rejects.toMatchObject({ code: 1, stderr });
});

test.each([
  ['reading', 2],
  ['buckets', 2],
  ['undo', 1],
])('every piece of code in docs/%s.md is code of the examples', (page, atLeast) => {
  const sources = exampleFiles().map((file) => unindented(readFileSync(`${ROOT}examples/${file}`, 'utf8')));
  const blocks = guideBlocks('ts', page);
  expect(blocks.length).toBeGreaterThanOrEqual(atLeast);
  for (const block of blocks) {
    expect(sources.filter((source) => source.includes(unindented(block)))).toHaveLength(1);
  }
});

test('every piece of code in the guide to custom operations is code of the examples', () => {
  const sources = exampleFiles().map((file) => unindented(readFileSync(`${ROOT}examples/${file}`, 'utf8')));
  const blocks = guideBlocks('ts');
  expect(blocks[0]).toBe(readFileSync(`${ROOT}examples/energy-spend.ts`, 'utf8'));
  expect(blocks.filter((block) => !sources.some((source) => source.includes(unindented(block))))).toEqual([]);
});

test.each([
  ['shop', 3],
  ['game', 10],
  ['analytics', 6],
])('every piece of code in docs/%s.md, the page of a role, is code of the examples', (page, atLeast) => {
  const sources = exampleFiles().map((file) => unindented(readFileSync(`${ROOT}examples/${file}`, 'utf8')));
  const blocks = guideBlocks('ts', page);
  expect(blocks.length).toBeGreaterThanOrEqual(atLeast);
  expect(blocks.filter((block) => !sources.some((source) => source.includes(unindented(block))))).toEqual([]);
});

function exampleFiles(): string[] {
  return readdirSync(`${ROOT}examples`)
    .filter((file) => file.endsWith('.ts'))
    .sort();
}

/** The contents of a guide's code blocks of one language. */
function guideBlocks(language: string, page = 'custom-operations'): string[] {
  const guide = readFileSync(`${ROOT}docs/${page}.md`, 'utf8');
  return [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, code]) => code ?? '');
}

/** An excerpt stands further left in the guide than in its file. */
function unindented(code: string): string {
  return code.replaceAll(/^ +/gm, '');
}
