import { expect, test } from 'vitest';
import { jobOf, openQueue } from '../support/queues.js';
import { startApi } from '../support/http-api.js';
import type { ShownProblem } from '../support/http-api.js';
import { tally } from '../support/command.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const increment = (key: string, timing: object = {}) => ({
  operation: 'counter.increment' as const,
  params: { key },
  ...timing,
});

/** How a job was added: BullMQ's delay and priority. */
async function optionsOf(here: Place, updateId: string): Promise<{ delay: number; priority: number }> {
  const { opts, priority } = await jobOf(openQueue(here), updateId.slice(0, 36));
  return { delay: opts.delay ?? 0, priority };
}

const in5Hours = () => new Date(Date.now() + 5 * HOUR);

test('each update of a request says when it runs: in a job of its own', async () => {
  const here = place();
  const { post } = await startApi(here);
  const { status, body } = await post('/v1/updates', [
    increment(here.key('a')),
    increment(here.key('a'), { delayMs: 2 * HOUR, priority: 7 }),
    increment(here.key('a'), { runAt: in5Hours().toISOString() }),
    increment(here.key('a'), { runAt: in5Hours().toISOString().replace('Z', '+00:00'), priority: 1 }),
    increment(here.key('a'), { runAt: '2020-01-01T00:00:00Z' }),
  ]);
  expect(status).toBe(202);
  const all = await Promise.all(body.updates.map(({ id }) => optionsOf(here, id)));
  expect(new Set(body.updates.map(({ id }) => id.slice(0, 36))).size).toBe(5);
  expect(all.map(({ priority }) => priority)).toEqual([0, 7, 0, 1, 0]);
  expect(all[1]!.delay).toBe(2 * HOUR);
  for (const { delay } of [all[2]!, all[3]!]) {
    expect(delay).toBeGreaterThan(5 * HOUR - 60_000);
    expect(delay).toBeLessThanOrEqual(5 * HOUR);
  }
  expect(all[4]!.delay).toBe(0); // what is past runs at once
});

test('what is due runs, what is not waits', async () => {
  const here = place();
  const { post } = await startApi(here);
  await here.worker();
  const { body } = await post('/v1/updates?wait=10000', [
    increment(here.key('n'), { delayMs: 300 }),
    increment(here.key('n'), { runAt: new Date(Date.now() - HOUR).toISOString() }),
  ]);
  expect(body.updates.map(({ status }) => status)).toEqual(['applied', 'applied']);
  const later = await post('/v1/updates?wait=100', increment(here.key('n'), { delayMs: HOUR }));
  expect(later.body.updates).toMatchObject([{ status: 'accepted' }]);
  expect(await here.client.get(here.key('n'))).toBe('2');
});

test.each<[what: string, timing: object, path: string, message: RegExp]>([
  ['a delay below 0', { delayMs: -1 }, 'delayMs', /0 to 31536000000/],
  ['a delay of more than a year', { delayMs: 365 * DAY + 1 }, 'delayMs', /365 days/],
  ['a delay that is a text', { delayMs: '5' }, 'delayMs', /whole number of ms/],
  ['a time without a zone', { runAt: '2026-12-24T18:00:00' }, 'runAt', /with its zone/],
  ['a time that is none', { runAt: 'tomorrow' }, 'runAt', /RFC 3339/],
  ['a time that is a number', { runAt: 1_800_000_000_000 }, 'runAt', /RFC 3339/],
  ['a time in two years', { runAt: '2999-01-01T00:00:00Z' }, 'runAt', /365 days/],
  ['both', { delayMs: 5, runAt: '2026-12-24T18:00:00Z' }, 'runAt', /not both/],
  ['a priority of 0', { priority: 0 }, 'priority', /1 \(first\)/],
  ['a priority beyond the largest', { priority: 2_097_152 }, 'priority', /2097151/],
])('%s is refused, and nothing is accepted', async (_, timing, path, message) => {
  const here = place();
  const { post } = await startApi(here);
  const { status, body } = await post<ShownProblem>('/v1/updates', [
    increment(here.key('n')),
    increment(here.key('n'), timing),
  ]);
  expect({ status, code: body.code, accepted: body.accepted }).toEqual({
    status: 422,
    code: 'INVALID_UPDATE',
    accepted: 'none',
  });
  expect(body.errors).toMatchObject([{ path: `[1].${path}`, message: expect.stringMatching(message) as string }]);
  expect(await openQueue(here).getJobCountByTypes('waiting', 'delayed', 'prioritized')).toBe(0);
});

