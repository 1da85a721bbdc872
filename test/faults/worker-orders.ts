import { decodeRecord } from '../../src/jobs/form.js';
import { isUndone } from '../../src/operations/outcome.js';
import { watchCrashPoints } from '../support/crash-points.js';
import type { Deed, Report, WorkerOrder } from './messages.js';
import { shiftClock } from './shifted-clock.js';

export interface ObeyingWorker {
  /** The SHA-1s of the scripts that apply updates. */
  readonly applyShas: readonly string[];
  /** Ends the worker when the supervisor sends SIGTERM. */
  readonly close: () => Promise<unknown>;
}

/** Says that this worker process is at work, and lets it die, block or freeze where the supervisor orders it to. */
export function obeyWorkerOrders({ applyShas, close }: ObeyingWorker): void {
  let armed: Deed | undefined;
  watchCrashPoints(applyShas, (point, returnValue) => {
    if (armed?.at === point && (armed.allPutBack !== true || hasPutAllBack(returnValue))) {
      const deed = armed;
      armed = undefined;
      carryOut(deed);
    }
  });
  process.on('message', (message: WorkerOrder) => {
    switch (message.order) {
      case 'arm':
        armed = message.deed;
        break;
      case 'disarm':
        armed = undefined;
        break;
      case 'clock':
        shiftClock(message.offsetMs);
        break;
    }
  });
  process.on('SIGTERM', () => {
    void close().then(() => process.exit(0));
  });
  tell({ report: 'ready' });
}

/** Whether a job that returns this is a batch that has put all of its updates back. */
function hasPutAllBack(returnValue: unknown): boolean {
  const { outcomes } = decodeRecord(returnValue) ?? { outcomes: [] };
  return outcomes.length > 1 && outcomes.every(isUndone);
}

function carryOut({ deed, ms = 0 }: Deed): void {
  switch (deed) {
    case 'die':
      process.kill(process.pid, 'SIGKILL');
      break;
    case 'block': {
      tell({ report: 'reached' });
      const endsAt = performance.now() + ms;
      while (performance.now() < endsAt); // the event loop stands still
      break;
    }
    case 'freeze':
      tell({ report: 'reached' });
      process.kill(process.pid, 'SIGSTOP');
      break;
  }
}

function tell(report: Report): void {
  process.send?.(report);
}
