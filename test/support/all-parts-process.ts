import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import { pino } from 'pino';
import { createDashboard } from '../../dashboard/app.js';
import { createProducer, createWorker } from '../../src/index.js';
import { createApi } from '../../src/api/api.js';
import type { RedisTarget } from '../../src/redis/target.js';

/**
 * A worker, a producer, an API and a dashboard in a process that has no handler for uncaught errors:
 *
 *   node --import tsx all-parts-process.ts '{"redis":{...}}'
 *
 * Asked by the message `try`, it says whether all of them work.
 */
const { redis } = JSON.parse(process.argv[2] ?? '') as { redis: RedisTarget };
const options = { redis, logger: pino({ level: 'silent' }) };

createWorker(options);
const producer = createProducer(options);
const parts = [createApi(options).app, createDashboard(options).app];
const origins = await Promise.all(parts.map(listen));

process.on('message', () => {
  void tryAll().then((faults) => process.send?.(faults));
});
process.on('disconnect', () => process.exit(0));
process.send?.('started');

// A caller that does not wait: there is always something under way.
setInterval(() => {
  producer.counters.increment({ key: 'idle' }).then(
    (submission) => submission.outcome().catch(() => undefined),
    () => undefined,
  );
}, 20);

/** What does not work at the moment. */
async function tryAll(): Promise<string[]> {
  const trying = [
    producer.counters.increment({ key: 'tried' }).then(async (submission) => {
      const { status } = await submission.outcome({ timeoutMs: 5_000 });
      return status === 'applied' ? [] : [`the update is ${status}`];
    }),
    ...origins.map(async (origin) => {
      const { status } = await fetch(`${origin}/readyz`);
      return status === 200 ? [] : [`${origin}/readyz answers ${status}`];
    }),
  ];
  const faults = trying.map((it) => it.catch((error: unknown) => [String(error)]));
  return (await Promise.all(faults)).flat();
}

async function listen(app: Express): Promise<string> {
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
