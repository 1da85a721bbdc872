import type { Detail } from './entry.js';

/** What the board sets of a queue, by the end of the path. */
const SETTINGS: Readonly<Record<string, (body: Record<string, unknown>) => string>> = {
  '/rate-limit': ({ max, duration }) => (isUnset(max) ? 'no limit' : `${text(max)} jobs in ${text(duration)} ms`),
  '/concurrency': ({ concurrency }) => (concurrency === 0 ? 'no limit' : `${text(concurrency)} jobs at a time`),
  '/delay': ({ runAt }) => `until ${time(runAt)}`,
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

/** @param value in ms, as a browser sends it; which may be anything */
function time(value: unknown): string {
  const isTime = typeof value === 'number' && !Number.isNaN(new Date(value).getTime());
  return isTime ? new Date(value).toISOString() : 'something else than a time';
}

/** A number, whatever was sent as one. */
function text(value: unknown): string {
  return typeof value === 'number' ? String(value) : 'something else than a number';
}
