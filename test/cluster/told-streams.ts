import { readTold } from '../../src/jobs/told.js';
import { readStreams } from '../../src/jobs/told-streams.js';
import { createRegistry } from '../../src/operations/registry.js';
import { createKeys } from '../../src/redis/keys.js';
import { EntryDecoder } from '../../src/subscribers/entry-decoder.js';
import type { OutcomeEvent } from '../../src/subscribers/event.js';
import type { Place } from '../support/tally.js';

/** Something told, and in which stream. */
export interface RawEvent {
  readonly stream: string;
  readonly entry: string;
  readonly event: OutcomeEvent;
}

/** What stands in all streams, read as it lies there. */
export async function rawEvents(here: Place): Promise<RawEvent[]> {
  const keys = createKeys(here);
  const decoder = new EntryDecoder({ registry: createRegistry(), keys, namespace: here.namespace });
  const found: RawEvent[] = [];
  for (const { key: stream } of await readStreams(here.client, keys)) {
    for (const [entry, fields] of await here.client.xrange(stream, '-', '+')) {
      const told = readTold(fields);
      if (told === undefined) {
        throw new Error(`${stream} holds something else`);
      }
      found.push(...decoder.eventsOf(told).map(({ event }) => ({ stream, entry, event })));
    }
  }
  return found;
}

/** What is wrong with increments of 1 that were told, if the cells hold what was applied. */
export async function faultsOfIncrements(here: Place, told: readonly OutcomeEvent[]): Promise<string[]> {
  const ids = told.map(({ id }) => id);
  const twice = [...new Set(ids.filter((id, place) => ids.indexOf(id) !== place))].map((id) => `told twice: ${id}`);
  const byKey = new Map<string, number[]>();
  for (const { subject = '', data } of told) {
    if (data.status === 'applied') {
      byKey.set(subject, [...(byKey.get(subject) ?? []), data.cells[0]?.after ?? NaN]);
    }
  }
  const wrong = await Promise.all(
    [...byKey].map(async ([key, values]) => {
      const value = Number(await here.client.get(key));
      const sorted = [...values].sort((one, other) => one - other);
      return sorted.length === value && sorted.every((after, place) => after === place + 1)
        ? []
        : [`${key} holds ${value}, and told are ${sorted.join(' ')}`];
    }),
  );
  return [...twice, ...wrong.flat()];
}
