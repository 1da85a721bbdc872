import { expect, onTestFinished } from 'vitest';
import type { Operation } from '../../src/index.js';
import { readStreams } from '../../src/jobs/told-streams.js';
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

/** All that was told, from the beginning, with nothing missing. */
export async function allTold(here: Place, operations: readonly Operation[] = []): Promise<OutcomeEvent[]> {
  const reader = outcomeReader(here, operations);
  const events: OutcomeEvent[] = [];
  let cursor = await reader.cursorAt('beginning');
  for (;;) {
    const page = await reader.read(cursor);
    expect(page.gap).toBeUndefined();
    events.push(...page.events.map(({ event }) => event));
    cursor = page.cursor;
    if (page.isLast) {
      return events;
    }
  }
}

/** The stream in which the cells of `here.key` are told: on a Cluster that of their master, once something was told. */
export async function streamKey(here: Place): Promise<string> {
  const keys = createKeys(here);
  const [stream] = await readStreams(here.client, keys);
  return stream?.key ?? keys.outcomes;
}

/** What a test looks at: the type, and each cell as "name before>after". */
export function short({ type, data }: OutcomeEvent): string {
  const cells = data.cells.map(({ key, field, member, before, after }) => {
    const name = [key.split(':').at(-1), field, member].filter((part) => part !== undefined).join('.');
    return before === undefined ? name : `${name} ${before}>${after}`;
  });
  return `${type.replace('tally.', '')}: ${cells.join(', ')}`;
}

/** The same of all that was told. */
export async function shorts(here: Place): Promise<string[]> {
  return (await allTold(here)).map(short);
}
