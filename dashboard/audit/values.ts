import type { Detail } from './entry.js';

/** What the board sets of a queue, by the end of the path. */
const SETTINGS: Readonly<Record<string, (body: Record<string, unknown>) => string>> = {
  '/rate-limit': ({ max, duration }) => (isUnset(max) ? 'no limit' : `${text(max)} jobs in ${text(duration)} ms`),
  '/concurrency': ({ concurrency }) => (concurrency === 0 ? 'no limit' : `${text(concurrency)} jobs at a time`),
  '/delay': ({ delay }) => `${text(delay)} ms`,
  '/priority': ({ priority }) => text(priority),
};

/** The values that a request sets, for the audit. */
export function valuesOf(path: string, body: unknown): Detail {
  const end = Object.keys(SETTINGS).find((each) => path.endsWith(each));
  const describe = end === undefined ? undefined : SETTINGS[end];
  return describe === undefined || typeof body !== 'object' || body === null
    ? {}
    : { detail: describe(body as Record<string, unknown>) };
}

function isUnset(value: unknown): boolean {
  return value === null || value === undefined;
}

/** A number, whatever was sent as one. */
function text(value: unknown): string {
  return typeof value === 'number' ? String(value) : 'something else than a number';
}
