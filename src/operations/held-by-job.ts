import { stringify } from 'safe-stable-stringify';
import type { Operation } from './operation.js';

/**
 * Params of an operation of a user's own as a job holds them: the worker checks them again, so what JSON does not hold, and a schema that
 * changes its own output, would make others of them.
 *
 * @param params as their schema has put them out
 * @returns a copy, which nobody else can change any more; or why they can't be sent
 */
export function asHeldByJob(operation: Operation, params: unknown): { params: unknown } | { fault: string } {
  let held: unknown;
  try {
    held = JSON.parse(JSON.stringify(params));
  } catch (error) {
    return { fault: `can't be written as JSON: ${(error as Error).message}` };
  }
  if (!isHeldBy(held, params)) {
    return {
      fault:
        'may hold what JSON does, and nothing else: texts, finite numbers, true, false, null, lists and plain objects',
    };
  }
  if (operation.accept(held) !== undefined) {
    return { params: held }; // such a schema puts out nothing but what it gets, and defaults
  }
  const again = operation.params.safeParse(held);
  return again.success && stringify(again.data) === stringify(held)
    ? { params: held }
    : {
        fault: `the params schema of ${operation.name} does not accept its own output unchanged: leave out transforms`,
      };
}

/** Whether JSON holds a value as it is; properties that are undefined are as good as missing. */
function isHeldBy(held: unknown, value: unknown): boolean {
  if (typeof value !== 'object' || value === null || typeof held !== 'object' || held === null) {
    return value === held;
  }
  if (Array.isArray(value)) {
    return Array.isArray(held) && value.every((each, place) => isHeldBy(held[place], each));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  const left = held as Readonly<Record<string, unknown>>;
  return (
    (prototype === null || Object.getPrototypeOf(prototype) === null) &&
    Object.entries(value).every(([name, each]) => each === undefined || isHeldBy(left[name], each))
  );
}
