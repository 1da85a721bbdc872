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
  /** Keeps back the next thing that a client sends with this text in it, and ends the connection to that client. */
  holdBack(text: string): HeldBack;
  /** Lets the next request with this text in it through, and answers it with what no client can read. */
  garble(text: string): void;
}

/** What lingers in the network after its connection was lost. */
export interface HeldBack {
  readonly isHeld: () => boolean;
  /** Delivers it to Redis. Resolves once Redis has answered, to nobody. */
  deliver(): Promise<void>;
}

/** Starts a proxy before a Redis, for the length of a test. */
export async function startProxy(redisUrl: string): Promise<Proxy> {
  skipUnlessOneServer('the proxy stands before one server');
  const { hostname, port } = new URL(redisUrl);
  const sockets = new Set<Socket>();
  let muted = false;
  let garbled: { readonly text: string; by?: Socket } | undefined;
  let hold: { readonly text: string; held?: { redis: Socket; data: Buffer } } | undefined;
  const server = createServer((client) => {
    const redis = connect(Number(port), hostname);
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        if (hold?.held?.redis !== redis) {
          redis.destroy();
        }
      });
    }
    client.on('data', (data: Buffer) => {
      if (garbled !== undefined && garbled.by === undefined && data.includes(garbled.text)) {
        garbled.by = redis;
      }
      if (hold !== undefined && hold.held === undefined && data.includes(hold.text)) {
        hold.held = { redis, data };
        client.destroy();
      } else if (hold?.held?.redis !== redis) {
        redis.write(data);
      }
    });
    redis.on('data', (data) => {
      if (garbled?.by === redis) {
        garbled = undefined;
        client.write('garbage\r\n');
      } else if (!muted) {
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
    garble: (text) => {
      garbled = { text };
    },
    holdBack: (text) => {
      const own: typeof hold = { text };
      hold = own;
      return {
        isHeld: () => own.held !== undefined,
        deliver: async () => {
          const { redis, data } = own.held!;
          const answered = once(redis, 'data');
          redis.write(data);
          await answered;
          redis.destroy();
        },
      };
    },
  };
}
