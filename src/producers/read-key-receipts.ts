import type { Redis } from 'ioredis';
import { CLOCK_STEP_MS } from '../redis/announced.js';
import { askInSlot } from '../redis/ask-in-slot.js';
import { crossSlotScript } from '../redis/cross-slot-scripts.js';
import type { CrossSlotScripts } from '../redis/cross-slot-scripts.js';
import { ScriptRunner, createScript } from '../redis/scripts.js';
import type { Connection } from '../redis/connection.js';
import { luaSource } from '../redis/lua-source.js';
import { toMs } from '../redis/server-time.js';

/** What one look at Redis found. */
interface Reading {
  /** The latest time announced, 0 for none. */
  readonly clockMs: number;
  /** Redis' time before the receipts were read. */
  readonly timeMs: number;
  /** The same afterwards. */
  readonly endedMs: number;
  /** The receipts, by the places of their keys. */
  readonly texts: readonly (string | null)[];
}

/** Reads the receipts of idempotency keys, and Redis' time before and after. */
export type ReadReceipts = (announced: string, keys: readonly string[]) => Promise<Reading>;

/** By one script, so at one moment. It costs the process a quarter of what a pipeline does, into which ioredis puts all of BullMQ's. */
export function readByScript(redis: Connection): ReadReceipts {
  const script = createScript('look up', luaSource('look-up'));
  const scripts = new ScriptRunner(redis, [script]);
  return async (announced, keys) => {
    const [clock, seconds, micros, texts] = (await scripts.run(script, [announced], keys)) as ScriptReply;
    const timeMs = toMs([seconds, micros]);
    return { clockMs: Number(clock ?? 0), timeMs, endedMs: timeMs, texts };
  };
}

type ScriptReply = [string | null, string, string, (string | null)[]];

/** By one pipeline: its commands run in this order, also when the connection is lost and some of them are sent again. */
export function readByPipeline(redis: Connection): ReadReceipts {
  return async (announced, keys) => {
    const [clock, time, texts, end] = (await askInSlot(redis, announced, (pipeline) =>
      pipeline
        .zscore(announced, 'clock-ms')
        .time()
        .mget([...keys])
        .time(),
    )) as PipelineReply;
    return { clockMs: Number(clock ?? 0), timeMs: toMs(time), endedMs: toMs(end), texts };
  };
}

type PipelineReply = [string | null, [string, string], (string | null)[], [string, string]];

/** What is looked at in one slot. */
export interface SlotReading {
  readonly announced: string;
  readonly keys: readonly string[];
}

/** What was found there: the time that ages are reckoned in, before the receipts were read, and these. */
export interface Found {
  readonly atMs: number;
  readonly texts: readonly (string | null)[];
}

const LOOK_UP_SLOTS = crossSlotScript(createScript('look up slots', luaSource('look-up-slots')));

/** Reads in several slots of a master by one script, which announces the window and the time as well. */
export async function readOfMaster(
  crossSlot: CrossSlotScripts,
  master: Redis,
  [first, ...others]: readonly [SlotReading, ...SlotReading[]],
  windowMs: number,
): Promise<Found[]> {
  const args: (string | number)[] = [windowMs, CLOCK_STEP_MS, first.keys.length, ...first.keys];
  for (const { announced, keys } of others) {
    args.push(announced, keys.length, ...keys);
  }
  const replies = (await crossSlot.run(master, LOOK_UP_SLOTS, first.announced, args)) as SlotReply[];
  return replies.map(([atMs, ...texts]) => ({ atMs: Number(atMs), texts }));
}

type SlotReply = [atMs: string, ...texts: (string | null)[]];
