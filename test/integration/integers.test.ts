import { htmlUnescape } from 'escape-goat';
import { describe, expect, test } from 'vitest';
import type { Cell } from '../../src/index.js';
import { readCell } from '../../src/readers/read-cell.js';
import { CELL_KINDS, cellOf, store } from '../lua/cells.js';
import { tally } from '../support/command.js';
import { startDashboard } from '../support/dashboard.js';
import { startApi } from '../support/http-api.js';
import { place } from '../support/tally.js';
import type { Place } from '../support/tally.js';

const MAX = Number.MAX_SAFE_INTEGER;

/** What GET or HGET may find, and the integer that it is. */
const TEXTS: readonly (readonly [text: string, value: number | undefined])[] = [
  ...[0, 7, -7, MAX, -MAX, 5e15].map((value) => [String(value), value] as const),
  ...['1e3', ' ', '', '0x10', '007', '5.0', '+1', '-0', ' 1', '1 ', '1\n', '00', '1.5', '5e+15', '0b1', '0o7'].map(
    none,
  ),
  ...['1_000', '1,000', '١', 'abc', 'NaN', 'nan', 'inf', 'Infinity', '-', 'true', 'null', '\u00a01', '1\u0000'].map(
    none,
  ),
  ...['9007199254740992', '-9007199254740992', '9007199254740993', '1'.repeat(400)].map(none),
];

/** What ZADD may be given, and the integer that this score is. */
const SCORES: readonly (readonly [text: string, value: number | undefined])[] = [
  ...([
    ['5e15', 5e15],
    ['1e3', 1000],
    ['7.0', 7],
    ['-0', 0],
    [String(-MAX), -MAX],
  ] as const),
  ...['1.5', '-0.5', '1e-9', 'inf', '-inf', '9007199254740992', '1e300'].map(none),
];

function none(text: string): readonly [string, undefined] {
  return [text, undefined];
}

const TABLE = CELL_KINDS.flatMap((kind) =>
  (kind === 'sorted-set member' ? SCORES : TEXTS).map(([text, value]) => ({ kind, text, value })),
);

function queryOf(cell: Cell): string {
  return new URLSearchParams(Object.entries(cell) as [string, string][]).toString();
}

type Reader = (cell: Cell) => Promise<number | 'NOT_AN_INTEGER'>;

/** Everything that tells the value of a cell. */
const READERS: Readonly<Record<string, (here: Place) => Reader | Promise<Reader>>> = {
  'an update': async (here) => {
    await here.worker();
    const { scores } = here.producer();
    return async (cell) => {
      const outcome = await (await scores.add({ entries: [{ ...cell, by: 0 }] })).outcome();
      const { result, reason } = outcome as { result?: { scores: { value: number }[] }; reason?: string };
      return result?.scores[0]?.value ?? (reason as 'NOT_AN_INTEGER');
    };
  },
  readCell: (here) => (cell) =>
    readCell(here.client, cell).then(
      (found) => found?.value ?? Number.NaN,
      (error: unknown) => (error as { code: 'NOT_AN_INTEGER' }).code,
    ),
  'reader.get': (here) => {
    const reader = here.reader();
    return async (cell) => {
      const [found] = await reader.get([cell]);
      return found?.value ?? (found?.code as 'NOT_AN_INTEGER');
    };
  },
  'POST /v1/cells/read': async (here) => {
    const { post } = await startApi(here);
    return async (cell) => {
      const { body } = await post<{ cells: [{ value?: number; code: 'NOT_AN_INTEGER' }] }>('/v1/cells/read', {
        cells: [cell],
      });
      return body.cells[0].value ?? body.cells[0].code;
    };
  },
  'GET /v1/cells': async (here) => {
    const { get } = await startApi(here);
    return async (cell) => {
      const { status, body } = await get<{ value: number } | { code: 'NOT_AN_INTEGER' }>(`/v1/cells?${queryOf(cell)}`);
      expect(status).toBe('code' in body ? 409 : 200);
      return 'code' in body ? body.code : body.value;
    };
  },
  '/ops/keys': async (here) => {
    const { request } = await startDashboard(here);
    return async (cell) => {
      const page = await request(`/ops/keys?${queryOf(cell)}`);
      const text = htmlUnescape((await page.text()).replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ');
      const [, value] = / Value (-?\d+) Type of the key /.exec(text) ?? [];
      return value === undefined && text.includes('holds no integer') ? 'NOT_AN_INTEGER' : Number(value);
    };
  },
};

describe.each(Object.keys(READERS))('%s', (name) => {
  test('finds an integer where, and only where, it is one', async () => {
    const here = place();
    const read = await READERS[name]!(here);
    const found: object[] = [];
    for (const [n, { kind, text }] of TABLE.entries()) {
      const cell = cellOf(kind, here.key(`cell${n}`));
      await store(here.client, cell, text);
      found.push({ kind, text, value: await read(cell) });
    }

    expect(found).toEqual(TABLE.map(({ value, ...input }) => ({ ...input, value: value ?? 'NOT_AN_INTEGER' })));
  });
});

test.each(['1e3', ' ', '0x10', '007', '5.0'])('tally get ends with 1 for a string that holds %j', async (text) => {
  const here = place();
  await here.client.set(here.key('n'), text);

  const { code, stdout, stderr } = await tally({ REDIS_URL: here.redis }, 'get', here.key('n'));

  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('not an integer');
});

test('tally get prints a large score in full', async () => {
  const here = place();
  await here.client.zadd(here.key('board'), '5e15', 'ann');

  const { code, stdout } = await tally({ REDIS_URL: here.redis }, 'get', here.key('board'), '--member', 'ann');

  expect({ code, stdout }).toEqual({ code: 0, stdout: '5000000000000000\n' });
});
