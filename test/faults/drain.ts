import { setTimeout as wait } from 'node:timers/promises';
import { HoldCell } from '../../src/redis/cell.js';
import { createKeys, DEFAULT_NAMESPACE } from '../../src/redis/keys.js';
import { toExactMs } from '../../src/redis/server-time.js';
import { inAll, RESERVABLE } from './cells.js';
import { mendAll } from './nemeses/cells.js';
import { agreeOnTime } from './nemeses/clocks.js';
import { promoteDelayed } from './nemeses/operators.js';
import { relieve } from './nemeses/redis.js';
import { removeNewerJobs } from './nemeses/strangers.js';
import { nameOf } from './oracle/evidence.js';
import { DRAIN_LIMIT_MS, NAMESPACE } from './settings.js';
import { connected, membersOf } from './world.js';
import type { ProducerMember, World } from './world.js';

const KEYS = createKeys({ ...DEFAULT_NAMESPACE, namespace: NAMESPACE });

export interface Drained {
  /** What did not come to its end in time. */
  readonly complaints: readonly string[];
  readonly ms: number;
}

/** Undoes all faults that last. Says which processes are not at work again in time, and what was found not as it was left. */
export async function heal(world: World): Promise<string[]> {
  await world.server.restart();
  await connected(world.operator);
  await relieve(world);
  await mendAll(world);
  await Promise.all(world.queues.map((queue) => queue.resume()));
  const started = await Promise.allSettled(membersOf(world).map((member) => member.ready()));
  agreeOnTime(world);
  const changed = await removeNewerJobs(world);
  return [
    ...started.flatMap((start) => (start.status === 'rejected' ? [(start.reason as Error).message] : [])),
    ...changed,
  ];
}

const LOOK_EVERY_MS = 50;
const PROMOTE_EVERY_MS = 500;

/** Lets the producers come to an end and the queues run empty. */
export async function drain(world: World): Promise<Drained> {
  const startedAt = performance.now();
  const deadline = startedAt + DRAIN_LIMIT_MS;
  const waiting = new Set<string>();
  for (const producer of world.producers) {
    const words = `${producer.name} waits for answers or outcomes`;
    waiting.add(words);
    void stopProducing(producer, deadline).then((stopped) => stopped && waiting.delete(words));
  }
  let left: readonly string[];
  let promotedAt = -Infinity;
  do {
    await wait(LOOK_EVERY_MS);
    if (performance.now() - promotedAt > PROMOTE_EVERY_MS) {
      await promoteDelayed(world);
      promotedAt = performance.now();
    }
    left = [...waiting, ...(await unfinishedJobs(world)), ...(await overdueHolds(world))];
  } while (left.length > 0 && performance.now() < deadline);
  const complaints = left.map((words) => `${words}, ${DRAIN_LIMIT_MS} ms after all was healed`);
  return { complaints, ms: performance.now() - startedAt };
}

/** Whether the producer came to its end in time. One that dies on the way, by a late fault, starts again. */
async function stopProducing(producer: ProducerMember, deadline: number): Promise<boolean> {
  for (let leftMs = DRAIN_LIMIT_MS; leftMs > 0; leftMs = deadline - performance.now()) {
    if ((await producer.ask({ order: 'stop' }, 'stopped', leftMs)) !== undefined) {
      return true;
    }
    await wait(LOOK_EVERY_MS);
  }
  return false;
}

async function unfinishedJobs({ queues }: World): Promise<string[]> {
  const counts = await Promise.all(
    queues.map((queue) => queue.getJobCounts('wait', 'active', 'delayed', 'prioritized')),
  );
  return queues.flatMap(({ name }, place) =>
    Object.entries(counts[place] ?? {})
      .filter(([, count]) => count > 0)
      .map(([state, count]) => `the queue "${name}" has ${count} jobs in "${state}"`),
  );
}

/** What is over and held still: its job was removed, and workers have not found it yet. */
async function overdueHolds({ operator, shards }: World): Promise<string[]> {
  const nowMs = toExactMs(await operator.time());
  const ends = inAll(shards, RESERVABLE).map(async (stock) => {
    const over = await operator.zcount(KEYS.hold(new HoldCell(stock, 'end')).key, '-inf', nowMs);
    return over > 0 ? [`${over} reservations of ${nameOf(stock)} are over and not given back`] : [];
  });
  return (await Promise.all(ends)).flat();
}
