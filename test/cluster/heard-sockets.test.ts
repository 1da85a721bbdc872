import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createProducer, createWorker } from '../../src/index.js';
import { startCluster } from '../support/topology/cluster.js';
import { startSentinel } from '../support/topology/sentinel.js';

/** Longer than the pause between two looks of the watch of the Sentinels. */
const WATCHED_MS = 1_500;

interface Servers {
  readonly url: string;
  stop(): Promise<void>;
}

const KINDS: Readonly<Record<string, () => Promise<Servers>>> = {
  'a Cluster': () => startCluster({ replicasPerMaster: 0 }),
  Sentinel: () => startSentinel({ replicas: 1 }),
};

/** With TLS a socket may emit a second error, and one that nobody hears ends the process. */
test.each(Object.keys(KINDS))(
  'on %s each socket has a listener for all of its errors from the first',
  async (kind) => {
    const servers = await KINDS[kind]!();
    onTestFinished(() => servers.stop());
    const sockets = listSockets();
    const options = { redis: servers.url, logger: pino({ level: 'silent' }) };
    const [worker, producer] = [createWorker(options), createProducer(options)];
    onTestFinished(async () => {
      await Promise.all([worker.close(), producer.close()]);
    });
    const submission = await producer.counters.increment({ key: 'n' });
    expect(await submission.outcome({ timeoutMs: 20_000 })).toMatchObject({ status: 'applied' });
    await wait(WATCHED_MS);

    expect(sockets.length).toBeGreaterThan(8);
    expect(sockets.filter(({ isHeard }) => !isHeard)).toEqual([]);
  },
  60_000,
);

/** The sockets that this process makes from now on, and whether one hears more than their first error. */
function listSockets(): { readonly madeBy: string; readonly isHeard: boolean }[] {
  const sockets: { madeBy: string; isHeard: boolean }[] = [];
  const note = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    const madeBy = new Error('made').stack ?? '';
    process.nextTick(() => {
      const lasting = socket.rawListeners('error').filter((listener) => !('listener' in listener)); // `once` wraps its own
      sockets.push({ madeBy, isHeard: lasting.length > 0 });
    });
  };
  subscribe('net.client.socket', note);
  onTestFinished(() => {
    unsubscribe('net.client.socket', note);
  });
  return sockets;
}
