import { Job } from 'bullmq';
import { Redis } from 'ioredis';

/**
 * Points in the life of a job at which its worker may be lost:
 *
 * before-script      the update script is about to be sent
 * after-send         it has left this process, its answer has not come
 * after-reply        Redis has answered it
 * before-completion  BullMQ is about to record that the job is completed
 * after-completion   it is recorded, the job is not settled
 */
export type CrashPoint = 'before-script' | 'after-send' | 'after-reply' | 'before-completion' | 'after-completion';

/**
 * Calls `reach` at each point of each job that workers of this process run. Call it once.
 *
 * @param reach gets what the job returns, where that is known
 * @param applyShas the SHA-1s of the scripts that apply updates
 */
export function watchCrashPoints(
  applyShas: readonly string[],
  reach: (point: CrashPoint, returnValue?: unknown) => void,
): void {
  watchScript(applyShas, reach);
  watchCompletion(reach);
}

function watchScript(applyShas: readonly string[], reach: (point: CrashPoint) => void): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its object below
  const { sendCommand } = Redis.prototype;
  Redis.prototype.sendCommand = function (this: Redis, ...args: Parameters<typeof sendCommand>) {
    const [{ name, args: words }] = args;
    if (name !== 'evalsha' || !applyShas.includes(String(words[0]))) {
      return sendCommand.apply(this, args);
    }
    reach('before-script');
    const reply = sendCommand.apply(this, args);
    setImmediate(reach, 'after-send');
    Promise.resolve(reply).then(
      () => {
        reach('after-reply');
      },
      () => undefined,
    );
    return reply;
  };
}

function watchCompletion(reach: (point: CrashPoint, returnValue?: unknown) => void): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its object below
  const { moveToCompleted } = Job.prototype;
  Job.prototype.moveToCompleted = async function (this: Job, ...args: Parameters<typeof moveToCompleted>) {
    reach('before-completion', args[0]);
    const next = await moveToCompleted.apply(this, args);
    reach('after-completion');
    return next;
  };
}
