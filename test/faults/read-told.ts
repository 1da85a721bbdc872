import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { readGroups } from '../../src/jobs/told-groups.js';
import type { Store } from '../../src/layout/store.js';
import { createKeys } from '../../src/redis/keys.js';
import { createOutcomeReader } from '../../src/subscribers/outcome-reader.js';
import { FaultCluster } from './cluster.js';
import { REGISTRY } from './operations.js';
import type { Told } from './oracle/evidence.js';
import { DRAIN_LIMIT_MS, GROUPS, NAMESPACE, PREFIX } from './settings.js';
import type { World } from './world.js';

const keys = createKeys({ namespace: NAMESPACE, prefix: PREFIX });

/** All that stands in the stream of outcomes, in its order, and what each group of subscribers noted. */
export async function readTold({ operator, server, subscribers, heardBy }: World): Promise<Told> {
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
  return {
    events,
    gaps,
    isOrdered: !(server instanceof FaultCluster),
    heard: new Map(subscribers.length === 0 ? [] : [...heardBy].map(([group, journal]) => [group, linesOf(journal)])),
  };
}

function linesOf(journal: string): ReadonlySet<string> {
  return new Set(existsSync(journal) ? readFileSync(journal, 'utf8').split('\n') : []);
}

/** Waits until each group has taken all that was told. Says what it has not, if it does not come to that in time. */
export async function untilHeard({ operator, subscribers }: World): Promise<string[]> {
  if (subscribers.length === 0) {
    return [];
  }
  const deadline = performance.now() + DRAIN_LIMIT_MS;
  for (;;) {
    const groups = await readGroups(operator, keys);
    const isThere = Object.keys(GROUPS).every((group) => groups.some(({ name }) => name === group));
    if (isThere && groups.every(({ lag, pending }) => lag === 0 && pending === 0)) {
      return groups.flatMap(({ name, dead }) =>
        dead === 0 ? [] : [`the group "${name}" has set ${dead} events aside`],
      );
    }
    if (performance.now() > deadline) {
      return [`subscribers have not taken all outcomes ${DRAIN_LIMIT_MS} ms after: ${JSON.stringify(groups)}`];
    }
    await wait(100);
  }
}
