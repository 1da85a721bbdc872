import { describe, expect, test } from 'vitest';
import { bucketAt, bucketsBetween, BUCKET_SIZES, endAfter, isBucketName } from '../../src/operations/buckets.js';
import type { BucketSize } from '../../src/operations/buckets.js';
import { isTimeZone } from '../../src/lib/zoned-time.js';

const at = Date.parse;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

test.each([
  ['hour', '2026-11-27T14'],
  ['day', '2026-11-27'],
  ['week', '2026-W48'],
  ['month', '2026-11'],
  ['year', '2026'],
] as const)('a %s is named %s', (size, name) => {
  expect(bucketAt(at('2026-11-27T14:05:59.999Z'), size, 'UTC').name).toBe(name);
  expect(isBucketName(name)).toBe(true);
});

// Of ISO 8601: the week of a year's first Thursday is its first.
test.each([
  ['2020-12-31', '2020-W53'],
  ['2021-01-03', '2020-W53'],
  ['2021-01-04', '2021-W01'],
  ['2024-12-30', '2025-W01'],
  ['2026-01-01', '2026-W01'],
  ['2026-12-31', '2026-W53'],
  ['2027-01-03', '2026-W53'],
  ['1970-01-01', '1970-W01'],
])('%s lies in the week %s', (day, week) => {
  expect(bucketAt(at(`${day}T12:00:00Z`), 'week', 'UTC').name).toBe(week);
});

test('a day is that of the zone, also where clocks are set in it', () => {
  const day = (text: string) => bucketAt(at(text), 'day', 'Europe/Berlin');
  expect(day('2026-11-27T22:59:59Z').name).toBe('2026-11-27');
  expect(day('2026-11-27T23:00:00Z').name).toBe('2026-11-28');
  const hours = ({ startMs, endMs }: { startMs: number; endMs: number }) => (endMs - startMs) / 3_600_000;
  expect(hours(day('2026-03-29T12:00:00Z'))).toBe(23);
  expect(hours(day('2026-10-25T12:00:00Z'))).toBe(25);
  expect(hours(day('2026-10-26T12:00:00Z'))).toBe(24);
});

test('of an hour that clocks in Berlin show twice, each is a bucket of its own; the one that they leave out is none', () => {
  const names = (from: string, to: string) =>
    [...bucketsBetween(at(from), at(to), 'hour', 'Europe/Berlin')].map(({ name }) => name);
  expect(names('2026-10-24T23:30:00Z', '2026-10-25T02:30:00Z')).toEqual([
    '2026-10-25T01',
    '2026-10-25T02+0200',
    '2026-10-25T02+0100',
    '2026-10-25T03',
  ]);
  expect(names('2026-03-29T00:30:00Z', '2026-03-29T02:30:00Z')).toEqual([
    '2026-03-29T01',
    '2026-03-29T03',
    '2026-03-29T04',
  ]);
});

test('half an hour that clocks on Lord Howe show twice belongs to two buckets', () => {
  const hour = (text: string) => bucketAt(at(text), 'hour', 'Australia/Lord_Howe');
  expect(hour('2026-04-04T14:45:00Z')).toMatchObject({ name: '2026-04-05T01+1100' });
  expect(hour('2026-04-04T15:00:00Z')).toMatchObject({
    name: '2026-04-05T01+1030',
    startMs: at('2026-04-04T15:00:00Z'),
    endMs: at('2026-04-04T15:30:00Z'),
  });
});

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Antarctica/Troll',
  'America/Havana',
];

describe.each(ZONES)('in %s', (zone) => {
  test.each(['hour', 'day', 'week', 'month'] as const)('each instant of a year lies in one %s', (size) => {
    let bucket = bucketAt(at('2026-01-01T00:00:00Z'), size, zone);
    const names = new Set<string>();
    while (bucket.startMs < at('2027-01-02T00:00:00Z')) {
      const { name, startMs, endMs } = bucket;
      expect(names.has(name), name).toBe(false);
      expect(isBucketName(name), name).toBe(true);
      names.add(name);
      for (const instant of [startMs, Math.floor((startMs + endMs) / 2), endMs - 1]) {
        expect(bucketAt(instant, size, zone)).toEqual(bucket);
      }
      const next = bucketAt(endMs, size, zone);
      expect(next.startMs).toBe(endMs);
      bucket = next;
    }
  });
});

test('asked in any order, an instant lies in the same bucket', () => {
  const instants = Array.from({ length: 300 }, (_, n) => at('2026-10-24T20:00:00Z') + n * 3 * MINUTE_MS);
  const names = (order: readonly number[]) =>
    new Map(order.map((ms) => [ms, bucketAt(ms, 'hour', 'Europe/Berlin').name] as const));
  const forwards = names(instants);
  const backwards = names([...instants].reverse());
  expect(instants.map((ms) => backwards.get(ms))).toEqual(instants.map((ms) => forwards.get(ms)));
});

test('further buckets end where the calendar says', () => {
  const end = (text: string, further: number, size: BucketSize, zone = 'UTC') =>
    new Date(endAfter(bucketAt(at(text), size, zone), further, size, zone)).toISOString();
  expect(end('2026-11-27T14:05:00Z', 2, 'hour')).toBe('2026-11-27T17:00:00.000Z');
  expect(end('2026-11-27T14:05:00Z', 7, 'day')).toBe('2026-12-05T00:00:00.000Z');
  expect(end('2026-10-24T14:05:00Z', 1, 'day', 'Europe/Berlin')).toBe('2026-10-25T23:00:00.000Z');
  expect(end('2026-11-27T14:05:00Z', 1, 'week')).toBe('2026-12-07T00:00:00.000Z');
  expect(end('2026-11-27T14:05:00Z', 2, 'month')).toBe('2027-02-01T00:00:00.000Z');
  expect(end('2026-11-27T14:05:00Z', 1, 'year')).toBe('2028-01-01T00:00:00.000Z');
});

test('a range has the buckets of both of its ends', () => {
  const names = (from: string, to: string, size: BucketSize) =>
    [...bucketsBetween(at(from), at(to), size, 'UTC')].map(({ name }) => name);
  expect(names('2026-11-29T23:00:00Z', '2026-12-01T00:00:00Z', 'day')).toEqual([
    '2026-11-29',
    '2026-11-30',
    '2026-12-01',
  ]);
  expect(names('2026-12-31T23:00:00Z', '2026-12-31T23:30:00Z', 'year')).toEqual(['2026']);
  expect(names('2026-12-31T23:00:00Z', '2026-12-31T22:00:00Z', 'hour')).toEqual([]);
  expect(BUCKET_SIZES).toHaveLength(5);
  expect(
    names('2026-01-01T00:00:00Z', new Date(at('2026-01-01T00:00:00Z') + 10 * DAY_MS).toISOString(), 'week'),
  ).toEqual(['2026-W01', '2026-W02']);
});

test.each([
  ['Europe/Berlin', true],
  ['UTC', true],
  ['Etc/GMT+5', true],
  ['Europe/Nowhere', false],
  ['', false],
  ['+01:00', false],
  ['Europe/Berlin ', false],
])('%j is a time zone: %s', (name, is) => {
  expect(isTimeZone(name)).toBe(is);
});
