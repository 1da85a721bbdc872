import { z } from 'zod';
import { cellId, describeCell } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import { checkBucketParams } from './bucket-params.js';

/** The largest magnitude of a value: 2^53 - 1, up to which both JavaScript and Lua numbers are exact. */
const MAX_INTEGER = Number.MAX_SAFE_INTEGER;

const MAX_KEY_BYTES = 512;
export const MAX_TTL_SECONDS = 10 * 365 * 24 * 3600;

function isShort(text: string, maxBytes = MAX_KEY_BYTES): boolean {
  return text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes; // UTF-8 takes 3 bytes at most
}

/** Whether a text can be the name of a key, field or member. What names cells may be anybody's, and give anything. */
export function isName(text: unknown): boolean {
  return typeof text === 'string' && text !== '' && isShort(text) && text.isWellFormed();
}

export function isTtlSeconds(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MAX_TTL_SECONDS;
}

/** A text that names something in Redis. @param what it is called in errors */
export function name(what: string, maxBytes = MAX_KEY_BYTES) {
  return z
    .string({ error: `${what} must be a string` })
    .min(1, `${what} must not be empty`)
    .refine((text) => isShort(text, maxBytes), `${what} must not be longer than ${maxBytes} bytes`)
    .refine((text) => text.isWellFormed(), `${what} must be valid Unicode, without lone surrogates`);
}

/** A whole number from `min` to `max`, both within +-(2^53 - 1). */
export function wholeNumber({ min = -MAX_INTEGER, max = MAX_INTEGER }: { min?: number; max?: number } = {}) {
  const error = `must be a whole number from ${min} to ${max}`;
  const { MAX_SAFE_INTEGER: limit } = Number; // z.int() itself holds to it
  const atLeast = min > -limit ? z.int({ error }).min(min, { error }) : z.int({ error });
  return max < limit ? atLeast.max(max, { error }) : atLeast;
}

/** A list of `min` to `max` of something. @param what it is called in errors */
export function listOf<Item extends z.ZodType>(
  item: Item,
  what: string,
  { min = 1, max }: { min?: number; max: number },
) {
  const error = `must be a list of ${min} to ${max} ${what}`;
  return z.array(item, { error }).min(min, { error }).max(max, { error });
}

/** Seconds until a key that the update creates expires: 1 to ten years. */
export function ttlSeconds() {
  return wholeNumber({ min: 1, max: MAX_TTL_SECONDS });
}

/** What the cell must hold for the update to apply; null when it must be missing. */
export function expected() {
  const error = `must be a whole number from ${-MAX_INTEGER} to ${MAX_INTEGER}, or null for a cell that must be missing`;
  return z.int({ error }).nullable().optional();
}

/** How a plan is told of {@link expected}. */
export function expectedArgument(value: number | null | undefined): number | boolean {
  return value === null ? true : (value ?? false);
}

/** Why an update is rejected that expected something else. */
export function changed([found]: readonly number[], cell: Cell & { readonly expected?: number | null | undefined }) {
  const wanted = cell.expected === null ? 'it was to be missing' : `${cell.expected} was expected`;
  return {
    message: `${describeCell(cell)} is ${found ?? 'missing'}; ${wanted}: read it, and send what fits`,
    found: found ?? null,
  };
}

const NO_OBJECT = 'must be an object with key, and what else belongs to it';

const cellShape = {
  /** The key in Redis, exactly as it is written: 1 to 512 bytes. */
  key: name('key'),
  /** For a cell in a hash: its field. */
  field: name('field').optional(),
  /** For a cell in a sorted set: its member. */
  member: name('member').optional(),
};

/** That of whatever operation; documents of the API name those that there are in its place. */
export const anyResult = z.unknown();

/** A cell as results name it. */
export const namedCell = { key: z.string(), field: z.string().optional(), member: z.string().optional() };

/**
 * The schema of an object that names a cell (`key`, and `field` or `member`) beside other properties.
 * Unknown properties are refused.
 */
export function cellObject<Shape extends z.core.$ZodShape>(shape: Shape) {
  const schema = heldCellObject(shape)
    .refine(canExpire, {
      path: ['ttlSeconds'],
      error: 'only a plain key can expire: leave out ttlSeconds, or field and member',
    })
    .refine(hasLife, { path: ['renewTtl'], error: 'give ttlSeconds too: the life that each update sets anew' });
  return 'bucket' in shape ? checkBucketParams(schema) : schema;
}

/** The same where `ttlSeconds` is the life of something else than the cell. */
export function heldCellObject<Shape extends z.core.$ZodShape>(shape: Shape) {
  return z
    .strictObject(
      { ...cellShape, ...shape },
      { error: (issue) => (issue.code === 'invalid_type' ? NO_OBJECT : undefined) },
    )
    .refine(isOneKind, { path: ['member'], error: 'give field (a hash) or member (a sorted set), not both' });
}

function isOneKind(value: object): boolean {
  const { field, member } = value as Partial<Cell>;
  return field === undefined || member === undefined;
}

function canExpire(value: object): boolean {
  const { field, member, ttlSeconds: ttl } = value as Partial<Cell> & { ttlSeconds?: unknown };
  return ttl === undefined || (field === undefined && member === undefined);
}

function hasLife(value: object): boolean {
  const { ttlSeconds: ttl, renewTtl } = value as { ttlSeconds?: unknown; renewTtl?: unknown };
  return renewTtl !== true || ttl !== undefined;
}

/** 1 to 100 cells with their amounts, each cell once. */
export function distinctCells<Item extends z.ZodType<Cell>>(item: Item) {
  return listOf(item, 'cells', { max: 100 }).superRefine((cells, context) => {
    const seen = new Map<string, number>();
    for (const [index, cell] of cells.entries()) {
      const first = seen.get(cellId(cell));
      if (first !== undefined) {
        context.addIssue({
          code: 'custom',
          path: [index, 'key'],
          message: `is the same as entry ${first}: add their amounts up and give it once`,
        });
      }
      seen.set(cellId(cell), index);
    }
  });
}
