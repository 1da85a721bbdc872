import { onTestFinished } from 'vitest';
import type { Operation } from '../../src/index.js';
import type { Store } from '../../src/layout/store.js';
import { createRegistry } from '../../src/operations/registry.js';
import { createKeys } from '../../src/redis/keys.js';
import { createOutcomeReader } from '../../src/subscribers/outcome-reader.js';
import type { OutcomeReader } from '../../src/subscribers/outcome-reader.js';
import type { OutcomeEvent } from '../../src/subscribers/event.js';
import type { Place } from './tally.js';

/** A reader of the stream of outcomes of a test, closed after it. */
export function outcomeReader(here: Place, operations: readonly Operation[] = []): OutcomeReader {
  const store: Pick<Store, 'redis' | 'keys'> = { redis: here.client, keys: createKeys(here) };
  const reader = createOutcomeReader({ store, registry: createRegistry(operations), namespace: here.namespace });
  onTestFinished(() => {
    reader.close();
  });
  return reader;
}

/** All that was told, from the beginning. */
export async function allTold(here: Place, operations: readonly Operation[] = []): Promise<OutcomeEvent[]> {
  const reader = outcomeReader(here, operations);
  const events: OutcomeEvent[] = [];
  let cursor = await reader.cursorAt('beginning');
  for (;;) {
    const page = await reader.read(cursor);
    events.push(...page.events.map(({ event }) => event));
    cursor = page.cursor;
    if (page.isLast) {
      return events;
    }
  }
}
