import type { Evidence } from './evidence.js';
import { nameOf } from './evidence.js';
import type { History, JobUpdate } from './history.js';
import { witnessesOf } from '../cells.js';
import type { Change } from './changes.js';
import { groupBy } from './group-by.js';

type AppliedChange = Change & { readonly update: JobUpdate };

/**
 * Every cell equals its start plus the changes of its applied updates; and the values that they left make one way
 * from the start to the end, each left as often as it was reached.
 */
export function* cellsAddUp({ start, cells }: Evidence, history: History): Generator<string> {
  const changes = groupBy(
    history.applied.flatMap((update) => update.changes.map((change): AppliedChange => ({ ...change, update }))),
    ({ cell }) => cell,
  );
  for (const cell of new Set([...start.keys(), ...changes.keys()])) {
    const first = start.get(cell) ?? 0;
    const last = Number(cells.get(cell) ?? 0);
    const ofCell = changes.get(cell) ?? [];
    const sum = ofCell.reduce((total, { by }) => total + by, first);
    if (sum !== last) {
      yield `${cell} holds ${last}, but its start ${first} and the ${ofCell.length} updates applied to it make ${sum}: ${Math.abs(last - sum)} too ${last > sum ? 'many' : 'few'}`;
    }
    yield* brokenWay(cell, first, last, ofCell);
  }
}

/** Where the way of a cell from value to value breaks. The first place says enough. */
function* brokenWay(cell: string, first: number, last: number, changes: readonly AppliedChange[]): Generator<string> {
  const surplus = new Map<number, number>([[first, 1]]);
  const add = (value: number, count: number) => surplus.set(value, (surplus.get(value) ?? 0) + count);
  for (const { by, after } of changes) {
    add(after, 1);
    add(after - by, -1);
  }
  add(last, -1);
  const [value, count] = [...surplus].find(([, times]) => times !== 0) ?? [];
  if (value !== undefined && count !== undefined) {
    const left = changes.filter(({ by, after }) => after - by === value);
    const reached = changes.filter(({ after }) => after === value);
    const times = count > 0 ? 'more often than it was left' : 'less often than it was left';
    yield `${cell} reached the value ${value} ${times}: a change is missing or was made twice; reached by ${list(reached)}; left by ${list(left)}`;
  }
}

function list(changes: readonly AppliedChange[]): string {
  const words = changes.map(({ by, update }) => `${placeOf(update)} (${by < 0 ? by : `+${by}`})`);
  return words.length === 0 ? 'no update' : words.slice(0, 5).join(', ');
}

/** An update by its job, its place in it, and its number in the run. */
export function placeOf({ job, index, witnessedId, idempotencyKey }: JobUpdate): string {
  const number = witnessedId ?? idempotencyKey;
  return `update ${index} of job ${job.id}${number === undefined ? '' : ` (${number})`}`;
}

/** An update over several cells touched all of them or none: its witnesses of the three kinds are equal. */
export function* wholeOrAbsent({ cells }: Evidence): Generator<string> {
  for (const id of witnessedIds(cells)) {
    const values = witnessesOf(id).map((cell) => cells.get(nameOf(cell)) ?? '0');
    if (new Set(values).size > 1) {
      yield `update ${id} is torn: its string, hash field and sorted-set member hold ${values.join(', ')} instead of the same`;
    }
  }
}

/** The numbers of the updates that have left a witness. */
export function witnessedIds(cells: ReadonlyMap<string, string>): Set<string> {
  const ids = [...cells.keys()].map(
    (name) => /^"witness(?::|-fields" field "|-members" member ")(.+)"$/.exec(name)?.[1],
  );
  return new Set(ids.filter((id) => id !== undefined));
}
