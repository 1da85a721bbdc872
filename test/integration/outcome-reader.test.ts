import { expect, test } from 'vitest';
import type { Gap } from '../../src/subscribers/gap.js';
import type { OutcomeReader } from '../../src/subscribers/outcome-reader.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { outcomeReader, streamKey } from '../support/told.js';

const increment = (key: string) => ({ operation: 'counter.increment' as const, params: { key } });

/** Three jobs of 4 updates, and a reader of what they told. */
async function told(): Promise<{ here: Place; reader: OutcomeReader; submit: () => Promise<void>; outcomes: string }> {
  const here = place();
  await here.worker({ outcomes: true });
  const producer = here.producer();
  const submit = async () => {
    const submissions = await producer.submit([1, 2, 3, 4].map((n) => increment(here.key(`n${n}`))));
    await Promise.all(submissions.map((submission) => submission.outcome()));
  };
  await submit();
  await submit();
  await submit();
  return { here, reader: outcomeReader(here), submit, outcomes: await streamKey(here) };
}

/** The ids of all events behind a cursor. */
async function rest(reader: OutcomeReader, from: string, jobs = 2): Promise<{ ids: string[]; gaps: Gap[] }> {
  const [ids, gaps]: [string[], Gap[]] = [[], []];
  for (let [cursor, isLast] = [from, false]; !isLast;) {
    const page = await reader.read(cursor, jobs);
    ids.push(...page.events.map(({ event }) => event.id));
    gaps.push(...(page.gap ? [page.gap] : []));
    ({ cursor, isLast } = page);
  }
  return { ids, gaps };
}

test('behind the cursor of each event, reading goes on without a gap or a repeat', async () => {
  const { reader } = await told();
  const all = await reader.read(await reader.cursorAt('beginning'));
  const ids = all.events.map(({ event }) => event.id);
  expect(ids).toHaveLength(12);
  for (const [place_, { cursor }] of all.events.entries()) {
    expect(await rest(reader, cursor)).toEqual({ ids: ids.slice(place_ + 1), gaps: [] });
  }
  expect(await rest(reader, all.cursor)).toEqual({ ids: [], gaps: [] });
});

test('from now on and from a time on, only what comes is read', async () => {
  const { reader, submit, here } = await told();
  const now = await reader.cursorAt('now');
  const [seconds, micros] = await here.client.time();
  const since = await reader.cursorAt({ sinceMs: Number(seconds) * 1_000 + Math.ceil(Number(micros) / 1_000) });
  expect(await reader.untilMore(now, 50)).toBe(false);
  const waiting = [reader.untilMore(now, 60_000), reader.untilMore(since, 60_000)];
  await submit();
  expect(await Promise.all(waiting)).toEqual([true, true]);
  expect((await rest(reader, now)).ids).toHaveLength(4);
  expect((await rest(reader, since)).ids).toHaveLength(4);
});

test('who waits hears of it when his signal is given', async () => {
  const { reader } = await told();
  const stop = new AbortController();
  const waiting = reader.untilMore(await reader.cursorAt('now'), 60_000, stop.signal);
  stop.abort();
  expect(await waiting).toBe(false);
});

test('what was removed before it was read is told, also of a job that was half read', async () => {
  const { here, reader, outcomes } = await told();
  const [first, second] = (await reader.read(await reader.cursorAt('beginning'))).events;
  await here.client.xtrim(outcomes, 'MAXLEN', 1);
  for (const [lost, event] of [
    [7, first],
    [6, second],
  ] as const) {
    const { ids, gaps } = await rest(reader, event!.cursor);
    expect(ids).toHaveLength(4);
    expect(gaps).toEqual([{ from: expect.any(String) as string, to: expect.any(String) as string, lost }]);
  }
  expect((await rest(reader, await reader.cursorAt('beginning'))).gaps).toEqual([]); // it asked for what there is
});

test('who starts from a time is told of what was removed before the first that is held, as that may have come after it', async () => {
  const here = place();
  const [seconds] = await here.client.time();
  const sinceMs = Number(seconds) * 1_000;
  await here.worker({ outcomes: true });
  const producer = here.producer({ maxBatch: 1 });
  const apply = async () => (await producer.submit(increment(here.key('n')))).outcome();
  await apply();
  const reader = outcomeReader(here);
  expect(await rest(reader, await reader.cursorAt({ sinceMs }))).toMatchObject({ ids: [expect.any(String)], gaps: [] });
  await apply();
  await apply();
  await here.client.xtrim(await streamKey(here), 'MAXLEN', 1);
  const start = await reader.cursorAt({ sinceMs });
  const gap = { from: new Date(sinceMs).toISOString(), to: expect.any(String) as string };
  const page = await reader.read(start);
  expect(page).toMatchObject({ events: [{}], isLast: true });
  expect(page.gap).toEqual(gap); // how much is not known
  expect((await rest(reader, page.cursor)).gaps).toEqual([]);
  expect((await rest(reader, await reader.cursorAt('beginning'))).gaps).toEqual([]);
});

