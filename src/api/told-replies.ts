import { toldId } from '../jobs/told.js';
import { parseUpdateId } from '../jobs/job-id.js';
import { timeOfJobId } from '../layout/new-job-id.js';
import { withinTime } from '../lib/timeouts.js';
import type { Outcome } from '../operations/outcome.js';
import { checkUpdate } from '../operations/update.js';
import type { Cell } from '../redis/cell.js';
import { cellId } from '../redis/cell.js';
import { NO_SLOT } from '../redis/slots.js';
import type { OutcomeEvent } from '../subscribers/event.js';
import { outcomeEvent } from '../subscribers/outcome-event.js';
import type { OutcomeReader } from '../subscribers/outcome-reader.js';
import type { EventUpdate } from './event-attributes.js';
import type { UpdatesDeps } from './find-visible.js';
import type { Submitted } from './submit.js';

export interface ReplyDeps extends Pick<UpdatesDeps, 'producer' | 'registry' | 'keys' | 'logger'> {
  readonly told: { readonly reader: OutcomeReader };
  readonly namespace: string;
}

/** Where what is submitted from now on will be told; undefined when Redis does not say so. */
export type ToldFrom = string | undefined;

/** How long the stream may take to say where it ends, or to give what is looked for. */
const PATIENCE_MS = 3_000;

/** Entries of the stream that are looked at for one answer: what was told by so many jobs since. */
const MOST_ENTRIES = 4_096;

/** By so much the clock of a producer, which ids are made by, may be ahead of that of Redis. */
const CLOCKS_APART_MS = 1_000;

/** An update that has ended: under a key that was known, the first one of the key. */
interface Ended extends EventUpdate {
  readonly id: string;
  readonly jobId: string;
  readonly outcome: Outcome;
}

export async function toldFrom({ told, logger }: ReplyDeps): Promise<ToldFrom> {
  let cursor: ToldFrom;
  const asked = told.reader.cursorAt('now').then((now) => {
    cursor = now;
  });
  await withinTime(asked, PATIENCE_MS).catch((error: unknown) => {
    logger.debug({ err: error }, 'could not say where outcomes are told');
  });
  return cursor;
}

/**
 * The events of updates that were submitted: those that are told, or, of what the stream does not hold, what is known of them.
 *
 * @param from see {@link toldFrom}: before they were submitted
 * @returns undefined as long as one has no outcome
 */
export async function replyEvents(
  deps: ReplyDeps,
  { submissions, outcomes }: Submitted,
  asked: readonly EventUpdate[],
  { from, owner }: { readonly from: ToldFrom; readonly owner: string | undefined },
): Promise<OutcomeEvent[] | undefined> {
  const ended = await Promise.all(
    submissions.map(async ({ id, jobId, isRepeat }, index): Promise<Ended | undefined> => {
      const [outcome, update] = [outcomes[index], asked[index]];
      if (outcome === undefined || update === undefined) {
        return undefined;
      }
      const isLateRepeat = !isRepeat && 'duplicate' in outcome;
      const first = isLateRepeat ? await firstOf(deps, update, owner) : undefined;
      return { ...update, outcome, id: first ?? id, jobId: (first && parseUpdateId(first)?.jobId) ?? jobId };
    }),
  );
  const all = ended.filter((each) => each !== undefined);
  if (all.length < submissions.length) {
    return undefined;
  }
  const sent = new Set(submissions.filter(({ isRepeat }) => !isRepeat).map(({ jobId }) => jobId));
  const told = await findTold(deps, all, { from, sent });
  return all.map((update) => told.get(nameOf(update.id, update.outcome.status)) ?? untold(deps, update));
}

/** The update that was the first with a key, of which a worker found out: the two were on their way together. */
async function firstOf(deps: ReplyDeps, update: EventUpdate, owner: string | undefined): Promise<string | undefined> {
  const { operation, idempotencyKey } = update;
  const key = cellsOf(deps, update)[0]?.key;
  const question = { operation, idempotencyKey, ...(owner !== undefined && { idempotencyOwner: owner }), key };
  return (await deps.producer.findByKey(question).catch(() => undefined))?.id;
}

function nameOf(id: string, status: string): string {
  return `${id}:${status}`;
}

/** Looks for what is told of updates. Those of earlier requests are looked for from when their jobs were made. */
async function findTold(
  { told: { reader }, logger }: ReplyDeps,
  updates: readonly Ended[],
  { from, sent }: { readonly from: ToldFrom; readonly sent: ReadonlySet<string> },
): Promise<ReadonlyMap<string, OutcomeEvent>> {
  const found = new Map<string, OutcomeEvent>();
  const missing = (wanted: readonly Ended[]) =>
    wanted.filter(({ id, outcome }) => !found.has(nameOf(id, outcome.status)));
  const left = { entries: MOST_ENTRIES };
  const look = async (wanted: readonly Ended[], cursor: string) => {
    // A batch may have put it back, as a job of its own whose id is that of the update.
    const ids = new Set(
      wanted.flatMap(({ id, jobId }) => [jobId, id].map((each) => toldId({ queue: '', jobId: each }))),
    );
    for await (const event of reader.eventsOf(cursor, ids, left)) {
      found.set(nameOf(event.data.id, event.data.status), event);
      if (missing(wanted).length === 0) {
        return;
      }
    }
  };
  const lookForAll = async () => {
    const [own, earlier] = [
      updates.filter(({ jobId }) => sent.has(jobId)),
      updates.filter(({ jobId }) => !sent.has(jobId)),
    ];
    if (from !== undefined && own.length > 0) {
      await look(own, from);
    }
    for (const jobId of new Set(earlier.map((update) => update.jobId))) {
      const wanted = earlier.filter((update) => update.jobId === jobId);
      const madeAtMs = timeOfJobId(jobId);
      if (madeAtMs !== undefined) {
        await look(wanted, await reader.cursorAt({ sinceMs: madeAtMs - CLOCKS_APART_MS }));
      }
    }
  };
  await withinTime(lookForAll(), PATIENCE_MS).catch((error: unknown) => {
    logger.debug({ err: error }, 'could not look for what is told');
  });
  return found;
}

/** Without the values before and after, and the attempt that failed. */
function untold(deps: ReplyDeps, update: Ended): OutcomeEvent {
  const { id, jobId, operation, idempotencyKey } = update;
  const { duplicate: _, ...outcome } = { duplicate: undefined, ...update.outcome };
  const [namespace, cells, atMs] = [deps.namespace, cellsOf(deps, update), Date.now()];
  return outcomeEvent({ namespace, id, jobId, operation, outcome, cells, idempotencyKey, atMs });
}

/** The cells that an update names, each once; those of a bucket as of now. */
function cellsOf({ registry, keys }: ReplyDeps, { operation, params }: EventUpdate): readonly Cell[] {
  const context = { registry, isReservedKey: keys.isReserved, slotOf: () => NO_SLOT, sentAt: Date.now };
  try {
    const { steps } = checkUpdate({ operation, params }, context);
    const cells = steps.flatMap((step) => step.cells).filter(({ key }) => !keys.isReserved(key));
    return [...new Map(cells.map((cell) => [cellId(cell), nameOfCell(cell)])).values()];
  } catch {
    return []; // it was valid when it was sent: nobody shall go without an answer
  }
}

/** Without what else an operation has in the place of a cell. */
function nameOfCell({ key, field, member }: Cell): Cell {
  return { key, ...(field !== undefined && { field }), ...(member !== undefined && { member }) };
}
