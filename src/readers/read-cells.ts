import type { ChainableCommander } from 'ioredis';
import type { Connection } from '../redis/connection.js';
import type { Cell } from '../redis/cell.js';
import { cellName, describeCell } from '../redis/cell.js';
import { integerIn } from '../redis/cell-integer.js';
import { slotOf } from '../redis/slots.js';

/** What a cell holds: an integer, nothing (`null`), or something that no update of it could be applied to. */
export type CellReading = Cell & (ReadValue | Unreadable);

interface ReadValue {
  /** null when the cell is missing. */
  readonly value: number | null;
  readonly code?: undefined;
}

interface Unreadable {
  readonly value?: undefined;
  /** Why an update of this cell would fail. */
  readonly code: 'WRONG_TYPE' | 'NOT_AN_INTEGER';
  readonly message: string;
}

/** An answer of a pipeline. */
type Reply = readonly [error: Error | null, text: string | null];

/**
 * Reads many cells, in their order, with one round trip to each master.
 *
 * @throws what Redis answers when it can't be read; never for what a cell holds
 */
export async function readCells(redis: Connection, cells: readonly Cell[]): Promise<CellReading[]> {
  if (redis.isCluster && redis.status !== 'ready') {
    await redis.time(); // its masters are known then
  }
  const readings = new Array<CellReading>(cells.length);
  const read = async ([master, places]: [Reader, number[]]) => {
    const replies = await readTogether(
      master,
      places.flatMap((place) => cells[place] ?? []),
    );
    for (const [index, place] of places.entries()) {
      const cell = cells[place];
      if (cell !== undefined) {
        readings[place] = readingOf(cell, replies[index] ?? NO_REPLY) ?? (await readAlone(redis, cell));
      }
    }
  };
  await Promise.all([...byMaster(redis, cells)].map(read));
  return readings;
}

type Reader = Pick<Connection, 'pipeline'>;

const NO_REPLY = [new Error('no answer'), null] as const;

/** The places of the cells by the master to ask: its own connection, as a Cluster's would lead all astray that goes with one that moves. */
function byMaster(redis: Connection, cells: readonly Cell[]): Map<Reader, number[]> {
  const groups = new Map<Reader, number[]>();
  for (const [place, { key }] of cells.entries()) {
    const master: Reader = (redis.isCluster ? redis.masterOf(slotOf(key)) : redis) ?? redis;
    const group = groups.get(master) ?? [];
    groups.set(master, group);
    group.push(place);
  }
  return groups;
}

async function readTogether(master: Reader, cells: readonly Cell[]): Promise<readonly Reply[]> {
  const pipeline = master.pipeline();
  for (const cell of cells) {
    read(pipeline, cell);
  }
  return ((await pipeline.exec()) ?? []) as Reply[];
}

/** Of a slot that moves, or a master that went away: the Cluster's connection asks wherever the key is. */
async function readAlone(redis: Connection, cell: Cell): Promise<CellReading> {
  const [reply = NO_REPLY] = await readTogether(redis, [cell]);
  const reading = readingOf(cell, reply);
  if (reading === undefined) {
    throw reply[0] ?? NO_REPLY[0];
  }
  return reading;
}

function read(pipeline: ChainableCommander, { key, field, member }: Cell): void {
  if (field !== undefined) {
    pipeline.hget(key, field);
  } else if (member !== undefined) {
    pipeline.zscore(key, member);
  } else {
    pipeline.get(key);
  }
}

/** @returns undefined when Redis answered something else than what the cell holds */
function readingOf(cell: Cell, [error, text]: Reply): CellReading | undefined {
  const name = cellName(cell);
  if (error !== null) {
    const message = `${describeCell(cell)} holds another type of value: a key is read alone, a hash by field, a sorted set by member`;
    return isWrongType(error) ? { ...name, code: 'WRONG_TYPE', message } : undefined;
  }
  if (text === null) {
    return { ...name, value: null };
  }
  const value = integerIn(cell, text);
  const message = `${describeCell(cell)} holds something other than an integer within +-(2^53 - 1)`;
  return value === undefined ? { ...name, code: 'NOT_AN_INTEGER', message } : { ...name, value };
}

export function isWrongType({ message }: Error): boolean {
  return message.startsWith('WRONGTYPE');
}
