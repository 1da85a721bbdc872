import { expect, test } from 'vitest';
import type { ValidationError } from '../../src/errors.js';
import { paramsSchema } from '../../src/api/operations.js';
import { createRegistry } from '../../src/operations/registry.js';
import { commonSlot } from '../../src/operations/step.js';
import { checkUpdate, checkUpdatesOf, fingerprint } from '../../src/operations/update.js';
import type { CheckContext } from '../../src/operations/update.js';
import { NO_SLOT } from '../../src/redis/slots.js';

const NOON = Date.parse('2026-11-27T12:00:00Z');
const registry = createRegistry();
const isReservedKey = (key: string) => key.startsWith('tally:');

const server = (sentAtMs = NOON): CheckContext => ({
  registry,
  isReservedKey,
  slotOf: () => NO_SLOT,
  sentAt: () => sentAtMs,
});
const cluster = (sentAtMs = NOON): CheckContext => ({ ...server(sentAtMs), slotOf: (steps) => commonSlot(steps) });

const views = (more: object = {}) => ({
  operation: 'counter.increment',
  params: { key: 'views', bucket: 'day', ...more },
});

function cellsOf(update: object, context = server()) {
  return checkUpdate(update, context).steps.flatMap(({ cells }) => cells);
}

function issuesOf(update: object, context = server()) {
  try {
    checkUpdate(update, context);
  } catch (error) {
    return (error as ValidationError).issues.map(({ path, code, message }) => ({ path, code, message }));
  }
  return [];
}

test('an update counts in the bucket of the time at which it is sent, or at which it happened', () => {
  expect(cellsOf(views())).toMatchObject([{ key: 'views:2026-11-27' }]);
  expect(cellsOf(views({ at: '2026-11-26T23:59:59Z' }))).toMatchObject([{ key: 'views:2026-11-26' }]);
  expect(cellsOf(views({ at: NOON - 24 * 3_600_000 }))).toMatchObject([{ key: 'views:2026-11-26' }]);
  expect(cellsOf(views({ at: '2026-11-27T00:30:00+01:00' }))).toMatchObject([{ key: 'views:2026-11-26' }]);
  expect(cellsOf(views({ at: '2026-11-27T23:30:00Z', timeZone: 'Europe/Berlin' }))).toMatchObject([
    { key: 'views:2026-11-28' },
  ]);
  expect(
    cellsOf({ operation: 'xp.award', params: { key: 'xp', field: 'ann', amount: 1, bucket: 'week' } }),
  ).toMatchObject([{ key: 'xp:2026-W48', field: 'ann' }]);
  const entries = ['ann', 'bo'].map((member) => ({ key: 'board', member, by: 1 }));
  expect(cellsOf({ operation: 'scores.add', params: { entries, bucket: 'month' } })).toMatchObject([
    { key: 'board:2026-11', member: 'ann' },
    { key: 'board:2026-11', member: 'bo' },
  ]);
  const updates = [views(), { operation: 'counter.increment', params: { key: 'all' } }];
  expect(cellsOf({ operation: 'transaction', params: { updates } })).toMatchObject([
    { key: 'views:2026-11-27' },
    { key: 'all' },
  ]);
});

test('a worker takes the bucket of the job, whatever the time', () => {
  const { operation, params } = checkUpdate(views(), server());
  const { sentAt: _, ...worker } = server();
  const tags = () => ({ idempotencyKey: undefined, idempotencyOwner: '', slot: undefined });
  const [again] = checkUpdatesOf(operation.name, [params], tags, worker);
  expect(again).toMatchObject({ params, steps: [{ cells: [{ key: 'views:2026-11-27' }] }] });
  const [byHand] = checkUpdatesOf(operation.name, [views().params], tags, worker);
  expect(byHand).toMatchObject({
    refusal: expect.stringContaining('does not say in which bucket it counts') as string,
  });
});

test('an update that is sent again in the next bucket is the same update', () => {
  const [now, tomorrow] = [server(), server(NOON + 24 * 3_600_000)].map((context) =>
    checkUpdate(views({ keepBuckets: 3 }), context),
  );
  expect(tomorrow!.params).not.toEqual(now!.params);
  expect(fingerprint(tomorrow!.operation, tomorrow!.params)).toBe(fingerprint(now!.operation, now!.params));
  const other = checkUpdate(views({ keepBuckets: 3, at: NOON }), server());
  expect(fingerprint(other.operation, other.params)).not.toBe(fingerprint(now!.operation, now!.params));
  const utc = checkUpdate(views({ keepBuckets: 3, timeZone: 'UTC' }), server());
  expect(fingerprint(utc.operation, utc.params)).toBe(fingerprint(now!.operation, now!.params));
});

test('in a Cluster, where its key would be looked for in another slot, it says when it happened or has a hash tag', () => {
  const keyed = (params: object) => ({ ...views(params), idempotencyKey: 'k' });
  expect(issuesOf(keyed({}), cluster())).toMatchObject([{ path: 'params.at', code: 'INVALID_PARAMS' }]);
  expect(issuesOf(keyed({ at: NOON }), cluster())).toEqual([]);
  expect(issuesOf(keyed({ key: '{post1}:views' }), cluster())).toEqual([]);
  expect(issuesOf(views(), cluster())).toEqual([]);
  expect(issuesOf(keyed({}))).toEqual([]);
});

