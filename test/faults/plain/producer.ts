import { QueueEvents } from 'bullmq';
import { connectPlainly } from '../../../loadtest/plain-bullmq/connect-plainly.js';
import { openPlainQueue, PATIENT } from '../../../loadtest/plain-bullmq/queue.js';
import type { Outcome } from '../../../src/index.js';
import { REGISTRY } from '../operations.js';
import { ProducerLoop } from '../producer-loop.js';
import type { Accepted, Submitter } from '../producer-loop.js';
import { PREFIX, QUEUES } from '../settings.js';
import type { ProducerSettings } from '../side.js';
import type { DrawnUpdate } from '../drawn-update.js';

/** The producer that Tally is compared with: `queue.add`, with the idempotency key as the job's id, as BullMQ advises. */

const OUTCOME_TIMEOUT_MS = 20_000;
const SUBMIT_TIMEOUT_MS = 2_000;

const settings = JSON.parse(process.argv[2] ?? '') as ProducerSettings;
const queues = new Map(QUEUES.map((name) => [name as string, open(name)]));

function open(name: string) {
  const connection = connectPlainly(settings.redis, { maxRetriesPerRequest: 1, commandTimeout: SUBMIT_TIMEOUT_MS });
  const queue = openPlainQueue(connection, { name, prefix: PREFIX });
  const events = new QueueEvents(name, {
    connection: { url: settings.redis as string, maxRetriesPerRequest: null },
    prefix: PREFIX,
  });
  events.on('error', () => undefined);
  events.setMaxListeners(0);
  return { connection, queue, events };
}

const submitter: Submitter = {
  submit,
  submitTogether: (updates) => Promise.all(updates.map(submit)),
  wasAccepted: () => 'unknown',
  close: async () => {
    for (const { connection, queue, events } of queues.values()) {
      await Promise.all([queue.close(), events.close()]);
      connection.disconnect();
    }
  },
};

async function submit({ operation, params, idempotencyKey }: DrawnUpdate): Promise<Accepted> {
  const { queue, events } = queues.get(REGISTRY.find(operation)?.queue ?? '') ?? fail(operation);
  const job = await queue.add(operation, params, {
    ...PATIENT,
    ...(idempotencyKey !== undefined && { jobId: idempotencyKey }),
  });
  const outcome = async (): Promise<Outcome> => {
    try {
      await job.waitUntilFinished(events, OUTCOME_TIMEOUT_MS);
      return { status: 'applied', result: undefined };
    } catch (error) {
      if ((await job.getState()) === 'failed') {
        return { status: 'failed', reason: 'FAILED', message: (error as Error).message };
      }
      throw error;
    }
  };
  return { jobId: job.id ?? '', index: 0, outcome };
}

function fail(operation: string): never {
  throw new RangeError(`there is no queue for the operation "${operation}"`);
}

await new ProducerLoop(settings, submitter).run();
