import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** The one address under which a managed Redis is reached. */
export interface Address {
  readonly url: string;
  /** From now on new connections lead to another server. Those that are there live on. */
  leadTo(redisUrl: string): void;
  /** How many connections were made so far. */
  connections(): number;
}

/** Gives a Redis an address for the length of a test. */
export async function startAddress(redisUrl: string): Promise<Address> {
  let target = new URL(redisUrl);
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    const redis = connect(Number(target.port), target.hostname);
    const end = () => {
      client.destroy();
      redis.destroy();
    };
    for (const socket of [client, redis]) {
      socket.on('error', end).on('close', end);
    }
    client.pipe(redis);
    redis.pipe(client);
    onTestFinished(end);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo: (url) => {
      target = new URL(url);
    },
    connections: () => connections,
  };
}
