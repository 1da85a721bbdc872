import type { RoleTask } from './roles.js';
import { runBeeProducer, runBeeWorker } from './with-bee-queue.js';
import { runPlainProducer, runPlainWorker } from './with-plain-bullmq.js';
import { runEvalshaCaller } from './with-evalsha.js';
import { runTallyProducer, runTallyWorker } from './with-tally.js';

/** A running role: what to do on go, and how to end. */
export interface RunningRole {
  /** Resolves when its share of the updates is done. A worker begins by itself. */
  work(): Promise<void>;
  close(): Promise<void>;
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
    case 'tally-producer':
      return runTallyProducer(it);
    case 'tally-worker':
      return runTallyWorker(it);
  }
}

async function work(): Promise<void> {
  await running.work();
  process.send?.('done');
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
process.send?.('ready');
