import type { Redis } from 'ioredis';
import type { Store } from '../../src/layout/store.js';
import { matchesPattern } from '../../src/lib/pattern.js';
import { integerIn } from '../../src/redis/cell-integer.js';
import { globFor } from '../../src/redis/glob.js';
import type { Keys } from '../../src/redis/keys.js';
import { refusalOf } from '../../src/redis/refusal.js';
import { MasterUnreachableError } from '../master-unreachable.js';

/** Keys shown at most. */
export const SHOWN_KEYS = 100;

/** Somebody waits in front of a page, and a Redis may hold hundreds of millions of keys. */
const LOOK_MS = 2_000;

/** What SCAN looks at before other commands have their turn: less than a ms. */
const PAGE = 1_000;

export interface FoundKey {
  readonly key: string;
  /** Redis' type. */
  readonly type: string;
  /** Of a string that is an integer. */
  readonly value: number | undefined;
}

export interface FoundKeys {
  /** In alphabetical order. */
  readonly found: readonly FoundKey[];
  /** Keys that fit, and that the dashboard's user of Redis may not read. */
  readonly unreadable: number;
  /** Why there may be more. */
  readonly cut: 'many' | 'slow' | undefined;
  /** What is wrong with masters that were not looked at, in words. */
  readonly faults: readonly string[];
}

/**
 * Looks for the keys that a pattern fits, `*` for any text, on all masters, without holding Redis up.
 *
 * @throws MasterUnreachableError when no master answers
 */
export async function findKeys(
  { redis, keys, masters }: Pick<Store, 'redis' | 'keys' | 'masters'>,
  pattern: string,
  lookMs = LOOK_MS,
): Promise<FoundKeys> {
  const { answering, faults } = await masters.look();
  if (answering.length === 0) {
    throw new MasterUnreachableError(faults.join('; '));
  }
  const untilMs = performance.now() + lookMs;
  const looks = await Promise.all(answering.map((master) => lookAt(master, pattern, keys, untilMs)));
  const names = looks.flatMap(({ fit }) => [...fit]).sort();
  const read = await Promise.all(names.slice(0, SHOWN_KEYS).map((key) => readKey(redis, key)));
  const cut = names.length > SHOWN_KEYS ? 'many' : looks.every(({ isWhole }) => isWhole) ? undefined : 'slow';
  const found = read.flatMap((each) => (each === 'unreadable' || each.type === 'none' ? [] : each));
  return { found, unreadable: read.filter((each) => each === 'unreadable').length, cut, faults };
}

/** Until there are more than are shown, or time is up. SCAN may tell a key twice. */
async function lookAt(master: Redis, pattern: string, { isReserved }: Keys, untilMs: number) {
  const fit = new Set<string>();
  for await (const page of master.scanStream({ match: globFor(pattern), count: PAGE }) as AsyncIterable<string[]>) {
    for (const key of page) {
      if (matchesPattern(pattern, key) && !isReserved(key)) {
        fit.add(key);
      }
    }
    if (fit.size > SHOWN_KEYS || performance.now() > untilMs) {
      return { fit, isWhole: false };
    }
  }
  return { fit, isWhole: true };
}

async function readKey(redis: Store['redis'], key: string): Promise<FoundKey | 'unreadable'> {
  try {
    const type = await redis.type(key);
    const text = type === 'string' ? await redis.get(key) : null;
    return { key, type, value: text === null ? undefined : integerIn({}, text) };
  } catch (error) {
    if (refusalOf(error)?.code === 'NOPERM') {
      return 'unreadable';
    }
    throw error;
  }
}
