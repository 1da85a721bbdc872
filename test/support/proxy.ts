import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { skipUnlessOneServer } from './skip-unless-one-server.js';

/** A connection to Redis that a test can break. */
export interface Proxy {
  readonly url: string;
  /** From now on Redis hears its clients, but they don't hear Redis. */
  mute(): void;
  /** Ends all connections; new ones work. */
  cut(): void;
}

/** Starts a proxy before a Redis, for the length of a test. */
export async function startProxy(redisUrl: string): Promise<Proxy> {
  skipUnlessOneServer('the proxy stands before one server');
  const { hostname, port } = new URL(redisUrl);
  const sockets = new Set<Socket>();
  let muted = false;
  const server = createServer((client) => {
    const redis = connect(Number(port), hostname);
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        redis.destroy();
      });
    }
    client.pipe(redis);
    redis.on('data', (data) => {
      if (!muted) {
        client.write(data);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    muted = false;
    for (const socket of sockets) {
      socket.destroy();
    }
  };
  onTestFinished(() => {
    server.close();
    cut();
  });
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mute: () => {
      muted = true;
    },
    cut,
  };
}
