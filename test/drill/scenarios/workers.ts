import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { DEFAULT_NAMESPACE } from '../../../src/redis/keys.js';
import { follow } from '../shipped.js';
import type { Scenario } from './scenario.js';

export const noWorker: Scenario = {
  name: 'no worker',
  alert: 'TallyNoWorkers',
  says: /no worker serves counters[^.]*, and [\d,]+ updates? wait/,
  strike: (setUp) => setUp.stopProcess('worker'),
  mend: async (setUp) => {
    follow('TallyNoWorkers', 'start a worker: `tally worker`');
    await setUp.startProcess('worker');
    return '`tally worker`';
  },
};

let stopForeign: (() => Promise<void>) | undefined;

export const foreignWorker: Scenario = {
  name: 'foreign worker',
  alert: 'TallyForeignWorkers',
  says: /1 worker of another program takes jobs of counters, which are not applied/,
  strike: async ({ redisUrl }) => {
    const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
    const worker = new Worker('counters', () => Promise.resolve('done'), {
      connection,
      prefix: DEFAULT_NAMESPACE.prefix,
    });
    worker.on('error', () => undefined);
    await worker.waitUntilReady();
    stopForeign = async () => {
      await worker.close();
      connection.disconnect();
    };
  },
  mend: async (setUp) => {
    follow('TallyForeignWorkers', 'Stop that program');
    await stopForeign?.();
    follow('TallyForeignWorkers', '`tally failures retry --reason FOREIGN_WORKER`');
    await setUp.tally(['failures', 'retry', '--reason', 'FOREIGN_WORKER']);
    return 'that program stopped, `tally failures retry --reason FOREIGN_WORKER`';
  },
};
