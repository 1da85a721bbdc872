import type { Redis } from 'ioredis';
import { parseInfo } from '../../src/redis/server-facts.js';

/** What all nodes together have used since their start. */
export interface Used {
  readonly atMs: number;
  /** Processor time in microseconds, of all threads. */
  readonly micros: number;
  /** Commands that each node has run, those within scripts too. */
  readonly commands: readonly number[];
}

export interface Receipts {
  /** One for each slot in which a job has updates. */
  readonly count: number;
  readonly bytes: number;
}

/** Receipts of one node whose size is measured; there are up to one for each update. */
const SAMPLE = 200;

export async function readUsed(nodes: readonly Redis[]): Promise<Used> {
  const infos = await Promise.all(
    nodes.map(async (node) => new Map([...parseInfo(await node.info('cpu')), ...parseInfo(await node.info('stats'))])),
  );
  const number = (info: ReadonlyMap<string, string>, name: string) => Number(info.get(name));
  return {
    atMs: performance.now(),
    micros: sum(infos.map((info) => number(info, 'used_cpu_user') + number(info, 'used_cpu_sys'))) * 1e6,
    commands: infos.map((info) => number(info, 'total_commands_processed')),
  };
}

/** Receipts of jobs, in memory of all nodes; their sizes are reckoned from a sample of each node. */
export async function readReceipts(nodes: readonly Redis[]): Promise<Receipts> {
  const all = await Promise.all(nodes.map(receiptsOf));
  return { count: sum(all.map(({ count }) => count)), bytes: sum(all.map(({ bytes }) => bytes)) };
}

async function receiptsOf(node: Redis): Promise<Receipts> {
  const receipts: string[] = [];
  for await (const keys of node.scanStream({ match: 'tally:*job:*', count: 1_000 }) as AsyncIterable<string[]>) {
    receipts.push(...keys);
  }
  const sample = receipts.slice(0, SAMPLE);
  const sizes = await Promise.all(sample.map(async (key) => (await node.memory('USAGE', key)) ?? 0));
  return { count: receipts.length, bytes: sample.length === 0 ? 0 : (sum(sizes) / sample.length) * receipts.length };
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
