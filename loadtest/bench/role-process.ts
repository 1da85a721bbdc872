import { runTallyBacklog } from './backlog-role.js';
import { runSpreadProducer, runSpreadWorker } from './cluster-roles.js';
import { runHttpLoad } from './http/load.js';
import { runPlainHttpServer } from './http/plain-server.js';
import type { RoleMessage, RoleOrder, RoleTask, RunningRole } from './roles.js';
import { runBeeProducer, runBeeWorker } from './with-bee-queue.js';
import { runPlainLatency, runTallyLatency } from './latency-roles.js';
import { runPlainMixProducer, runPlainProducer, runPlainWorker } from './with-plain-bullmq.js';
import { runEvalshaCaller } from './with-evalsha.js';
import { runTallyMixProducer, runTallyListProducer, runTallyProducer, runTallyWorker } from './with-tally.js';

// The benchmark may end early, even before this process has begun.
process.on('disconnect', () => process.exit(1));
if (!process.connected) {
  process.exit(1);
}

const task = JSON.parse(process.argv[2] ?? '') as RoleTask;
const running = await start(task);

function start(it: RoleTask): Promise<RunningRole> {
  switch (it.role) {
    case 'plain-producer':
      return runPlainProducer(it);
    case 'plain-mix-producer':
      return runPlainMixProducer(it);
    case 'plain-worker':
      return runPlainWorker(it);
    case 'bee-producer':
      return runBeeProducer(it);
    case 'bee-worker':
      return runBeeWorker(it);
    case 'evalsha-caller':
      return runEvalshaCaller(it);
    case 'plain-http-server':
      return runPlainHttpServer(it);
    case 'http-load':
      return runHttpLoad(it);
    case 'plain-latency':
      return runPlainLatency(it);
    case 'tally-latency':
      return runTallyLatency(it);
    case 'tally-producer':
      return runTallyProducer(it);
    case 'tally-list-producer':
      return runTallyListProducer(it);
    case 'tally-mix-producer':
      return runTallyMixProducer(it);
    case 'tally-worker':
      return runTallyWorker(it);
    case 'tally-backlog':
      return runTallyBacklog(it);
    case 'spread-producer':
      return runSpreadProducer(it);
    case 'spread-worker':
      return runSpreadWorker(it);
  }
}

function tell(message: RoleMessage): void {
  process.send?.(message);
}

async function work(order: unknown): Promise<void> {
  const found = await running.work(order);
  const { user, system } = process.cpuUsage();
  tell({ done: { found, cpuMicros: user + system } });
}

process.on('message', (order: RoleOrder) => {
  if (order === 'stop') {
    void running.close().then(() => process.exit(0));
  } else {
    void work(order.work);
  }
});
tell({ ready: true });
