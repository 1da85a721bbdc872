import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { paramsSchema } from '../../src/api/operations.js';
import { ConfigurationError, ValidationError } from '../../src/errors.js';
import { idempotencyKeySchema } from '../../src/operations/idempotency-key.js';
import type { Operation } from '../../src/operations/operation.js';
import { createRegistry } from '../../src/operations/registry.js';
import { checkUpdate } from '../../src/operations/update.js';
import { createKeys } from '../../src/redis/keys.js';
import type { Namespace } from '../../src/redis/keys.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { parseTemplate, RowFault, RowReader } from './params-of-row.js';
import type { ParamSchema } from './params-of-row.js';
import { readRows } from './rows.js';
import type { FileForm } from './rows.js';
import { count, number } from '../words.js';

const SHOWN_FAULTS = 20;

/** What is to be imported, of which it is known that every row can be. */
export interface FileFlags {
  readonly operation: string;
  readonly param?: readonly string[];
  readonly format?: string;
  readonly delimiter: string;
  readonly id?: string;
}

export interface Import {
  readonly path: string;
  readonly form: FileForm;
  readonly operation: string;
  readonly reader: RowReader;
  readonly id: string;
  readonly rows: number;
}

/** Reads the file once. @throws ConfigurationError that names its faulty lines: nothing was submitted */
export async function checkFile(
  path: string,
  flags: FileFlags,
  { operations, ...names }: Namespace & { readonly operations: readonly Operation[] },
): Promise<Import> {
  if (!existsSync(path) || !statSync(path).isFile()) {
    throw new ConfigurationError(`there is no file ${path} (it is read twice, so it can't be a pipe)`);
  }
  const form = formOf(path, flags);
  const registry = createRegistry(operations);
  const operation = registry.find(flags.operation);
  if (operation === undefined) {
    throw new ConfigurationError(registry.unknown(flags.operation));
  }
  const { properties = {} } = paramsSchema(operation) as { properties?: Record<string, ParamSchema> };
  const reader = new RowReader((flags.param ?? []).map(parseTemplate), properties, form.format);
  const context = { registry, isReservedKey: createKeys(names).isReserved, slotOf: () => NO_SLOT, sentAt: Date.now };
  const digest = createHash('sha256').update(JSON.stringify([operation.name, flags.param ?? [], form]));
  const faults: string[] = [];
  let [rows, faulty] = [0, 0];
  for await (const some of readRows(path, form, (chunk) => digest.update(chunk))) {
    rows += some.length;
    for (const row of some) {
      try {
        checkUpdate({ operation: operation.name, params: reader.paramsOf(row) }, context);
      } catch (error) {
        faulty += 1;
        if (faults.length < SHOWN_FAULTS) {
          faults.push(`  line ${row.line}: ${faultOf(error)}`);
        }
      }
    }
  }
  if (faulty > 0) {
    const more = faulty > faults.length ? `\n  and ${number(faulty - faults.length)} more` : '';
    throw new ConfigurationError(
      `${faulty} of ${count(rows, 'row')} can't be imported, so none was:\n${faults.join('\n')}${more}`,
    );
  }
  const id = flags.id ?? digest.digest('base64url').slice(0, 22);
  requireId(id, rows);
  return { path, form, operation: operation.name, reader, id, rows };
}

function requireId(id: string, rows: number): void {
  if (id === '') {
    throw new ConfigurationError('--id must not be empty');
  }
  const { error } = idempotencyKeySchema.safeParse(keyOfRow(id, rows));
  if (error !== undefined) {
    throw new ConfigurationError(
      `--id with the number of a row after it ${error.issues[0]?.message ?? 'is no idempotency key'}`,
    );
  }
}

/** The idempotency key of a row; the first has number 1. */
export function keyOfRow(id: string, row: number): string {
  return `${id}:${row}`;
}

function faultOf(error: unknown): string {
  if (error instanceof ValidationError) {
    return error.issues.map(({ path, message }) => [path, message].filter((text) => text !== '').join(': ')).join('; ');
  }
  if (error instanceof RowFault) {
    return error.message;
  }
  throw error;
}

function formOf(path: string, { format = path.endsWith('.csv') ? 'csv' : 'ndjson', delimiter }: FileFlags): FileForm {
  if (format !== 'csv' && format !== 'ndjson') {
    throw new ConfigurationError(`--format must be csv or ndjson, but is "${format}"`);
  }
  if (delimiter.length !== 1) {
    throw new ConfigurationError(`--delimiter must be one character, but is "${delimiter}"`);
  }
  return { format, delimiter };
}
