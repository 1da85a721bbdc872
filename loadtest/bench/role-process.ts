import type { RoleMessage, RoleOrder, RoleTask, RunningRole } from './roles.js';

// The benchmark may end early, even before this process has begun.
process.on('disconnect', () => process.exit(1));
if (!process.connected) {
  process.exit(1);
}

const task = JSON.parse(process.argv[2] ?? '') as RoleTask;
const running = await start(task);

/** Each loads what it needs, which for plain BullMQ is not Tally. */
async function start(it: RoleTask): Promise<RunningRole> {
  switch (it.role) {
    case 'plain-producer':
      return (await import('./with-plain-bullmq.js')).runPlainProducer(it);
    case 'plain-mix-producer':
      return (await import('./with-plain-bullmq.js')).runPlainMixProducer(it);
    case 'plain-worker':
      return (await import('./with-plain-bullmq.js')).runPlainWorker(it);
    case 'bee-producer':
      return (await import('./with-bee-queue.js')).runBeeProducer(it);
    case 'bee-worker':
      return (await import('./with-bee-queue.js')).runBeeWorker(it);
    case 'evalsha-caller':
      return (await import('./with-evalsha.js')).runEvalshaCaller(it);
    case 'plain-http-server':
      return (await import('./http/plain-server.js')).runPlainHttpServer(it);
    case 'http-load':
      return (await import('./http/load.js')).runHttpLoad(it);
    case 'plain-latency':
      return (await import('./latency-roles.js')).runPlainLatency(it);
    case 'tally-latency':
      return (await import('./latency-roles.js')).runTallyLatency(it);
    case 'tally-producer':
      return (await import('./with-tally.js')).runTallyProducer(it);
    case 'tally-list-producer':
      return (await import('./with-tally.js')).runTallyListProducer(it);
    case 'tally-mix-producer':
      return (await import('./with-tally.js')).runTallyMixProducer(it);
    case 'tally-worker':
      return (await import('./with-tally.js')).runTallyWorker(it);
    case 'tally-backlog':
      return (await import('./backlog-role.js')).runTallyBacklog(it);
    case 'spread-producer':
      return (await import('./cluster-roles.js')).runSpreadProducer(it);
    case 'spread-worker':
      return (await import('./cluster-roles.js')).runSpreadWorker(it);
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
