import { once } from 'node:events';
import { createServer } from 'node:http';
import { pino } from 'pino';

/** A process that makes one thing, as it is built, and loads nothing else, since many are started; closes it when it is told to, and says how long that took. */
const [what = '', redis = ''] = process.argv.slice(2);
const options = { redis, namespace: 'close', prefix: 'close-queues', logger: pino({ level: 'silent' }) };

const MAKE: Readonly<Record<string, () => Promise<{ close(): Promise<void> }>>> = {
  worker: async () => {
    const { createWorker } = await import('tally');
    const worker = createWorker(options);
    await Promise.race([worker.ready().catch(() => undefined), late()]);
    return worker;
  },
  producer: async () => {
    const { createProducer } = await import('tally');
    const producer = createProducer({ ...options, submitTimeoutMs: 1_000 });
    await producer.counters.increment({ key: 'n' }).then(
      (submission) => submission.outcome({ timeoutMs: 100 }).catch(() => undefined),
      () => undefined,
    );
    return producer;
  },
  api: async () => {
    const { createApi } = await import('tally/http');
    const api = createApi(options);
    await ask(api.app, '/readyz');
    return api;
  },
  dashboard: async () => {
    const { createDashboard } = await import('tally/dashboard');
    const dashboard = createDashboard(options);
    await ask(dashboard.app, '/ops/queues/api/queues');
    return dashboard;
  },
};

function late(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 2_000).unref();
  });
}

/** Has it used, so that it has whatever it opens late. */
async function ask(app: Parameters<typeof createServer>[1], path: string): Promise<void> {
  const server = createServer(app as never).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await Promise.race([fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } }), late()]);
  server.closeAllConnections();
  server.close();
}

async function main(): Promise<void> {
  const made = await MAKE[what]!();
  process.stdout.write('made\n');
  await once(process.stdin, 'data');
  process.stdin.destroy();
  const startedAt = performance.now();
  await made.close();
  process.stdout.write(`closed in ${Math.round(performance.now() - startedAt)} ms\n`);
}

void main();
