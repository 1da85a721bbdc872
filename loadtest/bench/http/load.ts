import autocannon from 'autocannon';
import type { Options, Result } from 'autocannon';
import { keyName } from '../workload.js';
import type { Percentiles } from '../latency.js';
import type { RoleTask, RunningRole } from '../roles.js';

/** What a load found. */
export interface Loaded extends Percentiles {
  /** Updates that were acknowledged, warming up included. */
  readonly acknowledged: number;
  /** Updates per second, without warming up. */
  readonly perSecond: number;
}

/** Different bodies that each connection sends in turn. */
const BODIES = 50;

/** What runs before the measure, as a part of what is measured: a server needs some thousand requests to be compiled. */
const WARM_UP = 0.25;

/** Posts updates over many connections, each of which sends its next request when it has its answer. */
export function runHttpLoad(task: RoleTask): Promise<RunningRole> {
  if (task.role !== 'http-load') {
    throw new TypeError(`not a load of HTTP: ${task.role}`);
  }
  const { warmUp, measured } = requestsOf(task);
  return Promise.resolve({
    work: async (): Promise<Loaded> => {
      const before = await send(task, warmUp);
      const { seconds, times, answered } = await send(task, measured);
      return {
        acknowledged: (before.answered + answered) * task.perRequest,
        perSecond: (answered * task.perRequest) / seconds,
        p50Ms: percentile(times, 0.5),
        p99Ms: percentile(times, 0.99),
      };
    },
    close: () => Promise.resolve(),
  });
}

/** How many requests a load sends. */
export function requestsOf({ updates, perRequest }: Pick<LoadTask, 'updates' | 'perRequest'>) {
  const measured = Math.max(1, Math.round(updates / perRequest));
  return { measured, warmUp: Math.ceil(measured * WARM_UP) };
}

type LoadTask = Extract<RoleTask, { role: 'http-load' }>;

/**
 * Sends so many requests and times them up to the last answer.
 *
 * @throws Error when one is not accepted: then it is not known what the total should be
 */
async function send(task: LoadTask, requests: number) {
  const times: number[] = [];
  let [startedAt, endedAt] = [0, 0];
  const {
    '2xx': answered,
    non2xx,
    errors,
  } = await new Promise<Result>((resolve, reject) => {
    const running = autocannon(optionsOf(task, requests), (error: Error | null, result) => {
      if (error === null) {
        resolve(result);
      } else {
        reject(error);
      }
    });
    startedAt = performance.now();
    running.on('response', (_client, _status, _bytes, responseTimeMs) => {
      times.push(responseTimeMs);
      endedAt = performance.now();
    });
  });
  if (answered !== requests) {
    throw new Error(`${answered} of ${requests} requests were accepted (${non2xx} refused, ${errors} without answer)`);
  }
  return { seconds: (endedAt - startedAt) / 1000, times, answered };
}

function optionsOf({ origin, waitMs, connections, perRequest, keys }: LoadTask, requests: number): Options {
  return {
    url: `${origin}/v1/updates${waitMs === undefined ? '' : `?wait=${waitMs}`}`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    connections: Math.min(connections, requests),
    amount: requests,
    sampleInt: 50, // it ends with a sample
    requests: Array.from({ length: BODIES }, () => ({ body: bodyOf(perRequest, keys) })),
  };
}

/** The body of a post of so many updates. */
export function bodyOf(perRequest: number, keys: number): string {
  const updates = Array.from({ length: perRequest }, () => ({
    operation: 'counter.increment',
    params: { key: keyName(Math.floor(Math.random() * keys)), by: 1 },
  }));
  return JSON.stringify(perRequest === 1 ? updates[0] : updates);
}

export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
