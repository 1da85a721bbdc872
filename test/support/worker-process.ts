import { Worker as BullWorker } from 'bullmq';
import type { Job } from 'bullmq';
import { pino } from 'pino';
import { createWorker } from '../../src/index.js';
import type { WorkerOptions } from '../../src/index.js';
import { createRegistry } from '../../src/operations/registry.js';
import { applyScript } from '../../src/operations/apply-script.js';
import { crossSlotScript } from '../../src/redis/cross-slot-scripts.js';
import { watchCrashPoints } from './crash-points.js';
import type { CrashPoint } from './crash-points.js';

/**
 * A real worker in a process of its own, which dies or freezes by itself at a chosen point of its first job:
 *
 *   node --import tsx worker-process.ts '{"options":{"redis":"redis://...",...},"point":"after-script"}'
 *
 * before-script  SIGKILL when the update script is about to be sent
 * after-script   SIGKILL when Redis has answered it, before the job is completed
 * freeze         SIGSTOP when the update script is about to be sent; it goes on when it gets SIGCONT
 * freeze-taking  SIGSTOP when it has been given a job, before it looks at it; its wall clock is 5 minutes back when it goes on
 */
export interface WorkerProcessSettings {
  readonly options: Pick<WorkerOptions, 'redis' | 'namespace' | 'prefix' | 'lockDurationMs' | 'stalledIntervalMs'>;
  readonly point?: 'before-script' | 'after-script' | 'freeze' | 'freeze-taking';
}

const DEEDS: Partial<Record<NonNullable<WorkerProcessSettings['point']>, { at: CrashPoint; signal: NodeJS.Signals }>> =
  {
    'before-script': { at: 'before-script', signal: 'SIGKILL' },
    'after-script': { at: 'after-reply', signal: 'SIGKILL' },
    freeze: { at: 'before-script', signal: 'SIGSTOP' },
  };

const { options, point } = JSON.parse(process.argv[2] ?? '') as WorkerProcessSettings;
let deed = point && DEEDS[point];
const script = applyScript(createRegistry());

watchCrashPoints([script.sha, crossSlotScript(script).sha], (reached) => {
  if (deed?.at === reached) {
    const { signal } = deed;
    deed = undefined;
    process.kill(process.pid, signal);
  }
});

if (point === 'freeze-taking') {
  freezeTaking();
}

const worker = createWorker({ ...options, logger: pino({ level: 'silent' }) });
await worker.ready();
process.send?.('ready');
worker.on('completed', () => process.send?.('completed'));
process.on('SIGTERM', () => {
  void worker.close().then(() => process.exit(0));
});

function freezeTaking(): void {
  const taking = BullWorker.prototype as unknown as {
    moveToActive: (this: BullWorker, ...args: unknown[]) => Promise<Job | undefined>;
  };
  const { moveToActive } = taking;
  taking.moveToActive = async function (this: BullWorker, ...args) {
    const job = await moveToActive.apply(this, args);
    if (job !== undefined) {
      taking.moveToActive = moveToActive;
      const { now } = Date;
      Date.now = () => now() - 5 * 60_000;
      process.kill(process.pid, 'SIGSTOP');
    }
    return job;
  };
}
