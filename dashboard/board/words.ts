import { decodeFailure, isFailure, isRecord } from '../../src/jobs/form.js';
import type { Outcome } from '../../src/operations/outcome.js';
import type { Job } from 'bullmq';
import { settledRecord } from '../../src/jobs/queues.js';
import type { Registry } from '../../src/operations/registry.js';
import { partitionWords } from './board-name.js';
import type { ShownQueue } from './shown-queues.js';

/** For people, without the version of its form: why a job failed for good, or an attempt at it. */
export function failureWords(failedReason: string, hasEnded: boolean): string {
  return hasEnded || isFailure(failedReason) ? outcomeWords(decodeFailure(failedReason)) : failedReason;
}

/** An outcome as a line, e.g. `unknown TOO_OLD: it stood for longer than ...`. */
export function outcomeWords(outcome: Outcome): string {
  const duplicate = 'duplicate' in outcome ? ' (duplicate)' : '';
  return outcome.status === 'applied'
    ? `applied${duplicate} ${JSON.stringify(outcome.result)}`
    : `${outcome.status}${duplicate} ${outcome.reason}: ${outcome.message}`;
}

/** Whether a job that is completed was completed by Tally: then it has taken effect, or was answered. */
export function isEndedByTally({
  returnvalue,
  progress,
}: Pick<Job<unknown, unknown>, 'returnvalue' | 'progress'>): boolean {
  return isRecord(returnvalue) || settledRecord(progress) !== undefined;
}

interface QueueWords {
  readonly displayName: string;
  readonly description: string;
}

/** What the board says of a queue, or of one partition of it: its name as a title, and the operations that it carries. */
export function wordsOfShown({ queue, partition, mayBeMore, others }: ShownQueue, registry: Registry): QueueWords {
  const { displayName, description } = describeQueue(queue.name, registry);
  return {
    displayName: displayName + partitionWords(partition),
    description: [
      ...(others === '' ? [] : [othersWords(others)]),
      description,
      ...(mayBeMore ? [MAY_BE_MORE] : []),
    ].join(' '),
  };
}

const MAY_BE_MORE =
  'Partitions of other numbers may be in use and are not shown: a Redis master does not answer that knows the numbers.';

function othersWords(others: string): string {
  return `Workers of another program, from ${others}, take jobs of this queue: these are not applied, and end as unknown.`;
}

function describeQueue(queue: string, registry: Registry): QueueWords {
  const carried = registry.operations.filter((operation) => operation.queue === queue);
  return {
    displayName: queue.length <= 2 ? queue.toUpperCase() : queue.charAt(0).toUpperCase() + queue.slice(1),
    description: carried
      .map(({ name, description }) => (description === '' ? name : `${name}: ${description}`))
      .join(' '),
  };
}
