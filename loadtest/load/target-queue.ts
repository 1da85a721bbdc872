import { createProducer, QueueUnavailableError } from '../../src/index.js';
import type { BuiltInOperation, Operation, Producer, ProducerOptions, Update } from '../../src/index.js';
import type { Answer, Target } from './target.js';

/** Outcomes may be as late as the end of the drain; the load itself decides when to wait no longer. */
const OUTCOME_TIMEOUT_MS = 24 * 3_600_000;

/** Sends through the producer library, as a service would that uses it. */
export function queueTarget(options: ProducerOptions<Operation>): Target {
  const producer = createProducer(options);
  return {
    send: async (updates): Promise<Answer> => {
      try {
        const submissions = await submit(producer, updates);
        return {
          accepted: 'all',
          updates: submissions.map((submission) => ({
            jobId: submission.isRepeat ? undefined : submission.jobId,
            outcome: submission.outcome({ timeoutMs: OUTCOME_TIMEOUT_MS }),
          })),
        };
      } catch (error) {
        const isOpen = error instanceof QueueUnavailableError && error.accepted !== 'none';
        return { accepted: isOpen ? 'unknown' : 'none', message: (error as Error).message };
      }
    },
    close: () => producer.close(),
  };
}

/** What the traffic draws is checked by the producer, not by the compiler. */
interface Unchecked {
  readonly operation: 'counter.increment';
  readonly params: { readonly key: string };
}

async function submit(producer: Producer<BuiltInOperation | Operation>, updates: readonly Update[]) {
  const [update] = updates as readonly Unchecked[];
  if (update === undefined || updates.length > 1) {
    return producer.submit(updates as readonly Unchecked[]);
  }
  return [await producer.submit(update)];
}
