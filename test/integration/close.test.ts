import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { builtProgram } from '../support/built-program.js';
import { ownRedis, until } from '../support/tally.js';

const PROGRAM = new URL('../support/close-process.ts', import.meta.url);

/** Without Redis there is nothing to wait for but to see that it is unreachable, for about a second. */
const CLOSED_WITHIN_MS = 3_000;

/** A process of which nothing is left ends at once. Timers that were left kept it for 2,000, each time; a busy machine did for up to 1,800. */
const ENDED_WITHIN_MS = 1_950;
const RETRIES = 2;

/** Starts something in a process of its own; `close` has it closed, and tells how long that and its end took. */
async function started(what: string, redis: string) {
  const child = spawn(process.execPath, [await builtProgram(PROGRAM), what, redis], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let output = '';
  let closedAt = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    closedAt ||= output.includes('closed in') ? performance.now() : 0;
  });
  await until('it is made', () => output.includes('made'));
  return {
    close: async () => {
      child.stdin.write('close\n');
      await once(child, 'exit');
      const [, closeMs] = /closed in (\d+) ms/.exec(output) ?? [];
      return { closeMs: Number(closeMs), endMs: performance.now() - closedAt };
    },
  };
}

function expectQuick({ closeMs, endMs }: { closeMs: number; endMs: number }): void {
  expect(closeMs).toBeLessThan(CLOSED_WITHIN_MS);
  expect(endMs).toBeLessThan(ENDED_WITHIN_MS);
}

/** A server that takes connections and says nothing. */
async function silentServer(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) {
      socket.destroy();
    }
  });
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.each(['worker', 'producer', 'api', 'dashboard'])(
  'close() of a %s ends it and its process soon',
  { retry: RETRIES },
  (what) => {
    test('when Redis answers', async () => {
      const redis = await ownRedis();
      expectQuick(await (await started(what, redis.url)).close());
    });

    test('when Redis was never there', async () => {
      expectQuick(await (await started(what, 'redis://127.0.0.1:1')).close());
    });

    test('when Redis was always silent', async () => {
      expectQuick(await (await started(what, await silentServer())).close());
    });

    test('when Redis went away', async () => {
      const redis = await ownRedis();
      const process_ = await started(what, redis.url);
      await redis.stop();
      expectQuick(await process_.close());
    });

    test('when Redis was frozen', async () => {
      const redis = await ownRedis();
      const process_ = await started(what, redis.url);
      process.kill(redis.pid(), 'SIGSTOP');
      onTestFinished(() => {
        process.kill(redis.pid(), 'SIGCONT');
      });
      expectQuick(await process_.close());
    });
  },
);
