import { ConfigurationError } from '../../src/errors.js';
import type { Row } from './row.js';
import type { FileForm } from './rows.js';

/** The part of a JSON Schema that tells which values a param takes. */
export interface ParamSchema {
  readonly type?: string;
  readonly format?: string;
  readonly anyOf?: readonly ParamSchema[];
}

/** What is wrong with a row, in words. */
export class RowFault extends Error {}

/** A param of all rows: text with columns in braces, such as `stock:{sku}`. */
interface Template {
  readonly param: string;
  /** In turn text and the name of a column, beginning with text. */
  readonly parts: readonly string[];
}

const COLUMN = /\{([^{}]+)\}/;

/** Reads `key=stock:{sku}`. @throws ConfigurationError */
export function parseTemplate(text: string): Template {
  const [, param, pattern] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (param === undefined || pattern === undefined) {
    throw new ConfigurationError(`--param "${text}" must be name=value, such as --param key=stock:{sku}`);
  }
  return { param, parts: pattern.split(COLUMN) };
}

/**
 * Makes the params of an update from a row: by templates, or else all columns, by their names. What is empty in CSV is left out; NDJSON
 * leaves out by itself what there is not, and an empty text is one, for the operation to refuse.
 *
 * @param schemas of the operation's params, by name: a text becomes a number where one is asked for
 */
export class RowReader {
  /** What a param may be, by its name. */
  readonly #types: ReadonlyMap<string, ReadonlySet<string | undefined>>;

  constructor(
    private readonly templates: readonly Template[],
    schemas: Readonly<Record<string, ParamSchema>>,
    private readonly format: FileForm['format'],
  ) {
    this.#types = new Map(Object.entries(schemas).map(([param, schema]) => [param, typesOf(schema)]));
  }

  /** @throws RowFault when a column that a template names is missing, or empty amid a text */
  paramsOf({ columns }: Row): Record<string, unknown> {
    const entries: (readonly [param: string, value: unknown])[] =
      this.templates.length > 0
        ? this.templates.map(({ param, parts }) => [param, filled(parts, columns)] as const)
        : Object.entries(columns);
    const present: [string, unknown][] = [];
    for (const [param, value] of entries) {
      if (value !== undefined && (value !== '' || this.format === 'ndjson')) {
        present.push([param, typed(value, this.#types.get(param))]);
      }
    }
    return Object.fromEntries(present);
  }
}

function typesOf(schema: ParamSchema): ReadonlySet<string | undefined> {
  return new Set([schema, ...(schema.anyOf ?? [])].map(({ type, format }) => (format === 'date-time' ? format : type)));
}

function filled(parts: readonly string[], columns: Row['columns']): unknown {
  const [before = '', column, after] = parts;
  if (column !== undefined && parts.length === 3 && before === '' && after === '') {
    return columnOf(columns, column); // as it is: NDJSON has numbers
  }
  return parts.map((part, place) => (place % 2 === 0 ? part : textOf(columnOf(columns, part), part))).join('');
}

function columnOf(columns: Row['columns'], name: string): unknown {
  if (!Object.hasOwn(columns, name)) {
    const names = Object.keys(columns)
      .map((known) => `"${known}"`)
      .join(', ');
    throw new RowFault(`there is no column "${name}"; there are ${names}`);
  }
  return columns[name];
}

function textOf(value: unknown, column: string): string {
  if (typeof value === 'number' || (typeof value === 'string' && value !== '')) {
    return String(value);
  }
  throw new RowFault(`column "${column}" ${value === '' ? 'is empty' : 'holds no text'}, and stands within a text`);
}

/** A text as the kind of value that a param takes; as it is where it is none of them, for the operation to refuse. */
function typed(value: unknown, types: ReadonlySet<string | undefined> | undefined): unknown {
  if (typeof value !== 'string' || types === undefined || types.has('string')) {
    return value;
  }
  if ((types.has('integer') || types.has('number')) && /^\s*[-+]?\d+\s*$/.test(value)) {
    return Number(value);
  }
  if (types.has('boolean') && /^(true|false)$/.test(value)) {
    return value === 'true';
  }
  if (types.has('null') && value === 'null') {
    return null;
  }
  return types.has('array') || types.has('object') ? parsed(value) : value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
