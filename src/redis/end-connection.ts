import type { Cluster, Redis } from 'ioredis';

/**
 * Ends a connection at once. While ioredis waits to connect again, `disconnect` alone forgets to say so: what waits for an
 * answer would go on waiting, with timers that keep the process running.
 */
export function endConnection(connection: Redis | Cluster): void {
  const isWaiting = connection.status === 'reconnecting';
  connection.disconnect();
  if (isWaiting && connection.status === 'reconnecting') {
    const inner = connection as unknown as { setStatus(status: 'end'): void; flushQueue(error: Error): void };
    inner.setStatus('end');
    inner.flushQueue(new Error('Connection is closed.'));
  }
}
