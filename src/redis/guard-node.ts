import type { Redis } from 'ioredis';
import { guardStreams } from './guard-streams.js';

/**
 * Mends a connection of ioredis 6 to one node of a Cluster.
 *
 * @param lost called when requests may have been run whose answers are lost
 */
export function guardNode(node: Redis, lost: () => void): void {
  guardStreams(node);
  guardAsking(node);
  const duplicate = node.duplicate.bind(node);
  node.duplicate = (...override) => guardStreams(duplicate(...override)); // it asks for the slots
  const recover = node.recoverFromFatalError.bind(node);
  node.recoverFromFatalError = (...args) => {
    lost();
    recover(...args);
  };
}

/**
 * ioredis 6 sends ASKING ahead of a command for a half-moved slot, and does not listen for its failure: when the connection
 * ends, as happens to that of a new master which has no slots yet, that failure would end this process. The command
 * behind it fails alike, and is sent again.
 */
function guardAsking(node: Redis): void {
  const ask = node.asking.bind(node);
  node.asking = (...args) => {
    const answer = ask(...args);
    answer.catch(() => undefined);
    return answer;
  };
}
