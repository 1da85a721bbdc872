import { pino } from 'pino';
import { createProducer, createWorker } from '../../src/index.js';
import type { WorkerOptions } from '../../src/index.js';

/**
 * A worker or a producer of the build in whose folder this file lies, in a process of its own:
 *
 *   node --import tsx form-process.ts '{"role":"submit","options":{...},"updates":[...]}'
 *
 * worker  serves until it gets SIGTERM; prints "ready"
 * submit  submits the updates, prints their ids, waits for their outcomes and prints these, each as a line of JSON
 */
interface Settings {
  readonly role: 'worker' | 'submit';
  readonly options: Pick<WorkerOptions, 'redis' | 'namespace' | 'prefix'>;
  readonly updates?: Parameters<ReturnType<typeof createProducer>['submit']>[0][];
}

const { role, options, updates = [] } = JSON.parse(process.argv[2] ?? '') as Settings;
const logger = pino({ level: 'silent' });

function print(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

if (role === 'worker') {
  const worker = createWorker({ ...options, logger });
  await worker.ready();
  print('ready');
  process.on('SIGTERM', () => {
    void worker.close().then(() => process.exit(0));
  });
} else {
  const producer = createProducer({ ...options, logger });
  const submissions = await producer.submit(updates as never);
  print((submissions as unknown as { id: string }[]).map(({ id }) => id));
  print(await Promise.all((submissions as unknown as { outcome(): Promise<unknown> }[]).map((each) => each.outcome())));
  await producer.close();
}
