import type { Registry } from '../src/operations/registry.js';

/** What the board says of a queue: its name as a title, and the operations that it carries. */
export function describeQueue(queue: string, registry: Registry): { displayName: string; description: string } {
  const carried = registry.operations.filter((operation) => operation.queue === queue);
  return {
    displayName: queue.length <= 2 ? queue.toUpperCase() : queue.charAt(0).toUpperCase() + queue.slice(1),
    description: carried
      .map(({ name, description }) => (description === '' ? name : `${name}: ${description}`))
      .join(' '),
  };
}
