import { runTallyBacklog } from './backlog-role.js';
import { runSpreadProducer, runSpreadWorker } from './cluster-roles.js';
import { runHttpLoad } from './http/load.js';
import { runPlainHttpServer } from './http/plain-server.js';
import type { RoleMessage, RoleTask } from './roles.js';
import { runBeeProducer, runBeeWorker } from './with-bee-queue.js';
import { runPlainLatency, runTallyLatency } from './latency-roles.js';
import { runPlainProducer, runPlainWorker } from './with-plain-bullmq.js';
import { runEvalshaCaller } from './with-evalsha.js';
import { runTallyProducer, runTallyWorker } from './with-tally.js';

/** A running role: what to do on go, and how to end. */
export interface RunningRole {
  /** Resolves when its share of the updates is done, with what it found. A worker begins by itself. */
  work(): Promise<unknown>;
  close(): Promise<void>;
}

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

async function work(): Promise<void> {
  tell({ done: (await running.work()) ?? null });
}

process.on('message', (text) => {
  if (text === 'go') {
    void work();
  } else {
    void running.close().then(() => process.exit(0));
  }
});
if (task.role.endsWith('-worker')) {
  void work();
}
tell({ ready: true });