test('the key that is judged is that of the bucket', () => {
  expect(issuesOf(views({ key: 'tally' }))).toMatchObject([{ path: 'params.key', code: 'RESERVED_KEY' }]);
  const [a, b] = ['{a}:views', '{b}:views'].map((key) => views({ key }));
  expect(issuesOf({ operation: 'transaction', params: { updates: [a, b] } }, cluster())).toMatchObject([
    { path: 'params.updates[1].params.key', code: 'CROSS_SLOT' },
  ]);
  expect(checkUpdate(views(), cluster()).slot).toBe(commonSlot([{ cells: [{ key: 'views:2026-11-27' }] } as never]));
  expect(issuesOf(views({ key: 'k'.repeat(510) }))).toMatchObject([{ path: 'params', code: 'INVALID_PARAMS' }]);
});

test('a bucket lives until further ones are over; what comes later is too late, or later than it may be', () => {
  const step = (params: object) => checkUpdate(views(params), server()).steps[0];
  expect(step({})).not.toHaveProperty('late', true);
  expect(step({ keepBuckets: 1 })).toMatchObject({ ttlSeconds: 36 * 3_600 });
  expect(step({ keepBuckets: 1, at: NOON - 24 * 3_600_000 })).toMatchObject({ ttlSeconds: 12 * 3_600 });
  expect(step({ keepBuckets: 1, at: NOON - 48 * 3_600_000 })).toMatchObject({ late: true });
  expect(step({ lateBySeconds: 60, at: NOON - 60_000 })).not.toHaveProperty('late', true);
  expect(step({ lateBySeconds: 60, at: NOON - 60_001 })).toMatchObject({ late: true });
  expect(step({ lateBySeconds: 0 })).not.toHaveProperty('late', true);
});

test('a Date is the text of its time, in the job as in what tells two updates apart', () => {
  const at = new Date('2026-11-26T23:59:59Z');
  const given = checkUpdate(views({ at }), server());
  expect(given.params).toMatchObject({ at: '2026-11-26T23:59:59.000Z', placed: { bucket: '2026-11-26' } });
  const asText = checkUpdate(views({ at: at.toJSON() }), server());
  expect(fingerprint(given.operation, given.params)).toBe(fingerprint(asText.operation, asText.params));
});

test('a time ahead counts ahead, as a delayed update may mean it, but for a year at most and of a producer alone', () => {
  const [year, more] = [366 * 24 * 3_600_000, 366 * 24 * 3_600_000 + 1];
  expect(cellsOf(views({ at: NOON + year }))).toMatchObject([{ key: 'views:2027-11-28' }]);
  const wrong = expect.stringContaining("must not be more than 366 days ahead of Redis' clock") as string;
  expect(issuesOf(views({ at: NOON + more }))).toEqual([{ path: 'params.at', code: 'INVALID_PARAMS', message: wrong }]);
  const updates = [views(), views({ at: new Date(NOON + more) })];
  expect(issuesOf({ operation: 'transaction', params: { updates } })).toMatchObject([
    { path: 'params.updates[1].params.at', message: wrong },
  ]);
  const { operation, params } = checkUpdate(views({ at: NOON + year }), server());
  const { sentAt: _, ...worker } = server(NOON - 24 * 3_600_000); // by a clock that was set back
  const tags = () => ({ idempotencyKey: undefined, idempotencyOwner: '', slot: undefined });
  expect(checkUpdatesOf(operation.name, [params], tags, worker)).toMatchObject([{ params }]);
});

const WRONG: readonly (readonly [more: object, path: string, message: string])[] = [
  [{ bucket: 'minute' }, 'params.bucket', 'must be one of hour, day, week, month, year'],
  [{ timeZone: 'Europe/Nowhere' }, 'params.timeZone', 'is not the name of a time zone'],
  [{ at: '2026-11-27' }, 'params.at', 'must be a time with its offset from UTC'],
  [{ at: '2026-11-27T10:00:00' }, 'params.at', 'must be a time with its offset from UTC'],
  [{ at: -1 }, 'params.at', 'looks like seconds: give ms since 1970'],
  [{ at: NOON / 1_000 }, 'params.at', 'looks like seconds: give ms since 1970'],
  [{ at: NOON * 1_000 }, 'params.at', 'must be a time with its offset from UTC'],
  [{ at: new Date('no time') }, 'params.at', 'must be a time with its offset from UTC'],
  [{ at: new Date(-1) }, 'params.at', 'must be a time with its offset from UTC'],
  [{ at: '1969-12-31T00:00:00Z' }, 'params.at', 'must be a time with its offset from UTC'],
  [{ keepBuckets: 0 }, 'params.keepBuckets', 'must be a whole number of buckets from 1'],
  [{ keepBuckets: 100_000 }, 'params.keepBuckets', 'must be ten years at most'],
  [{ keepBuckets: 1, ttlSeconds: 5 }, 'params.keepBuckets', 'leave out ttlSeconds'],
  [{ lateBySeconds: -1 }, 'params.lateBySeconds', 'must be a whole number of seconds from 0'],
  [{ placed: { bucket: '2026-11-27' } }, 'params.placed', 'is said by Tally: leave it out'],
  ...['timeZone', 'at', 'keepBuckets', 'lateBySeconds'].map(
    (name) =>
      [
        { bucket: undefined, [name]: { timeZone: 'Europe/Berlin', at: NOON }[name] ?? 1 },
        `params.${name}`,
        'needs bucket: hour, day, week, month or year',
      ] as const,
  ),
];

test.each(WRONG)('params of a bucket that are not valid name the field: %j', (more, path, message) => {
  expect(issuesOf(views(more))).toEqual([
    { path, code: 'INVALID_PARAMS', message: expect.stringContaining(message) as string },
  ]);
});

test('callers are told of all params but of what Tally adds', () => {
  const { properties } = paramsSchema(registry.find('counter.increment')!) as { properties: object };
  expect(Object.keys(properties)).toEqual(expect.arrayContaining(['bucket', 'timeZone', 'at', 'keepBuckets']));
  expect(properties).not.toHaveProperty('placed');
});