test('an entry of the very first ms of a time is read from that time on', async () => {
  const { here, reader, outcomes } = await told();
  const [first, ...others] = await here.client.xrange(outcomes, '-', '+');
  await here.client.del(outcomes);
  await here.client.xadd(outcomes, '5000-0', ...first![1]);
  for (const [id, fields] of others) {
    await here.client.xadd(outcomes, id, ...fields);
  }
  expect((await rest(reader, await reader.cursorAt({ sinceMs: 5_000 }))).ids).toHaveLength(12);
  expect((await rest(reader, await reader.cursorAt({ sinceMs: 5_001 }))).ids).toHaveLength(8);
});

test('who starts from a time while the stream holds nothing is told how much he misses of what comes', async () => {
  const { here, reader, outcomes, submit } = await told();
  await here.client.xtrim(outcomes, 'MAXLEN', 0);
  const start = await reader.cursorAt({ sinceMs: 5_000 });
  expect(await rest(reader, start)).toEqual({ ids: [], gaps: [] });
  await submit();
  await submit();
  await here.client.xtrim(outcomes, 'MAXLEN', 1);
  expect((await rest(reader, start)).gaps).toEqual([{ to: expect.any(String) as string, lost: 4 }]);
});

test('a page of large jobs stays small, as each client that is slow keeps one in memory, and nothing of them is missed', async () => {
  const here = place();
  await here.worker({ outcomes: true });
  const producer = here.producer();
  const job = Array.from({ length: 256 }, (_, n) => increment(here.key(`n${n}`)));
  for (let jobs = 0; jobs < 5; jobs += 1) {
    await (await producer.submit(job)).at(-1)?.outcome({ timeoutMs: 60_000 });
  }
  const reader = outcomeReader(here);
  const start = await reader.cursorAt('beginning');
  const page = await reader.read(start, 16);
  expect({ events: page.events.length, isLast: page.isLast }).toEqual({ events: 512, isLast: false });
  const { ids, gaps } = await rest(reader, start, 16);
  expect([new Set(ids).size, ids.length, gaps]).toEqual([5 * 256, 5 * 256, []]);
});

test('a single job that was removed is told where it was', async () => {
  const { here, reader, outcomes } = await told();
  const [, middle] = await here.client.xrange(outcomes, '-', '+');
  await here.client.xdel(outcomes, middle![0]);
  const start = await reader.cursorAt('beginning');
  const page = await reader.read(start);
  expect(page.events).toHaveLength(4);
  expect(page.gap).toBeUndefined();
  expect(await reader.read(page.cursor)).toMatchObject({ gap: { lost: 4 }, isLast: true });
});

test('what Redis has forgotten behind a cursor, as in a failover, is told, and reading goes on at the end', async () => {
  const { here, reader, outcomes, submit } = await told();
  const [, , last] = await here.client.xrange(outcomes, '-', '+');
  const { cursor } = await reader.read(await reader.cursorAt('beginning'));
  await here.client.xdel(outcomes, last![0]);
  const page = await reader.read(cursor);
  expect(page).toMatchObject({ gap: { from: expect.any(String) as string }, events: [], isLast: true });
  await submit();
  expect((await rest(reader, page.cursor)).ids).toHaveLength(4);
});

test('what another program writes into the stream is passed over, what a newer version does is not', async () => {
  const { here, reader, outcomes } = await told();
  const now = await reader.cursorAt('now');
  await here.client.xadd(outcomes, '*', 'hello', 'there');
  await here.client.xadd(
    outcomes,
    '*',
    'h',
    '1 12 999999999999999 1 id counter.increment',
    'r',
    'tally/2 d 1',
    'c',
    '{"n":1}',
  );
  expect((await rest(reader, now)).ids).toEqual([]);
  await here.client.xadd(outcomes, '*', 'h', '9 13 1764000000000 1 id counter.increment', 'x', 'y');
  await expect(rest(reader, now)).rejects.toMatchObject({ code: 'NEWER_FORM' });
});

test('from the beginning nothing is missing, also behind what another program wrote', async () => {
  const { here, reader, submit, outcomes } = await told();
  await here.client.xtrim(outcomes, 'MAXLEN', 1);
  await here.client.xadd(outcomes, '*', 'hello', 'there');
  await submit();
  await submit();
  const [before, , after] = await here.client.xrange(outcomes, '-', '+');
  await here.client.xdel(outcomes, before![0], after![0]); // the other program's is the first, and then one is missing
  const all = await rest(reader, await reader.cursorAt('beginning'));
  expect([all.ids.length, all.gaps]).toEqual([4, []]);
});

test.each(['', 'nonsense', 'MSAxLTE', Buffer.from('1 1-1 0 -  ').toString('base64url')])(
  '"%s" is no cursor',
  async (cursor) => {
    const { reader } = await told();
    await expect(reader.read(cursor)).rejects.toMatchObject({ code: 'INVALID_CURSOR' });
  },
);
