import type { Redis } from 'ioredis';
import { integerIn } from '../redis/cell-integer.js';
import { cellName } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import type { CellValue } from './read-cell.js';

/** What is asked for at a time. */
const PAGE = 1_000;

/** Cells as they were when their page was read. */
export interface CellPage {
  readonly cells: readonly CellValue[];
  /** Values that are no integers, beside them. */
  readonly left: number;
}

type Found = readonly [cell: Cell, text: string | null, ttlMs?: number | undefined];

/**
 * Reads the cells of all keys of a pattern that one master has, page by page, without holding Redis up: strings, the fields of
 * hashes and the members of sorted sets. A key that is changed meanwhile is told as it is at one moment, one that Redis moves in
 * its table perhaps twice; see SCAN.
 *
 * @param isLeftOut keys that are not cells
 */
export async function* scanCells(
  master: Redis,
  pattern: string,
  isLeftOut: (key: string) => boolean,
): AsyncIterable<CellPage> {
  for await (const page of master.scanStream({ match: pattern, count: PAGE }) as AsyncIterable<string[]>) {
    const keys = page.filter((key) => !isLeftOut(key));
    const types = await all<string>(master, keys, (pipeline, key) => pipeline.type(key));
    const ofType = (type: string) => keys.filter((_, place) => types[place] === type);
    yield pageOf(await readStrings(master, ofType('string')));
    for (const key of ofType('hash')) {
      for await (const pairs of master.hscanStream(key, { count: PAGE }) as AsyncIterable<string[]>) {
        yield pageOf(pairsOf(pairs).map(([field, text]) => [{ key, field }, text]));
      }
    }
    for (const key of ofType('zset')) {
      for await (const pairs of master.zscanStream(key, { count: PAGE }) as AsyncIterable<string[]>) {
        yield pageOf(pairsOf(pairs).map(([member, text]) => [{ key, member }, text]));
      }
    }
  }
}

async function readStrings(master: Redis, keys: readonly string[]): Promise<Found[]> {
  const [texts, ttls] = await Promise.all([
    all<string | null>(master, keys, (pipeline, key) => pipeline.get(key)),
    all<number>(master, keys, (pipeline, key) => pipeline.pttl(key)),
  ]);
  return keys.map((key, place) => [{ key }, texts[place] ?? null, ttls[place]]);
}

/** Asks the same of each key, in one round trip. */
async function all<Answer>(
  master: Redis,
  keys: readonly string[],
  ask: (pipeline: ReturnType<Redis['pipeline']>, key: string) => unknown,
): Promise<Answer[]> {
  const pipeline = master.pipeline();
  for (const key of keys) {
    ask(pipeline, key);
  }
  const answers = (await pipeline.exec()) ?? [];
  return answers.map(([error, answer]) => {
    if (error !== null) {
      throw error;
    }
    return answer as Answer;
  });
}

function pageOf(found: readonly Found[]): CellPage {
  const cells: CellValue[] = [];
  let left = 0;
  for (const [cell, text, ttlMs = -1] of found) {
    const value = text === null ? undefined : integerIn(cell, text);
    if (value !== undefined) {
      cells.push({ ...cellName(cell), value, ...(ttlMs >= 0 && { ttlSeconds: Math.ceil(ttlMs / 1_000) }) });
    } else if (text !== null) {
      left += 1; // a key that is gone by now is none
    }
  }
  return { cells, left };
}

function pairsOf(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, place) => [flat[2 * place] ?? '', flat[2 * place + 1] ?? '']);
}