test('a time past the window of a key is refused by name', async () => {
  const here = place();
  const { post } = await startApi(here, { idempotencyWindowMs: DAY });
  const { status, body } = await post<ShownProblem>('/v1/updates', [
    increment(here.key('n'), { delayMs: DAY, idempotencyKey: 'a' }),
    increment(here.key('n'), { delayMs: DAY + 1, idempotencyKey: 'b' }),
    increment(here.key('n'), { runAt: new Date(Date.now() + 2 * DAY).toISOString(), idempotencyKey: 'c' }),
    increment(here.key('n'), { delayMs: 2 * DAY }),
  ]);
  expect({ status, code: body.code }).toEqual({ status: 422, code: 'DELAY_PAST_WINDOW' });
  expect(body.errors?.map(({ path }) => path)).toEqual(['[1].delayMs', '[2].runAt']);
  expect(body.errors?.[0]?.message).toMatch(/without a key/);
});

test('a delay past the window of its key is refused at submit, and one of more than a year always', async () => {
  const here = place();
  const producer = here.producer();
  const submit = (options: object) => producer.submit(increment(here.key('n')), options);

  const pastWindow = { code: 'DELAY_PAST_WINDOW', issues: [{ path: 'delay' }] };
  await expect(submit({ idempotencyKey: 'k', delay: DAY + 1 })).rejects.toMatchObject(pastWindow);
  await expect(submit({ delay: 366 * DAY })).rejects.toThrow(/delay/);
  await expect(submit({ idempotencyKey: 'k', delay: DAY })).resolves.toBeDefined();
  await expect(submit({ delay: 365 * DAY })).resolves.toBeDefined();
});

test('the library takes runAt beside delay, for a call and for each update', async () => {
  const here = place();
  const producer = here.producer({ idempotencyWindowMs: DAY });
  const [own, ofCall] = await producer.submit([increment(here.key('n'), { delayMs: HOUR }), increment(here.key('n'))], {
    runAt: in5Hours(),
    priority: 3,
  });
  expect(await optionsOf(here, own.id)).toEqual({ delay: HOUR, priority: 3 });
  const { delay } = await optionsOf(here, ofCall.id);
  expect(Math.round(delay / HOUR)).toBe(5);
  const single = await producer.counters.increment({ key: here.key('n') }, { runAt: in5Hours().toISOString() });
  expect(Math.round((await optionsOf(here, single.id)).delay / HOUR)).toBe(5);

  const submit = (options: object) => producer.submit(increment(here.key('n')), options);
  await expect(submit({ runAt: new Date(NaN) })).rejects.toThrow(/runAt/);
  await expect(submit({ runAt: in5Hours(), delay: 5 })).rejects.toThrow(/not both/);
  await expect(submit({ runAt: new Date(Date.now() + 2 * DAY), idempotencyKey: 'k' })).rejects.toMatchObject({
    code: 'DELAY_PAST_WINDOW',
    issues: [{ path: 'runAt' }],
  });
});

test('tally submit takes --delay, --run-at and --priority', async () => {
  const here = place();
  const environment = { REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const params = ['--params', JSON.stringify({ key: here.key('n') })];
  const submit = (...flags: string[]) =>
    tally(environment, 'submit', 'counter.increment', ...params, '--json', ...flags);

  const delayed = await submit('--delay', String(HOUR), '--priority', '4');
  const { id } = JSON.parse(delayed.stdout) as { id: string };
  expect(await optionsOf(here, id)).toEqual({ delay: HOUR, priority: 4 });
  const later = await submit('--run-at', in5Hours().toISOString());
  expect(Math.round((await optionsOf(here, (JSON.parse(later.stdout) as { id: string }).id)).delay / HOUR)).toBe(5);

  for (const [flags, words] of [
    [['--delay', 'soon'], '--delay must be a whole number of ms, but is "soon"'],
    [['--run-at', 'noon'], 'runAt: must be a time with its zone'],
    [['--delay', '1', '--run-at', in5Hours().toISOString()], 'not both'],
    [['--priority', '0'], 'priority: must be a whole number from 1'],
  ] as const) {
    const refused = await submit(...flags);
    expect(refused.code, flags.join(' ')).toBe(2);
    expect(refused.stderr).toContain(words);
  }
});
