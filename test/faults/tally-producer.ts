import { shiftClock } from './shifted-clock.js'; // first: it changes the clock of all that follow
import { pino } from 'pino';
import { BackpressureError, createProducer, QueueUnavailableError } from '../../src/index.js';
import type { Submission, TallyError, Update } from '../../src/index.js';
import { ProducerLoop } from './producer-loop.js';
import type { Cancelling, Reverting } from './journal.js';
import type { Accepted, Submitter } from './producer-loop.js';
import { OPERATIONS } from './operations.js';
import { NAMESPACE, PREFIX } from './settings.js';
import type { ProducerSettings } from './side.js';
import type { DrawnUpdate } from './drawn-update.js';

/** The producer program of a fault run. */

const OUTCOME_TIMEOUT_MS = 120_000;

const settings = JSON.parse(process.argv[2] ?? '') as ProducerSettings;
shiftClock(settings.clockOffsetMs);
const producer = createProducer({
  redis: settings.redis,
  namespace: NAMESPACE,
  prefix: PREFIX,
  submitTimeoutMs: settings.pace.submitTimeoutMs,
  maxBatch: 16,
  operations: OPERATIONS,
  partitions: settings.partitions,
  replicasToConfirm: settings.replicasToConfirm,
  logger: pino({ level: 'warn' }, pino.destination({ dest: 2, sync: true })),
});

/** The updates are of all operations, which no single type of `submit` takes. */
type AnyUpdate = Update<'counter.increment', { key: string }>;

const submitter: Submitter = {
  submit: async (update) => patient(await producer.submit(toUpdate(update), update.options)),
  submitTogether: async (updates) => (await producer.submit(updates.map(toUpdate))).map(patient),
  wasAccepted: (error) => {
    const saysNo =
      error instanceof BackpressureError ||
      (error instanceof QueueUnavailableError && /was not (accepted|sent)$/.test(error.message));
    return saysNo ? 'no' : 'unknown';
  },
  close: () => producer.close(),
};

function patient(submission: Submission): Accepted {
  const { jobId, index } = submission;
  return {
    jobId,
    index,
    outcome: () => submission.outcome({ timeoutMs: OUTCOME_TIMEOUT_MS }),
    cancel: () => cancel(submission.id),
    revert: () => revert(submission.id),
  };
}

async function revert(id: string): Promise<Reverting> {
  try {
    const { jobId, index } = await producer.revert(id);
    return { jobId, index };
  } catch (error) {
    // An operator may have removed it.
    const { code } = error as TallyError;
    return code === 'NOT_REVERTIBLE' || code === 'UPDATE_NOT_FOUND' ? 'not revertible' : 'unknown';
  }
}

async function cancel(id: string): Promise<Cancelling> {
  try {
    await producer.cancel(id);
    return 'cancelled';
  } catch (error) {
    // An operator may have removed it.
    const { code } = error as TallyError;
    return code === 'NOT_CANCELLABLE' || code === 'UPDATE_NOT_FOUND' ? 'not cancellable' : 'unknown';
  }
}

function toUpdate({ operation, params, idempotencyKey }: DrawnUpdate): AnyUpdate {
  return { operation, params, idempotencyKey } as unknown as AnyUpdate;
}

await new ProducerLoop(settings, submitter).run();
