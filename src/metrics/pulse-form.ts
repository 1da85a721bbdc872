import { z } from 'zod';
import type { Keys } from '../redis/keys.js';

/**
 * What workers tell of themselves and of what they do, for the overview of the dashboard: in Redis, bounded, and forgotten by itself.
 * Nothing else goes by it.
 */

/** How often each worker tells. */
export const PULSE_EVERY_MS = 5_000;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Counts are kept by the minute for two hours, and by the hour for 26: 146 hashes of at most 25 fields, whatever the load. */
export const RATE_UNITS = {
  minute: { lengthMs: MINUTE_MS, keptSeconds: 2 * 3600 },
  hour: { lengthMs: HOUR_MS, keptSeconds: 26 * 3600 },
} as const;

export type RateUnit = keyof typeof RATE_UNITS;

/** Keys that are changed most are kept by the minute, for a quarter of an hour. */
export const HOT_KEPT_SECONDS = 900;

/** Kept of each minute. */
export const HOT_KEPT = 200;

/** Upper ends of the classes of latency, in ms; a last one has no end. */
export const LATENCY_ENDS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000];

export function latencyClass(latencyMs: number): number {
  const found = LATENCY_ENDS_MS.findIndex((endMs) => latencyMs <= endMs);
  return found === -1 ? LATENCY_ENDS_MS.length : found;
}

/** Where the counts of a time are kept. */
export function ratesKey(keys: Keys, unit: RateUnit, atMs: number): string {
  return keys.rates(unit, Math.floor(atMs / RATE_UNITS[unit].lengthMs));
}

export function hotKey(keys: Keys, atMs: number): string {
  return keys.hotKeys(Math.floor(atMs / MINUTE_MS));
}

/** What an operator tells a worker: to take no more jobs, to take them again, or to end. */
export const ORDERS = ['quiet', 'resume', 'stop'] as const;

export type WorkerOrder = (typeof ORDERS)[number];

const orderSchema = z.object({ order: z.enum(ORDERS), id: z.string() });

/** @param id of this order, by which a worker knows whether it has obeyed */
export function encodeOrder(order: WorkerOrder, id: string): string {
  return JSON.stringify({ order, id } satisfies z.input<typeof orderSchema>);
}

/** @returns undefined for none, or one of another version */
export function decodeOrder(text: string | null): z.output<typeof orderSchema> | undefined {
  try {
    return orderSchema.parse(JSON.parse(text ?? 'null'));
  } catch {
    return undefined;
  }
}

/** What a worker says of itself beside what every process does, see `processes.ts`. */
const workerSchema = z.object({
  queues: z.array(z.string()),
  concurrency: z.int(),
  running: z.int(),
  isQuiet: z.boolean(),
});

export type WorkerFacts = z.output<typeof workerSchema>;

/** @returns undefined of a process that is no worker, or one of another version */
export function workerFactsOf(described: object): WorkerFacts | undefined {
  return workerSchema.safeParse(described).data;
}
