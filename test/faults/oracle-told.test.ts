import { expect, test } from 'vitest';
import type { OutcomeEvent } from '../../src/index.js';
import type { Evidence } from './oracle/evidence.js';
import type { History } from './oracle/history.js';
import { toldAsApplied } from './oracle/told.js';

const EVENTS = ['a.0:rejected', 'a.1:rejected'].map((id) => ({ id, data: { cells: [] } }) as unknown as OutcomeEvent);

function complaints(heard: Record<string, readonly string[]>): string[] {
  const told = {
    ...{ events: EVENTS, gaps: [], isOrdered: true },
    heard: new Map(Object.entries(heard).map(([group, ids]) => [group, new Set(ids)])),
  };
  const evidence = { told, start: new Map(), cells: new Map() } as unknown as Evidence;
  return [...toldAsApplied(evidence, { updates: [] } as unknown as History)];
}

test('an event that one of the groups was not told shows, with the group', () => {
  const [one, other] = EVENTS.map(({ id }) => id) as [string, string];
  expect(complaints({ alone: [one, other], shared: [other, one, one] })).toEqual([]);
  expect(complaints({ alone: [one, other], shared: [one] })).toEqual([
    `event ${other} is in the stream, but the group "shared" of subscribers was not told`,
  ]);
});
