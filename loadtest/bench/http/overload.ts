import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { HttpSide } from './sides.js';
import { percentile } from './load.js';
import type { Loaded } from './load.js';

/** What a process of the overload does: pushes posts, or with a `path` probes it. */
export interface OverloadTask {
  readonly origin: string;
  readonly connections: number;
  readonly perRequest: number;
  readonly keys: number;
  readonly seconds: number;
  readonly path?: string;
}

/** What became of the posts. */
export interface Pushed {
  /** How many were answered with each status; 0 stands for no answer. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly seconds: number;
}

export interface Probed {
  readonly timesMs: readonly number[];
  readonly notOk: number;
}

const ENTRY = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? 'overload-process.ts' : 'overload-process.js', import.meta.url),
);

/** The server is compiled, and the connections stand. */
const WARM_UP = 0.25;

/**
 * Pushes as many posts as so many connections can, from a process of its own, while others probe `/healthz` and `/readyz`.
 *
 * @returns the rate of accepted updates; times are those of `/healthz`
 * @throws Error when a post or a probe of `/healthz` got no answer, or one that is neither 2xx nor 429
 */
export async function pushOverload(
  origin: string,
  { connections, perRequest, seconds = 0 }: HttpSide,
  { keys, scale }: { keys: number; scale: number },
): Promise<Loaded> {
  const task = { origin, connections, perRequest, keys, seconds: seconds * scale };
  const before = await run<Pushed>({ ...task, seconds: task.seconds * WARM_UP });
  const [pushed, health, readiness] = await Promise.all([
    run<Pushed>(task),
    run<Probed>({ ...task, path: '/healthz' }),
    run<Probed>({ ...task, path: '/readyz' }),
  ]);
  const accepted = acceptedOf(before) + acceptedOf(pushed);
  if (health.notOk > 0) {
    throw new Error(`${health.notOk} probes of /healthz were not answered with 200`);
  }
  console.log(
    `  ${JSON.stringify(pushed.statuses)} posts by status; /readyz: p50 ${percentile(readiness.timesMs, 0.5).toFixed(1)} ms, ` +
      `p99 ${percentile(readiness.timesMs, 0.99).toFixed(1)} ms, ${readiness.notOk} of ${readiness.timesMs.length} not ready`,
  );
  return {
    acknowledged: accepted * perRequest,
    perSecond: (acceptedOf(pushed) * perRequest) / pushed.seconds,
    p50Ms: percentile(health.timesMs, 0.5),
    p99Ms: percentile(health.timesMs, 0.99),
  };
}

function acceptedOf({ statuses }: Pushed): number {
  const other = Object.keys(statuses).filter((status) => !['202', '429'].includes(status));
  if (other.length > 0) {
    throw new Error(`posts were answered neither with 202 nor with 429: ${JSON.stringify(statuses)}`);
  }
  return statuses[202] ?? 0;
}

async function run<Found>(task: OverloadTask): Promise<Found> {
  const child = fork(ENTRY, [JSON.stringify(task)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a process of the overload ended early (${String(code)})`);
  });
  const [found] = (await Promise.race([once(child, 'message'), ended])) as [Found];
  ended.catch(() => undefined); // it ends in order after its message
  return found;
}
