import { createHash } from 'node:crypto';
import { stringify } from 'safe-stable-stringify';
import { z } from 'zod';
import { ValidationError } from '../errors.js';
import type { ValidationCode, ValidationIssue } from '../errors.js';
import type { Operation, Step } from './operation.js';
import { faultOf } from './step.js';
import type { Registry } from './registry.js';

/** One requested change. */
export interface Update<Name extends string = string, Params = unknown> {
  readonly operation: Name;
  readonly params: Params;
  /** The caller's name for this change, 1 to 255 bytes: however often it is sent, it takes effect once. */
  readonly idempotencyKey?: string | undefined;
}

/** An update that was checked, with its params complete. */
export interface CheckedUpdate {
  readonly operation: Operation;
  readonly params: unknown;
  readonly steps: readonly Step[];
  readonly idempotencyKey?: string | undefined;
}

/** Whether a key belongs to Tally or BullMQ, so that no update may write it. */
export type IsReservedKey = (key: string) => boolean;

const updateSchema = z.strictObject(
  {
    operation: z.string({ error: 'name the operation, e.g. "counter.increment"' }),
    params: z.unknown(),
    idempotencyKey: z
      .string({ error: 'must be a string' })
      .min(1, 'must not be empty')
      .refine((key) => Buffer.byteLength(key) <= 255, 'must not be longer than 255 bytes')
      .refine((key) => key.isWellFormed(), 'must be valid Unicode, without lone surrogates')
      .optional(),
  },
  { error: (issue) => (issue.code === 'invalid_type' ? 'an update is an object { operation, params }' : undefined) },
);

/**
 * Checks updates before they are queued, and once more before they are applied: all are valid or none.
 *
 * @throws ValidationError with every issue found
 */
export function checkUpdates(
  updates: readonly unknown[],
  registry: Registry,
  isReservedKey: IsReservedKey,
  pathOf: (index: number) => string = (index) => `[${index}]`,
): CheckedUpdate[] {
  const issues: ValidationIssue[] = [];
  const checked = updates.map((update, index) => {
    const result = checkUpdate(update, registry, isReservedKey);
    if ('issues' in result) {
      issues.push(...result.issues.map((issue) => ({ ...issue, path: joinPath(pathOf(index), issue.path) })));
      return undefined;
    }
    return result.update;
  });
  const [first, ...rest] = issues;
  if (first !== undefined) {
    throw new ValidationError([first, ...rest]);
  }
  return checked as CheckedUpdate[];
}

type Checked = { update: CheckedUpdate } | { issues: ValidationIssue[] };

function checkUpdate(update: unknown, registry: Registry, isReservedKey: IsReservedKey): Checked {
  const parsed = updateSchema.safeParse(update);
  if (!parsed.success) {
    return { issues: parsed.error.issues.map((issue) => toIssue(issue, 'INVALID_UPDATE')) };
  }
  const { operation: name, params, idempotencyKey } = parsed.data;
  const operation = registry.find(name);
  if (operation === undefined) {
    const suggestion = registry.suggest(name);
    const hint = suggestion === undefined ? '' : `; did you mean "${suggestion}"?`;
    return {
      issues: [{ path: 'operation', code: 'UNKNOWN_OPERATION', message: `unknown operation "${name}"${hint}` }],
    };
  }
  return checkParams(operation, params, idempotencyKey, isReservedKey);
}

function checkParams(
  operation: Operation,
  params: unknown,
  idempotencyKey: string | undefined,
  isReservedKey: IsReservedKey,
): Checked {
  const parsed = operation.params.safeParse(params);
  if (!parsed.success) {
    return {
      issues: parsed.error.issues.map((issue) =>
        toIssue({ ...issue, path: ['params', ...issue.path] }, 'INVALID_PARAMS'),
      ),
    };
  }
  const steps = operation.steps(parsed.data);
  const fault = steps.flatMap((step) => faultOf(step) ?? [])[0];
  if (fault !== undefined) {
    return { issues: [{ path: 'params', code: 'INVALID_PARAMS', message: fault }] };
  }
  for (const { cells } of steps) {
    for (const { key } of cells) {
      if (isReservedKey(key)) {
        const path = joinPath('params', pathOfKey(parsed.data, key));
        return {
          issues: [{ path, code: 'RESERVED_KEY', message: `"${key}" belongs to Tally or BullMQ; use another key` }],
        };
      }
    }
  }
  return { update: { operation, params: parsed.data, steps, idempotencyKey } };
}

/** 96 bits of SHA-256 over the operation and its params in canonical form, as base64url. */
export function fingerprint(operation: string, params: unknown): string {
  const hash = createHash('sha256').update(`${operation}\n${stringify(params) ?? ''}`);
  return hash.digest().subarray(0, 12).toString('base64url');
}

function toIssue(issue: z.core.$ZodIssue, code: ValidationCode): ValidationIssue {
  const path = issue.path.reduce<string>((text, part) => joinPath(text, partText(part)), '');
  return { path, code, message: issue.code === 'unrecognized_keys' ? unknownProperties(issue.keys) : issue.message };
}

function unknownProperties(names: readonly string[]): string {
  return `unknown ${names.length === 1 ? 'property' : 'properties'} ${names.map((name) => `"${name}"`).join(', ')}`;
}

function partText(part: PropertyKey): string {
  return typeof part === 'number' ? `[${part}]` : String(part);
}

function joinPath(first: string, second: string): string {
  return first === '' || second === '' || second.startsWith('[') ? first + second : `${first}.${second}`;
}

/** Where in the params a key stands. */
function pathOfKey(value: unknown, key: string): string {
  if (typeof value !== 'object' || value === null) {
    return '';
  }
  for (const [name, inner] of Object.entries(value)) {
    const part = Array.isArray(value) ? `[${name}]` : name;
    if (name === 'key' && inner === key) {
      return part;
    }
    const deeper = pathOfKey(inner, key);
    if (deeper !== '') {
      return joinPath(part, deeper);
    }
  }
  return '';
}
