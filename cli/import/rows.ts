import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { ConfigurationError } from '../../src/errors.js';

/** One row of a file: of CSV texts by the names of its columns, of NDJSON what the object of its line holds. */
export interface Row {
  /** Where it ends in the file, from 1 on. */
  readonly line: number;
  readonly columns: Readonly<Record<string, unknown>>;
}

export interface FileForm {
  readonly format: 'csv' | 'ndjson';
  /** Between the columns of CSV. */
  readonly delimiter: string;
}

/**
 * Reads a file row by row.
 *
 * @throws ConfigurationError that names the line which is not of this form
 */
export function readRows(path: string, form: FileForm, watch: (chunk: Buffer) => void): AsyncIterable<Row> {
  const file = createReadStream(path);
  file.on('data', (chunk) => {
    watch(chunk as Buffer);
  });
  return form.format === 'csv' ? readCsv(file, form.delimiter) : readNdjson(file);
}

async function* readCsv(file: Readable, delimiter: string): AsyncIterable<Row> {
  const parser = parse({ bom: true, columns: distinct, delimiter, info: true, skip_empty_lines: true });
  file.on('error', (error) => parser.destroy(error));
  file.pipe(parser);
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>) {
      yield { line: info.lines, columns: record };
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

async function* readNdjson(file: Readable): AsyncIterable<Row> {
  let line = 0;
  const lines = createInterface({ input: file, crlfDelay: Infinity });
  const failed = new Promise<never>((_, reject) => file.once('error', reject));
  failed.catch(() => undefined);
  for await (const text of lines) {
    line += 1;
    if (text.trim() !== '') {
      yield { line, columns: objectIn(text, line) };
    }
  }
  if (file.errored !== null) {
    await failed;
  }
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
