import { decodeRecord } from '../jobs/form.js';
import { toJobData } from '../jobs/job-data.js';
import { JOB_OPTIONS } from '../jobs/job-options.js';
import type { JobResult } from '../jobs/queues.js';
import { followingJobId, slotOfJobId, timeOfJobId } from '../layout/new-job-id.js';
import { kindOf, numbersOf } from '../operations/outcome.js';
import { holdsOf, inventoryExpire, MAX_EXPIRED_AT_ONCE, mayHold } from '../operations/reservations.js';
import type { Holds } from '../operations/reservations.js';
import type { Store } from '../layout/store.js';
import { cellId, cellName } from '../redis/cell.js';
import { NO_SLOT } from '../redis/slots.js';
import type { Slot } from '../redis/slots.js';
import { readOrder } from './attempt.js';
import type { Attempt, Reading } from './attempt.js';
import { inPlace } from './requeue.js';

/** Updates in one job at most. */
const MAX_UPDATES = 256;

/** Ends within a second are over at its end, together. */
const TOGETHER_MS = 1_000;

interface ExpiryDeps extends Reading, Pick<Store, 'clock'> {}

/** What is over at a time, of one stock. */
interface Expiry extends Pick<Holds, 'stock'> {
  readonly slot: Slot;
  readonly reservations: Set<string>;
}

/**
 * Adds the jobs that will give back what a job holds, one for each second in which something of it is over. Before the job
 * completes: a worker that dies before leaves it to the next attempt, which finds the same record and adds the same jobs.
 * They decide by Redis' time whether something is over, so to run one twice, late, or after an extension does no harm.
 */
export async function addExpiries(attempt: Attempt, record: JobResult, deps: ExpiryDeps): Promise<void> {
  const { job, place, name, digest } = attempt;
  if (!mayHold(job.name, job.data)) {
    return;
  }
  const { digest: applied, outcomes } = decodeRecord(record) ?? { digest: '', outcomes: [] };
  if (applied !== digest) {
    return; // of edited data nobody can tell which update is which
  }
  const source = deps.keys.jobReceipt(name, NO_SLOT);
  // By Redis' clock, whatever that of this machine says. One that a worker ran too early is dated by its own clock: else that
  // worker would run it at once again.
  const isAgain = job.name === inventoryExpire.name;
  for (const [dueMs, expiries] of dueTimes(attempt, outcomes, deps)) {
    const updates = updatesOf(expiries);
    for (let first = 0; first < updates.length; first += MAX_UPDATES) {
      const some = updates.slice(first, first + MAX_UPDATES);
      const nowMs = deps.clock.at(performance.now(), some[0]?.slot ?? NO_SLOT);
      await place.expiries.add(inventoryExpire.name, toJobData(some, { sentAtMs: nowMs }, deps.layouts.receipts), {
        ...JOB_OPTIONS,
        jobId: followingJobId(`${source} ${first}`, slotOfJobId(name.jobId), dueMs),
        delay: Math.max(0, dueMs - nowMs),
        ...(!isAgain && { timestamp: nowMs }),
      });
    }
  }
}

function dueTimes(attempt: Attempt, outcomes: readonly string[], deps: ExpiryDeps): Map<number, Map<string, Expiry>> {
  const dueTimes = new Map<number, Map<string, Expiry>>();
  const updates = inPlace(readOrder(attempt, deps).groups);
  // Workers whose clock is ahead run a job early: what was due with it is still held, and goes back at the next attempt.
  const ownDueMs = timeOfJobId(attempt.name.jobId) ?? 0;
  for (const [index, update] of updates.entries()) {
    const outcome = outcomes[index] ?? '';
    if ('refusal' in update || kindOf(outcome) !== 'applied') {
      continue;
    }
    const numbers = numbersOf(outcome);
    for (const [place, step] of update.steps.entries()) {
      const holds = holdsOf(step, numbers[place] ?? []);
      if (holds === undefined || (step.operation === inventoryExpire.name && holds.endMs > ownDueMs)) {
        continue;
      }
      const dueMs = Math.ceil(holds.endMs / TOGETHER_MS) * TOGETHER_MS;
      const expiries = dueTimes.get(dueMs) ?? new Map<string, Expiry>();
      dueTimes.set(dueMs, expiries);
      const id = cellId(holds.stock);
      const expiry = expiries.get(id) ?? { stock: holds.stock, slot: update.slot, reservations: new Set() };
      expiries.set(id, expiry);
      for (const reservation of holds.reservations) {
        expiry.reservations.add(reservation);
      }
    }
  }
  return dueTimes;
}

function updatesOf(expiries: ReadonlyMap<string, Expiry>) {
  return [...expiries.values()].flatMap(({ stock, slot, reservations }) => {
    const names = [...reservations];
    return Array.from({ length: Math.ceil(names.length / MAX_EXPIRED_AT_ONCE) }, (_, place) => ({
      params: {
        ...cellName(stock),
        reservations: names.slice(place * MAX_EXPIRED_AT_ONCE, (place + 1) * MAX_EXPIRED_AT_ONCE),
      },
      idempotencyKey: undefined,
      idempotencyOwner: '',
      slot,
    }));
  });
}
