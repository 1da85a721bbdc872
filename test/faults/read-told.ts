import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { readGroups } from '../../src/jobs/told-groups.js';
import type { Store } from '../../src/layout/store.js';
import { createKeys } from '../../src/redis/keys.js';
import { createOutcomeReader } from '../../src/subscribers/outcome-reader.js';
import { FaultCluster } from './cluster.js';
import { REGISTRY } from './operations.js';
import type { Told } from './oracle/evidence.js';
import { DRAIN_LIMIT_MS, NAMESPACE, PREFIX } from './settings.js';
import type { World } from './world.js';

const keys = createKeys({ namespace: NAMESPACE, prefix: PREFIX });

/** All that stands in the stream of outcomes, in its order, and what the subscriber noted. */
export async function readTold({ operator, server, subscribers, subscriberJournal }: World): Promise<Told> {
  const store = { redis: operator, keys } as unknown as Pick<Store, 'redis' | 'keys'>;
  const reader = createOutcomeReader({ store, registry: REGISTRY, namespace: NAMESPACE });
  const events = [];
  const gaps: string[] = [];
  let cursor = await reader.cursorAt('beginning');
  for (;;) {
    const page = await reader.read(cursor, 200);
    events.push(...page.events.map(({ event }) => event));
    gaps.push(...(page.gap ? [JSON.stringify(page.gap)] : []));
    cursor = page.cursor;
    if (page.isLast) {
      break;
    }
  }
  const lines = existsSync(subscriberJournal) ? readFileSync(subscriberJournal, 'utf8').split('\n') : [];
  return {
    events,
    gaps,
    isOrdered: !(server instanceof FaultCluster),
    heard: subscribers.length > 0 ? new Set(lines) : undefined,
  };
}

/** Waits until the subscriber has taken all that was told. Says what it has not, if it does not come to that in time. */
export async function untilHeard({ operator, subscribers }: World): Promise<string[]> {
  if (subscribers.length === 0) {
    return [];
  }
  const deadline = performance.now() + DRAIN_LIMIT_MS;
  for (;;) {
    const [group] = await readGroups(operator, keys);
    if (group?.lag === 0 && group.pending === 0) {
      return group.dead === 0 ? [] : [`the subscriber has set ${group.dead} events aside`];
    }
    if (performance.now() > deadline) {
      return [`the subscriber has not taken all outcomes ${DRAIN_LIMIT_MS} ms after: ${JSON.stringify(group ?? null)}`];
    }
    await wait(100);
  }
}
