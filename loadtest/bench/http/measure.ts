import { Redis } from 'ioredis';
import { requireTotal } from '../workload.js';
import type { Report } from '../../progress.js';
import { startRole } from '../roles.js';
import { median } from '../throughput.js';
import { requestsOf } from './load.js';
import type { Loaded } from './load.js';
import { pushOverload } from './overload.js';
import type { HttpFigures, HttpSide } from './sides.js';
import { startTallyApi } from './tally-api.js';
import type { HttpServer } from './tally-api.js';

const KEYS = 10_000;

/**
 * Posts updates to both servers in turn, round by round, so that all see the machine's slow and fast minutes alike.
 * After each run a worker applies what waits, and all values together must be what was acknowledged.
 *
 * @param scale part of each side's updates to run, for a short check of totals
 * @throws Error when a total is wrong
 */
export async function measureHttp(
  redisUrl: string,
  sides: readonly HttpSide[],
  { rounds, scale, report }: { rounds: number; scale: number; report: Report },
): Promise<Map<string, HttpFigures>> {
  const redis = new Redis(redisUrl);
  const found = new Map<string, Loaded[]>(sides.map(({ name }) => [name, []]));
  try {
    for (let round = 1; round <= rounds; round += 1) {
      for (const side of sides) {
        report(`http, round ${round} of ${rounds}: ${side.name}`);
        await redis.flushall();
        const loaded = await runOnce(redisUrl, side, scale);
        await requireTotal(redis, { keys: KEYS, maxBy: 1 }, loaded.acknowledged, side.name);
        found.get(side.name)?.push(loaded);
      }
    }
  } finally {
    redis.disconnect();
  }
  return new Map([...found].map(([name, loads]) => [name, figuresOf(loads)]));
}

/** Pushes at Tally's API; a worker applies what was accepted when the pushing is over. */
async function runOverload(redisUrl: string, side: HttpSide, scale: number): Promise<Loaded> {
  const server = await startTallyApi(redisUrl);
  const loaded = await pushOverload(server.origin, side, { keys: KEYS, scale });
  await server.stop();
  const worker = await startRole({ role: 'tally-worker', redisUrl });
  await worker.work({ reach: loaded.acknowledged });
  await worker.stop();
  return loaded;
}

async function runOnce(redisUrl: string, side: HttpSide, scale: number): Promise<Loaded> {
  if (side.seconds !== undefined) {
    return runOverload(redisUrl, side, scale);
  }
  const updates = Math.ceil(side.updates * scale);
  const { perRequest, connections, waitMs } = side;
  const { warmUp, measured } = requestsOf({ updates, perRequest });
  const startWorker = () =>
    startRole(
      side.server === 'plain'
        ? { role: 'plain-worker', applies: 'increments', redisUrl }
        : { role: 'tally-worker', redisUrl },
    );
  let worker = waitMs === undefined ? undefined : await startWorker();
  const server = side.server === 'plain' ? await startPlainServer(redisUrl) : await startTallyApi(redisUrl);
  const load = await startRole({
    redisUrl,
    keys: KEYS,
    role: 'http-load',
    origin: server.origin,
    perRequest,
    connections,
    waitMs,
    updates,
  });
  const { found } = await load.work();
  await Promise.all([load.stop(), server.stop()]);
  worker ??= await startWorker();
  await worker.work({ reach: (warmUp + measured) * perRequest });
  await worker.stop();
  return found as Loaded;
}

async function startPlainServer(redisUrl: string): Promise<HttpServer> {
  const server = await startRole({ role: 'plain-http-server', redisUrl });
  return { origin: (await server.work()).found as string, stop: () => server.stop() };
}

function figuresOf(loads: readonly Loaded[]): HttpFigures {
  const rounds = loads.map(({ perSecond }) => Math.round(perSecond));
  return {
    perSecond: Math.round(median(rounds)),
    rounds,
    p50Ms: median(loads.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(loads.map(({ p99Ms }) => p99Ms)),
  };
}
