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
  // What was answered arrives also behind the end of what is asked.
  const allowHalfOpen = true;
  const server = createServer({ allowHalfOpen }, (client) => {
    connections += 1;
    const redis = connect({ port: Number(target.port), host: target.hostname, allowHalfOpen });
    const end = () => {
      client.destroy();
      redis.destroy();
    };
    client
      .on('error', end)
      .on('close', () => redis.end())
      .pipe(redis);
    redis
      .on('error', end)
      .on('close', () => client.end())
      .pipe(client);
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
