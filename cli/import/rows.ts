import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { ConfigurationError } from '../../src/errors.js';
import { PlainCsv } from './plain-csv.js';
import type { Row } from './row.js';

const ROWS_AT_A_TIME = 500;

export interface FileForm {
  readonly format: 'csv' | 'ndjson';
  /** Between the columns of CSV. */
  readonly delimiter: string;
}

/**
 * Reads a file, several rows at a time.
 *
 * @param watch gets each part of the file
 * @throws ConfigurationError that names the line which is not of this form
 */
export function readRows(path: string, form: FileForm, watch: (chunk: Buffer) => void): AsyncIterable<readonly Row[]> {
  const file = createReadStream(path);
  return form.format === 'csv' ? readCsv(watched(file, watch), form.delimiter) : readNdjson(file, watch);
}

async function* watched(file: Readable, watch: (chunk: Buffer) => void): AsyncGenerator<Buffer, undefined> {
  for await (const chunk of file as AsyncIterable<Buffer>) {
    watch(chunk);
    yield chunk;
  }
}

async function* readCsv(chunks: AsyncGenerator<Buffer, undefined>, delimiter: string): AsyncIterable<readonly Row[]> {
  const plain = new PlainCsv(delimiter);
  try {
    for (let isLast = false; !isLast;) {
      const { value } = await chunks.next();
      isLast = value === undefined;
      const rows = plain.read(value ?? Buffer.alloc(0), isLast);
      if (rows === undefined) {
        yield* parseCsv(joined(plain.unread, chunks), plain.names, delimiter);
        return;
      }
      yield rows;
    }
  } finally {
    await chunks.return(undefined);
  }
}

async function* joined(first: Buffer, others: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  yield first;
  yield* others;
}

/** @param names undefined when their line is still to come */
async function* parseCsv(
  chunks: AsyncIterable<Buffer>,
  names: readonly string[] | undefined,
  delimiter: string,
): AsyncIterable<readonly Row[]> {
  const columns = names === undefined ? distinct : [...names];
  const parser = parse({ bom: true, columns, delimiter, info: true, skip_empty_lines: true });
  const file = Readable.from(chunks);
  file.on('error', (error) => parser.destroy(error));
  file.pipe(parser);
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>) {
      yield [{ line: info.lines, columns: record }];
    }
  } catch (error) {
    throw error instanceof CsvError ? new ConfigurationError(`the file is no CSV: ${error.message}`) : error;
  } finally {
    file.destroy();
  }
}

function distinct(header: readonly string[]): string[] {
  const twice = header.find((name, place) => header.indexOf(name) !== place);
  if (twice !== undefined) {
    throw new ConfigurationError(`the file has two columns "${twice}": rename one of them`);
  }
  return [...header];
}

async function* readNdjson(file: Readable, watch: (chunk: Buffer) => void): AsyncIterable<readonly Row[]> {
  file.on('data', watch);
  let line = 0;
  let rows: Row[] = [];
  const lines = createInterface({ input: file, crlfDelay: Infinity });
  const failed = new Promise<never>((_, reject) => file.once('error', reject));
  failed.catch(() => undefined);
  for await (const text of lines) {
    line += 1;
    if (text.trim() !== '') {
      rows.push({ line, columns: objectIn(text, line) });
    }
    if (rows.length === ROWS_AT_A_TIME) {
      yield rows;
      rows = [];
    }
  }
  if (file.errored !== null) {
    await failed;
  }
  yield rows;
}

function objectIn(text: string, line: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigurationError(`line ${line} is no JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ConfigurationError(`line ${line} holds no object, such as {"key":"stock:mug","count":12}`);
  }
  return value as Record<string, unknown>;
}
