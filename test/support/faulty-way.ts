import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** Between two faults of one connection: each is read by itself. */
const NEXT_FAULT_MS = 5;

/** As OpenSSL sends it for a handshake that ends in its midst: fatal, decode error. */
const ALERT = Buffer.from([0x15, 3, 3, 0, 2, 2, 50]);

/** The type of a record that holds data, or, in TLS 1.3, the rest of the handshake. */
const DATA_RECORD = 0x17;

/** One connection to a server. */
interface Way {
  readonly client: Socket;
  readonly server: Socket;
  /** Chunks that the client has sent, and those of them that were records of data. */
  sent: number;
  sentData: number;
  received: number;
  /** Nothing more is passed on. */
  isBroken: boolean;
}

/** When a fault comes, in the life of a TLS connection. */
export const MOMENTS = {
  'before the handshake': ({ sent }: Way) => sent === 0,
  'after the client began the handshake': ({ sent }: Way) => sent === 1,
  'in the midst of what the server answers': ({ received }: Way) => received === 1,
  'with the last of the handshake': ({ sentData }: Way) => sentData === 1,
  'after some requests': ({ sentData }: Way) => sentData >= 5,
} as const;

/** What happens, one after the other. */
export const FAULTS = {
  reset: ['reset'],
  'an end': ['end'],
  'garbage, then a reset': ['garbage', 'reset'],
  'an alert, then a reset': ['alert', 'reset'],
  'an alert of the server, then a reset': ['server alert', 'reset'],
  'alerts, garbage, and an end': ['alert', 'garbage', 'alert', 'garbage', 'end'],
  'half a record, then a reset': ['half a record', 'reset'],
} as const satisfies Record<string, readonly Step[]>;

type Step = 'reset' | 'end' | 'garbage' | 'alert' | 'server alert' | 'half a record';

interface Trouble {
  readonly moment: keyof typeof MOMENTS;
  readonly fault: keyof typeof FAULTS;
}

/** Proxies before servers with TLS that bring trouble to the connections. */
export class FaultyWays {
  readonly #servers: Server[] = [];
  readonly #ways = new Set<Way>();
  #trouble: Trouble | undefined;
  /** How many connections had their trouble. */
  troubled = 0;

  /** Opens the way to a server. @returns the port to connect to in place of its own */
  async open(port: number): Promise<number> {
    const proxy = createServer({ allowHalfOpen: true }, (client) => {
      this.#pass(client, connect({ port, host: '127.0.0.1', allowHalfOpen: true }));
    }).listen(0, '127.0.0.1');
    this.#servers.push(proxy);
    await once(proxy, 'listening');
    return (proxy.address() as AddressInfo).port;
  }

  /** From now on each new connection has this trouble, and so have those that are there. `undefined` ends it. */
  bring(trouble: Trouble | undefined): void {
    this.#trouble = trouble;
    for (const { client, isBroken } of this.#ways) {
      if (trouble !== undefined && trouble.moment !== 'after some requests' && !isBroken) {
        client.resetAndDestroy(); // it is past that moment: the next one comes to it
      }
    }
  }

  close(): void {
    for (const { client, server } of this.#ways) {
      client.destroy();
      server.destroy();
    }
    for (const server of this.#servers) {
      server.close();
    }
  }

  #pass(client: Socket, server: Socket): void {
    const way: Way = { client, server, sent: 0, sentData: 0, received: 0, isBroken: false };
    this.#ways.add(way);
    this.#look(way);
    client.on('data', (data: Buffer) => {
      way.sent += 1;
      way.sentData += data[0] === DATA_RECORD ? 1 : 0;
      this.#look(way, data);
      if (!way.isBroken) {
        server.write(data);
      }
    });
    server.on('data', (data: Buffer) => {
      way.received += 1;
      this.#look(way, data);
      if (!way.isBroken) {
        client.write(data);
      }
    });
    server.on('end', () => way.isBroken || client.end());
    client.on('end', () => server.end());
    client
      .on('error', () => undefined)
      .on('close', () => {
        this.#forget(way);
      });
    server.on('error', () => undefined).on('close', () => way.isBroken || client.destroy());
  }

  #forget(way: Way): void {
    this.#ways.delete(way);
    way.server.destroy();
  }

  #look(way: Way, data?: Buffer): void {
    if (this.#trouble !== undefined && !way.isBroken && MOMENTS[this.#trouble.moment](way)) {
      way.isBroken = true;
      this.troubled += 1;
      void trouble(way, FAULTS[this.#trouble.fault], data);
    }
  }
}

async function trouble({ client, server }: Way, steps: readonly Step[], data: Buffer = ALERT): Promise<void> {
  for (const [number, step] of steps.entries()) {
    if (number > 0) {
      await wait(NEXT_FAULT_MS);
    }
    switch (step) {
      case 'reset':
        client.resetAndDestroy();
        break;
      case 'end':
        client.end();
        break;
      case 'garbage':
        client.write(randomBytes(100));
        break;
      case 'alert':
        client.write(ALERT);
        break;
      case 'half a record':
        client.write(data.subarray(0, Math.ceil(data.length / 2)));
        break;
      case 'server alert':
        await alertOfServer(client, server, data);
    }
  }
}

/** A byte is changed on its way to the server: what it answers is the alert. */
async function alertOfServer(client: Socket, server: Socket, data: Buffer): Promise<void> {
  const changed = Buffer.from(data);
  changed[changed.length - 1]! ^= 1;
  const answered = Promise.race([once(server, 'data'), wait(100)]);
  server.write(changed);
  const answer = (await answered) as [Buffer] | undefined;
  if (answer !== undefined && client.writable) {
    client.write(answer[0]);
  }
}

const HOST = '127.0.0.1';

/** Opens ways to all nodes of a Cluster, or to servers and Sentinels. @returns where they are reached, and the map of their addresses to it */
export async function detours(ways: FaultyWays, servers: readonly { readonly port: number }[]) {
  const nodes = await Promise.all(servers.map(async ({ port }) => ({ host: HOST, port: await ways.open(port) })));
  const natMap = Object.fromEntries(servers.map(({ port }, place) => [`${HOST}:${port}`, nodes[place]!]));
  return { nodes, natMap };
}
