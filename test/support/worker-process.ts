import { Redis } from 'ioredis';
import { pino } from 'pino';
import { createWorker } from '../../src/index.js';
import type { WorkerOptions } from '../../src/index.js';
import { createRegistry } from '../../src/operations/registry.js';
import { applyScript } from '../../src/redis/scripts.js';

/**
 * A real worker in a process of its own, which dies or freezes by itself at a chosen point of its first job:
 *
 *   node --import tsx worker-process.ts '{"options":{"redis":"redis://...",...},"point":"after-script"}'
 *
 * before-script  SIGKILL when the update script is about to be sent
 * after-script   SIGKILL when Redis has answered it, before the job is completed
 * freeze         SIGSTOP when the update script is about to be sent; it goes on when it gets SIGCONT
 */
export interface WorkerProcessSettings {
  readonly options: Pick<WorkerOptions, 'redis' | 'namespace' | 'prefix' | 'lockDurationMs' | 'stalledIntervalMs'>;
  readonly point?: 'before-script' | 'after-script' | 'freeze';
}

const { options, point } = JSON.parse(process.argv[2] ?? '') as WorkerProcessSettings;
const { sha } = applyScript(createRegistry());
// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its object below
const evalsha = Redis.prototype.evalsha as (this: Redis, ...args: unknown[]) => Promise<unknown>;
let reached = false;

function signalSelf(signal: NodeJS.Signals): void {
  reached = true;
  process.kill(process.pid, signal);
}

Redis.prototype.evalsha = async function (this: Redis, ...args: unknown[]) {
  const isUpdate = args[0] === sha && !reached;
  if (isUpdate && point === 'before-script') {
    signalSelf('SIGKILL');
  }
  if (isUpdate && point === 'freeze') {
    signalSelf('SIGSTOP');
  }
  const answer = await evalsha.apply(this, args);
  if (isUpdate && point === 'after-script') {
    signalSelf('SIGKILL');
  }
  return answer;
};

const worker = createWorker({ ...options, logger: pino({ level: 'silent' }) });
await worker.ready();
process.send?.('ready');
process.on('SIGTERM', () => {
  void worker.close().then(() => process.exit(0));
});
