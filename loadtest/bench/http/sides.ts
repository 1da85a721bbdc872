import type { Percentiles } from '../latency.js';

/** One kind of load on one of the two servers. */
export interface HttpSide {
  /** The name in `--only` and in the JSON. */
  readonly name: string;
  readonly title: string;
  readonly server: 'plain' | 'tally';
  /** Updates in one round: enough for some seconds. */
  readonly updates: number;
  readonly perRequest: number;
  readonly connections: number;
  /** How long each request waits for its outcome; a worker runs meanwhile. Undefined: none waits. */
  readonly waitMs?: number;
  /**
   * So long, in s, all connections push as hard as they can, whatever they are answered: what counts is what is accepted, and
   * the times are those of `/healthz` meanwhile. `updates` says nothing then. Undefined: so many updates, all of them accepted.
   */
  readonly seconds?: number;
}

/** What was found of one side; medians over the rounds. */
export interface HttpFigures extends Percentiles {
  readonly perSecond: number;
  readonly rounds: readonly number[];
}

const PLAIN = 'Express, zod and queue.add';
const PUSHED = { server: 'tally', updates: 0, perRequest: 1_000, seconds: 8 } as const;
const WAITING = { server: 'tally', perRequest: 1, waitMs: 5_000 } as const;

/** All sides, in the order of the table. */
export const httpSides: readonly HttpSide[] = [
  {
    name: 'plain-http-single',
    title: `${PLAIN}: posts of 1 update`,
    server: 'plain',
    updates: 15_000,
    perRequest: 1,
    connections: 100,
  },
  {
    name: 'tally-http-single',
    title: 'Tally: posts of 1 update',
    server: 'tally',
    updates: 30_000,
    perRequest: 1,
    connections: 100,
  },
  {
    name: 'plain-http-100',
    title: `${PLAIN}, addBulk: posts of 100`,
    server: 'plain',
    updates: 50_000,
    perRequest: 100,
    connections: 100,
  },
  {
    name: 'tally-http-100',
    title: 'Tally: posts of 100',
    server: 'tally',
    updates: 200_000,
    perRequest: 100,
    connections: 100,
  },
  {
    name: 'tally-http-wait-10',
    title: 'Tally: posts of 1 that wait for the outcome, 10 connections',
    ...WAITING,
    updates: 5_000,
    connections: 10,
  },
  {
    name: 'tally-http-wait-100',
    title: 'Tally: posts of 1 that wait for the outcome, 100 connections',
    ...WAITING,
    updates: 15_000,
    connections: 100,
  },
  {
    name: 'tally-http-1000',
    title: 'Tally: posts of 1,000, 100 connections; times of /healthz',
    ...PUSHED,
    connections: 100,
  },
  {
    name: 'tally-http-overload',
    title: 'Tally: posts of 1,000, 400 connections; times of /healthz',
    ...PUSHED,
    connections: 400,
  },
];
