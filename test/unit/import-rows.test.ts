import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { PlainCsv } from '../../cli/import/plain-csv.js';
import { readRows } from '../../cli/import/rows.js';
import type { Row } from '../../cli/import/row.js';

const folder = mkdtempSync(join(tmpdir(), 'tally-rows-test-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

type Read = Row[] | { fault: string };

async function read(content: string | Buffer, delimiter = ','): Promise<Read> {
  const path = join(folder, 'rows.csv');
  writeFileSync(path, content);
  const found: Row[] = [];
  try {
    for await (const rows of readRows(path, { format: 'csv', delimiter }, () => undefined)) {
      found.push(...rows);
    }
  } catch (error) {
    return { fault: (error as Error).message };
  }
  return found;
}

/** What the parser alone makes of it. */
function parsed(content: string, delimiter = ','): Read {
  const columns = (names: string[]) => {
    const twice = names.find((name, place) => names.indexOf(name) !== place);
    if (twice !== undefined) {
      throw new Error(`the file has two columns "${twice}": rename one of them`);
    }
    return names;
  };
  try {
    const rows = parse(content, { bom: true, columns, delimiter, info: true, skip_empty_lines: true }) as unknown as {
      record: Record<string, string>;
      info: { lines: number };
    }[];
    return rows.map(({ record, info }) => ({ line: info.lines, columns: record }));
  } catch (error) {
    const { message } = error as Error;
    return { fault: error instanceof CsvError ? `the file is no CSV: ${message}` : message };
  }
}

const PIECES = ['a', 'b', ',', ',', '\n', '\n', '\r\n', '\r', '"', '""', ' ', 'ü', '\uFEFF', '__proto__', ''];

test('a CSV is read as the parser reads it, whether or not the parser is needed', async () => {
  const text = fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((pieces) => pieces.join(''));
  const lines = fc
    .tuple(
      fc.constantFrom('\n', '\r\n'),
      fc.array(fc.tuple(fc.constantFrom('a', '1', ''), fc.constantFrom('b', '"b"', '2', '')), { maxLength: 8 }),
    )
    .map(([end, rows]) => ['x,y', ...rows.map((row) => row.join(','))].join(end));
  await fc.assert(
    fc.asyncProperty(fc.oneof(text, lines), async (content) => {
      expect(await read(content)).toEqual(parsed(content));
    }),
    { numRuns: 1_000, examples: [['\n\uFEFFa\na']] },
  );
});

test('rows that lie across the parts in which a file is read are whole, with their lines, also behind the first quote', async () => {
  for (const end of ['\n', '\r\n']) {
    const plain = Array.from({ length: 30_000 }, (_, n) => `größe-${n},${n}`); // several parts of 64 KiB, cut within letters
    for (const last of ['mug,1', '"mug, blue",1']) {
      const content = ['sku,count', ...plain, '', last, ''].join(end);
      const rows = (await read(content)) as Row[];
      expect(rows).toEqual(parsed(content));
      expect(rows).toHaveLength(30_001);
    }
    const fault = ['sku,count', ...plain, 'mug'].join(end);
    expect(await read(fault)).toEqual({ fault: expect.stringContaining('got 1 on line 30002') as string });
  }
});

test('the parser is not needed for what most files are', () => {
  const plain = new PlainCsv(';');
  expect(plain.read(Buffer.from('\uFEFFa;b\r\n1;2\r\n\r\n3;'), false)).toEqual([
    { line: 2, columns: { a: '1', b: '2' } },
  ]);
  expect(plain.read(Buffer.from('4'), true)).toEqual([{ line: 4, columns: { a: '3', b: '4' } }]);
});

test('a file in UTF-16 is read, as it always was', async () => {
  expect(await read(Buffer.from('\uFEFFkey,by\nx,1\n', 'utf16le'))).toMatchObject([{ columns: { key: 'x', by: '1' } }]);
});

test('a file whose lines end as on old Macs is read in parts as well', async () => {
  const content = ['sku,count', ...Array.from({ length: 100_000 }, (_, n) => `mug-number-${n},${n}`)].join('\r');
  expect(await read(content)).toHaveLength(100_000);
});
