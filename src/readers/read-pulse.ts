import { hotKey, LATENCY_ENDS_MS, RATE_UNITS, ratesKey } from '../metrics/pulse-form.js';
import type { RateUnit } from '../metrics/pulse-form.js';
import type { Outcome } from '../operations/outcome.js';
import type { Keys } from '../redis/keys.js';
import type { RedisClient } from '../redis/connection.js';

/** What workers did within a minute or an hour, or several. */
export interface Rates {
  readonly fromMs: number;
  /** Updates that were added in this time and have been completed by now. */
  readonly added: number;
  readonly outcomes: Readonly<Record<Kind, number>>;
  /** Of completed updates by the classes of `LATENCY_ENDS_MS`, from when they were added, or were to run. */
  readonly latencies: readonly number[];
}

type Kind = Outcome['status'] | 'duplicate';

const KINDS = ['applied', 'rejected', 'conflict', 'cancelled', 'failed', 'unknown', 'duplicate'] as const;

const HOT_MINUTES = 5;

interface From {
  readonly redis: RedisClient;
  readonly keys: Keys;
}

/** What was done in each of the last minutes or hours, the current one last. */
export async function readRates({ redis, keys }: From, unit: RateUnit, count: number, nowMs: number): Promise<Rates[]> {
  const { lengthMs } = RATE_UNITS[unit];
  const times = Array.from({ length: count }, (_, index) => nowMs - (count - 1 - index) * lengthMs);
  const hashes = await Promise.all(times.map((atMs) => redis.hgetall(ratesKey(keys, unit, atMs))));
  return hashes.map((hash, index) => {
    const number = (field: string) => Number(hash[field] ?? 0);
    return {
      fromMs: Math.floor((times[index] ?? 0) / lengthMs) * lengthMs,
      added: number('in'),
      outcomes: Object.fromEntries(KINDS.map((kind) => [kind, number(kind)])) as Rates['outcomes'],
      latencies: Array.from({ length: LATENCY_ENDS_MS.length + 1 }, (_, place) => number(`latency-${place}`)),
    };
  });
}

/** The sum of several. */
export function sumOf(rates: readonly Rates[]): Rates {
  const total = (of: (each: Rates) => number) => rates.reduce((sum, each) => sum + of(each), 0);
  return {
    fromMs: rates[0]?.fromMs ?? 0,
    added: total(({ added }) => added),
    outcomes: Object.fromEntries(KINDS.map((kind) => [kind, total(({ outcomes }) => outcomes[kind])])) as Rates['outcomes'],
    latencies: Array.from({ length: LATENCY_ENDS_MS.length + 1 }, (_, place) => total((each) => each.latencies[place] ?? 0)),
  };
}

/** How many updates came to an end. */
export function endedIn({ outcomes }: Rates): number {
  return KINDS.reduce((sum, kind) => sum + outcomes[kind], 0);
}

/** An upper bound of the latency of so many of the updates, in ms: Infinity past the last class, undefined when there are none. */
export function latencyAt({ latencies }: Pick<Rates, 'latencies'>, share: number): number | undefined {
  const total = latencies.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  const place = latencies.findIndex((count) => (seen += count) >= share * total && total > 0);
  return place === -1 ? undefined : (LATENCY_ENDS_MS[place] ?? Infinity);
}

/** The keys that were changed most in the last minutes, and by about how many updates. */
export async function readHotKeys(
  { redis, keys }: From,
  nowMs: number,
  most: number,
): Promise<{ key: string; updates: number }[]> {
  const minutes = Array.from({ length: HOT_MINUTES }, (_, index) => hotKey(keys, nowMs - index * 60_000));
  const found = await Promise.all(minutes.map((key) => redis.zrange(key, '0', '99', 'REV', 'WITHSCORES')));
  const counts = new Map<string, number>();
  for (const page of found) {
    for (let index = 0; index < page.length; index += 2) {
      const key = page[index] ?? '';
      counts.set(key, (counts.get(key) ?? 0) + Number(page[index + 1]));
    }
  }
  const sorted = [...counts].sort(([, one], [, other]) => other - one);
  return sorted.slice(0, most).map(([key, updates]) => ({ key, updates }));
}
