import type { Registry } from '../../src/operations/registry.js';
import { partitionWords } from './board-name.js';
import type { ShownQueue } from './shown-queues.js';

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
