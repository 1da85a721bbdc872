import type { RedisClient } from '../redis/connection.js';

/** The fields of a job's hash, by our names and by BullMQ's. */
const FIELDS = {
  name: 'name',
  /** JSON, exactly as `JSON.stringify` makes it of what was added. */
  data: 'data',
  /** JSON. */
  options: 'opts',
  /** In ms, by the clock of whoever added it. */
  addedAtMs: 'timestamp',
  /** Attempts that were begun. */
  attemptsStarted: 'ats',
  /** Attempts that have ended. */
  attemptsMade: 'atm',
  /** JSON; there when it was completed, until it is made to run again. */
  returned: 'returnvalue',
  /** In ms, by the worker's clock; the same. */
  endedAtMs: 'finishedOn',
  /** Of the last attempt that failed. */
  failedReason: 'failedReason',
  /** JSON: a list of the stacks of attempts that failed, the latest last. */
  stacks: 'stacktrace',
  /** JSON, which outlives all attempts. */
  progress: 'progress',
} as const;

type Field = keyof typeof FIELDS;

/** What was read of a job: null where there is no such field. */
export type StoredJob<Fields extends Field> = Readonly<Record<Fields, string | null>>;

/** Reads fields of a job in one command. @param key that of its hash, see {@link jobKey} */
export async function readStoredJob<Fields extends Field>(
  redis: Pick<RedisClient, 'hmget'>,
  key: string,
  fields: readonly Fields[],
): Promise<StoredJob<Fields>> {
  const values = await redis.hmget(key, ...fields.map((field) => FIELDS[field]));
  return Object.fromEntries(fields.map((field, place) => [field, values[place] ?? null])) as StoredJob<Fields>;
}

/** Reads the data of a job. @param key that of its hash, see {@link jobKey} */
export function readStoredData(redis: Pick<RedisClient, 'hget'>, key: string): Promise<string | null> {
  return redis.hget(key, FIELDS.data);
}

/** The text under which BullMQ stores the data of a job. */
export function storedText(data: unknown): string {
  return JSON.stringify(data);
}

/** Reads JSON that BullMQ keeps. @returns undefined for what is none: anybody may write into a job */
export function parseStored(text: string | null | undefined): unknown {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

/** How long a job was delayed when it was added, in ms. Not parsed: someone may have edited the job. */
export function addedDelayMs({ options }: StoredJob<'options'>): number {
  return Number(/"delay":(\d+)/.exec(options ?? '')?.[1] ?? 0);
}
