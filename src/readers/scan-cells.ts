import { isUtf8 } from 'node:buffer';
import type { Redis } from 'ioredis';
import { isName, MAX_TTL_SECONDS } from '../operations/cell-schema.js';
import { integerIn } from '../redis/cell-integer.js';
import { cellName } from '../redis/cell.js';
import type { Cell } from '../redis/cell.js';
import type { Connection } from '../redis/connection.js';
import { lifeOf } from './read-cell.js';
import type { CellValue } from './read-cell.js';
import { isWrongType } from './read-cells.js';

/** What is asked for at a time. */
const PAGE = 1_000;

/** An update gives a key no longer one. */
const LONGEST_LIFE_MS = MAX_TTL_SECONDS * 1_000;

/** Cells as they were when their page was read, and how much beside them no update takes. */
export interface CellPage {
  readonly cells: readonly CellValue[];
  /** Values that are no integers. */
  readonly noIntegers: number;
  /** Keys, fields and members of such names. */
  readonly noNames: number;
}

/** Whose keys are read. */
interface Scanned {
  readonly master: Redis;
  /** It knows all masters. */
  readonly redis: Connection;
}

/** A cell, undefined where its name is none, with what is read of it. */
type Found = readonly [cell: Cell | undefined, text: string, ttlMs?: number];

/**
 * Reads the cells of all keys of a pattern that one master has, page by page, without holding Redis up: strings, the fields of
 * hashes and the members of sorted sets. A key that is changed meanwhile is told as it is at one moment, one that Redis moves in
 * its table, or to another master, perhaps twice; see SCAN.
 *
 * @param isLeftOut keys that are not cells
 */
export async function* scanCells(
  scanned: Scanned,
  pattern: string,
  isLeftOut: (key: string) => boolean,
): AsyncIterable<CellPage> {
  const pages = scanned.master.scanBufferStream({ match: pattern, count: PAGE }) as AsyncIterable<Buffer[]>;
  for await (const page of pages) {
    const found = page.filter((key) => !isLeftOut(key.toString()));
    const types = (await askOfEach(scanned, found, ['type'])).map((answers) => answers?.[0]);
    const holders = found.map((key, place) => ({ key: nameIn(key), type: String(types[place]) }));
    const cells = holders.filter(({ type }) => ['string', 'hash', 'zset'].includes(type));
    const named = (wanted: string) =>
      cells.flatMap(({ key, type }) => (type === wanted && key !== undefined ? [key] : []));
    const { length: noNames } = cells.filter(({ key }) => key === undefined);
    yield { ...pageOf(await readStrings(scanned, named('string'))), noNames };
    for (const key of named('hash')) {
      const scan = (from: Redis | Connection) => from.hscanBufferStream(key, { count: PAGE });
      yield* readParts(scanned, scan, (field) => ({ key, field }));
    }
    for (const key of named('zset')) {
      const scan = (from: Redis | Connection) => from.zscanBufferStream(key, { count: PAGE });
      yield* readParts(scanned, scan, (member) => ({ key, member }));
    }
  }
}

async function readStrings(scanned: Scanned, keys: readonly string[]): Promise<Found[]> {
  // The life first: a key that ends in between has no text then, and not one without an end.
  const answers = await askOfEach(scanned, keys, ['pttl', 'get']);
  return keys.flatMap((key, place): Found[] => {
    const [ttlMs, text] = (answers[place] ?? [GONE_MS, null]) as [number, string | null];
    return text === null || ttlMs === GONE_MS ? [] : [[{ key }, text, ttlMs]];
  });
}

/** What PTTL answers of a key that is not there. */
const GONE_MS = -2;

/**
 * Reads the fields of a hash, or the members of a sorted set. One that moves meanwhile is read anew wherever it is: a cursor means
 * something else to another master.
 */
async function* readParts(
  { master, redis }: Scanned,
  scan: (from: Redis | Connection) => unknown,
  cellOf: (name: string) => Cell,
): AsyncIterable<CellPage> {
  async function* partsOn(from: Redis | Connection) {
    for await (const flat of scan(from) as AsyncIterable<Buffer[]>) {
      yield pageOf(
        pairsOf(flat).map(([bytes, text]): Found => {
          const name = nameIn(bytes);
          return [name === undefined ? undefined : cellOf(name), text.toString()];
        }),
      );
    }
  }
  try {
    yield* partsOn(master);
  } catch (error) {
    if (isWrongType(error as Error)) {
      return;
    }
    if (!redis.isCluster || !IS_ELSEWHERE.test((error as Error).message)) {
      throw error;
    }
    yield* partsOn(redis);
  }
}

/** What a master of a Cluster answers of a key that has moved, or moves. */
const IS_ELSEWHERE = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /;

type Reply = readonly [error: Error | null, answer: unknown];

/** To each command; undefined of a key that has become one of another type. */
type Answers = readonly (string | number | null)[] | undefined;

/** Asks the same of each key, in one round trip; of one that moves, the Cluster's connection asks wherever it is. */
async function askOfEach(
  { master, redis }: Scanned,
  keys: readonly (string | Buffer)[],
  commands: readonly ('type' | 'pttl' | 'get')[],
): Promise<Answers[]> {
  const questions = (key: string | Buffer) => commands.map((command) => [command, key]);
  const replies = (await master.pipeline(keys.flatMap(questions)).exec()) ?? [];
  const ask = async (key: string | Buffer, place: number) => {
    const start = place * commands.length;
    const here = answersIn(replies.slice(start, start + commands.length));
    const answers = here instanceof Error ? answersIn((await redis.pipeline(questions(key)).exec()) ?? []) : here;
    if (answers instanceof Error) {
      throw answers;
    }
    return answers;
  };
  return await Promise.all(keys.map(ask));
}

function answersIn(replies: readonly Reply[]): Answers | Error {
  const [error = null] = replies.find(([fault]) => fault !== null) ?? [];
  if (error !== null) {
    return isWrongType(error) ? undefined : error;
  }
  return replies.map(([, answer]) => answer as string | number | null);
}

function pageOf(found: readonly Found[]): CellPage {
  const cells: CellValue[] = [];
  const page = { cells, noIntegers: 0, noNames: 0 };
  for (const [cell, text, ttlMs = -1] of found) {
    const value = cell && integerIn(cell, text);
    if (cell === undefined) {
      page.noNames += 1;
    } else if (value === undefined) {
      page.noIntegers += 1;
    } else {
      cells.push({ ...cellName(cell), value, ...lifeOf(Math.min(ttlMs, LONGEST_LIFE_MS)) });
    }
  }
  return page;
}

/** The text of a name, unless an update could not have it: of other bytes than UTF-8, a text would name something else. */
function nameIn(bytes: Buffer): string | undefined {
  const text = bytes.toString();
  return isUtf8(bytes) && isName(text) ? text : undefined;
}

function pairsOf(flat: readonly Buffer[]): [Buffer, Buffer][] {
  const none = Buffer.alloc(0);
  return Array.from({ length: flat.length / 2 }, (_, place) => [flat[2 * place] ?? none, flat[2 * place + 1] ?? none]);
}
