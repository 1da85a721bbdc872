import { Agent, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { bodyOf } from './load.js';
import type { OverloadTask, Probed, Pushed } from './overload.js';

/** Different bodies that are sent in turn. */
const BODIES = 20;

const PROBE_EVERY_MS = 20;

/** What an overloaded server has not answered then counts as this long, and as not answered. */
const PATIENCE_MS = 60_000;

const task = JSON.parse(process.argv[2] ?? '') as OverloadTask;
const found = task.path === undefined ? await push(task) : await probe(task, task.path);
process.send?.(found, () => {
  process.disconnect();
});

/**
 * Sends posts over so many connections, each the next one when it has its answer, whatever that says: a client that does
 * not wait after 429 is the worst there is.
 */
async function push({ origin, connections, perRequest, keys, seconds }: OverloadTask): Promise<Pushed> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const bodies = Array.from({ length: BODIES }, () => Buffer.from(bodyOf(perRequest, keys)));
  const statuses: Record<number, number> = {};
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;
  const client = async (_: unknown, index: number) => {
    for (let sent = index; performance.now() < endsAt; sent += 1) {
      const status = await ask(`${origin}/v1/updates`, agent, bodies[sent % BODIES]);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  agent.destroy();
  return { statuses, seconds: (performance.now() - startedAt) / 1000 };
}

/** Asks one path again and again, as a probe does, over a new connection each time. */
async function probe({ origin, seconds }: OverloadTask, path: string): Promise<Probed> {
  const agent = new Agent({ keepAlive: false });
  const timesMs: number[] = [];
  let notOk = 0;
  const endsAt = performance.now() + seconds * 1000;
  while (performance.now() < endsAt) {
    const askedAt = performance.now();
    const status = await ask(origin + path, agent);
    timesMs.push(performance.now() - askedAt);
    notOk += status === 200 ? 0 : 1;
    await setTimeout(PROBE_EVERY_MS);
  }
  return { timesMs, notOk };
}

/** @returns the status; 0 when there was no answer */
function ask(url: string, agent: Agent, body?: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const headers = body && { 'content-type': 'application/json', 'content-length': body.length };
    const asked = request(url, { agent, timeout: PATIENCE_MS, ...(body && { method: 'POST', headers }) });
    asked.on('response', (response) => {
      response.resume().on('close', () => {
        resolve(response.complete ? (response.statusCode ?? 0) : 0);
      });
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => {
      resolve(0);
    });
    asked.end(body);
  });
}
