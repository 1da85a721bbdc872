import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { tolerateLostTerminal } from '../../../src/lib/lost-terminal.js';
import { createWorker } from '../../../src/index.js';
import type { Operation } from '../../../src/index.js';
import { importOperations } from '../../../src/operations/import-operations.js';
import { ApiServer, createApi } from '../../../src/api/api.js';
import { connectPlainly } from '../../plain-bullmq/connect-plainly.js';
import { CHANGES } from '../../plain-bullmq/scripts.js';
import type { UpdateJob } from '../../plain-bullmq/update-job.js';
import { startPlainWorker } from '../../plain-bullmq/worker.js';
import type { ProcessTask } from './own-process.js';

interface Running {
  /** What the load has to know of it. */
  readonly facts?: unknown;
  close(): Promise<void>;
}

tolerateLostTerminal();

// The load may end early, even before this process has begun.
process.on('disconnect', () => process.exit(1));
if (!process.connected) {
  process.exit(1);
}

const logger = pino({ name: 'tally', level: 'error' }, pino.destination(2));
const running = await start(JSON.parse(process.argv[2] ?? '') as ProcessTask);

async function start(task: ProcessTask): Promise<Running> {
  switch (task.role) {
    case 'worker': {
      const { role: _, operations, ...options } = task;
      const worker = createWorker({ ...options, operations: await ownOperations(operations), logger });
      await worker.ready();
      return { close: () => worker.close() };
    }
    case 'api':
      return startApi(task.redis, await ownOperations(task.operations));
    case 'plain-worker':
      return startPlain(task);
  }
}

async function startPlain({ redis, ...options }: Extract<ProcessTask, { role: 'plain-worker' }>): Promise<Running> {
  const connection = connectPlainly(redis, { maxRetriesPerRequest: null });
  const worker = await startPlainWorker<UpdateJob>({
    ...options,
    connection,
    script: CHANGES,
    argsOf: ({ data }) => data.args,
  });
  return {
    close: async () => {
      await worker.close();
      connection.disconnect();
    },
  };
}

async function ownOperations(module: string | undefined): Promise<Operation[]> {
  return module === undefined ? [] : importOperations(module);
}

async function startApi(redis: string, operations: Operation[]): Promise<Running> {
  const api = createApi({ redis, operations, logger });
  const server = new ApiServer(api.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    facts: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      api.drain();
      await server.closeInOrder(1_000);
      await api.close();
    },
  };
}

process.on('message', () => {
  void running.close().then(() => process.exit(0));
});
process.send?.({ ready: running.facts ?? null });
