/**
 * What 1,000 clients that follow outcomes cost a process of the API: its memory, processor time and delay of the event loop.
 *
 *   npx tsx test/load/followers.ts [clients]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { ApiServer, createApi } from '../../src/api/api.js';
import { createProducer, createWorker } from '../../src/index.js';
import { startEmbeddedRedis } from '../../src/redis/embedded.js';

const logger = pino({ level: 'silent' });

interface Reading {
  rssMiB: number;
  heapMiB: number;
  cpuMs: number;
  delayP50Ms: number;
  delayP99Ms: number;
  delayMaxMs: number;
}

/** The process that is measured: answers `read` with what it took since it was asked last. */
async function serve(redis: string): Promise<void> {
  const api = createApi({ redis, logger, outcomes: true });
  const server = new ApiServer(api.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  let before = process.cpuUsage();
  process.on('message', () => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    const ms = (nanoseconds: number) => Math.round(nanoseconds / 1e5) / 10;
    process.send?.({
      rssMiB: Math.round(rss / 2 ** 20),
      heapMiB: Math.round(heapUsed / 2 ** 20),
      cpuMs: Math.round((user + system) / 1000),
      delayP50Ms: ms(delay.percentile(50)),
      delayP99Ms: ms(delay.percentile(99)),
      delayMaxMs: ms(delay.max),
    } satisfies Reading);
    delay.reset();
  });
  process.send?.((server.address() as AddressInfo).port);
}

async function measure(clients: number): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tally-followers-'));
  const redis = await startEmbeddedRedis({ dataDir });
  const worker = createWorker({ redis: redis.url, logger, outcomes: true });
  await worker.ready();
  const producer = createProducer({ redis: redis.url, logger });
  const child = fork(fileURLToPath(import.meta.url), [redis.url], { execArgv: ['--import', 'tsx', '--expose-gc'] });
  const [port] = (await once(child, 'message')) as [number];
  const read = async () => {
    child.send('read');
    return ((await once(child, 'message')) as [Reading])[0];
  };
  const show = (what: string, reading: Reading, more = '') => {
    console.log(what.padEnd(34), JSON.stringify(reading), more);
  };
  try {
    await wait(1_000);
    await read();
    await wait(2_000);
    const idle = await read();
    show('no clients, 2 s', idle);

    let heard = 0;
    const sockets: Socket[] = [];
    for (let number = 0; number < clients; number += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.write('GET /v1/outcomes HTTP/1.1\r\nHost: localhost\r\n\r\n');
      let rest = '';
      socket.on('data', (chunk: Buffer) => {
        const parts = (rest + chunk.toString('latin1')).split('event: outcome');
        heard += parts.length - 1;
        rest = parts.at(-1)?.slice(-'event: outcom'.length) ?? '';
      });
      sockets.push(socket);
      await once(socket, 'data');
    }
    show('they connect', await read());
    await wait(32_000);
    const settled = await read();
    const perClient = Math.round(((settled.rssMiB - idle.rssMiB) * 1024) / clients);
    show('they wait, 32 s, two heartbeats', settled, `${perClient} KiB a client`);

    const tell = async (events: number, gapMs: number) => {
      heard = 0;
      for (let number = 0; number < events; number += 1) {
        await producer.submit({ operation: 'inventory.restock', params: { key: 'stock:lamp', quantity: 1 } });
        await wait(gapMs);
      }
      while (heard < events * clients) {
        await wait(20);
      }
    };
    await tell(100, 200);
    const steady = await read();
    show('100 events, 5 a second', steady, `${Math.round((steady.cpuMs * 1000) / (100 * clients))} us a message`);
    await tell(100, 0);
    const burst = await read();
    show('100 events at once', burst, `${Math.round((burst.cpuMs * 1000) / (100 * clients))} us a message`);
    for (const socket of sockets) {
      socket.destroy();
    }
    await wait(2_000);
    show('they have left', await read());
  } finally {
    child.kill();
    await producer.close();
    await worker.close();
    await redis.stop();
    rmSync(dataDir, { recursive: true });
  }
}

const [, , argument] = process.argv;
await (argument?.startsWith('redis://') ? serve(argument) : measure(Number(argument ?? 1_000)));
