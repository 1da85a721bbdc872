import { updateId } from '../../../src/jobs/job-id.js';
import { toldId } from '../../../src/jobs/told.js';
import { placeOf } from './cells.js';
import { nameOf } from './evidence.js';
import type { Evidence, Told } from './evidence.js';
import { groupBy } from './group-by.js';
import type { History, JobUpdate } from './history.js';

/**
 * Every applied update is in the stream of outcomes once, none that was not; the events of a cell follow each other as its values did,
 * from its start to its end; and each group of subscribers was told of each.
 */
export function* toldAsApplied(evidence: Evidence, history: History): Generator<string> {
  const { told } = evidence;
  if (told === undefined) {
    return;
  }
  for (const gap of told.gaps) {
    yield `something is missing in the stream of outcomes: ${gap}`;
  }
  yield* appliedAreTold(told, history);
  yield* told.isOrdered ? valuesFollow(told, evidence) : valuesAddUp(told, evidence);
  yield* allWereHeard(told);
}

function* appliedAreTold({ events }: Told, history: History): Generator<string> {
  const times = groupBy(events, ({ id }) => id);
  // One that a batch has put back has the same id there: the last word counts.
  const said = groupBy(history.updates, (update) => `${idOf(update)}:applied`);
  for (const [id, same] of times) {
    if (id.endsWith(':applied') && same.length > 1) {
      yield `event ${id} is in the stream ${same.length} times`;
    }
    const updates = said.get(id) ?? [];
    const known = updates.find(({ outcome }) => outcome !== undefined);
    if (known !== undefined && updates.every(({ outcome }) => outcome !== undefined && !isApplied(outcome))) {
      yield `event ${id} is in the stream, but ${placeOf(known)} says "${known.outcome}"`;
    }
  }
  for (const [id, updates] of said) {
    const update = updates.find(({ outcome }) => outcome !== undefined && isApplied(outcome));
    if (update !== undefined && !times.has(id)) {
      yield `${placeOf(update)} was applied, and that is not in the stream`;
    }
  }
}

function isApplied(outcome: string): boolean {
  return /^[^!?*=~#]/.test(outcome);
}

function idOf({ job: { id: jobId, queue, addedAtMs }, index }: JobUpdate): string {
  return updateId(toldId({ queue, jobId, addedAtMs }), index);
}

/** Whatever jobs and receipts say: a change that was not told, or told twice, breaks the way of its cell. */
function* valuesFollow({ events }: Told, { start, cells }: Evidence): Generator<string> {
  const values = new Map<string, number | null>(start);
  const broken = new Set<string>();
  for (const { id, data } of events) {
    for (const { before, after, ...cell } of data.cells) {
      const name = nameOf(cell);
      const known = values.get(name) ?? null;
      if (before === undefined || after === undefined || broken.has(name)) {
        continue;
      }
      if (before !== known) {
        broken.add(name);
        yield `event ${id} says that ${name} held ${before} before, but what was told until then leaves ${known}`;
      }
      if (data.status !== 'applied' && before !== after) {
        yield `event ${id} is not of an applied update, but says that ${name} changed from ${before} to ${after}`;
      }
      values.set(name, after);
    }
  }
  for (const [name, value] of values) {
    const last = cells.get(name);
    if (!broken.has(name) && String(value) !== (last ?? 'null')) {
      yield `${name} holds ${last ?? 'nothing'}, but what was told leaves ${value}`;
    }
  }
}

/** The same, whatever the order. A missing cell counts as 0. */
function* valuesAddUp({ events }: Told, { start, cells }: Evidence): Generator<string> {
  const sums = new Map<string, number>(start);
  for (const { data } of events) {
    for (const { before, after, ...cell } of data.cells) {
      const name = nameOf(cell);
      sums.set(name, (sums.get(name) ?? 0) + (after ?? 0) - (before ?? 0));
    }
  }
  for (const [name, sum] of sums) {
    const last = Number(cells.get(name) ?? 0);
    if (sum !== last) {
      yield `${name} holds ${last}, but the changes that were told add up to ${sum}`;
    }
  }
}

function* allWereHeard({ events, heard }: Told): Generator<string> {
  for (const [group, ids] of heard) {
    for (const { id } of events) {
      if (!ids.has(id)) {
        yield `event ${id} is in the stream, but the group "${group}" of subscribers was not told`;
      }
    }
  }
}
