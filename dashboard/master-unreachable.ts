import type { MasterProbe } from '../src/redis/master-probe.js';
import { slotOf } from '../src/redis/slots.js';
import { withinTime } from '../src/lib/timeouts.js';

/** What is read of one key takes a millisecond. After this it is looked whether its master is still there. */
const READ_TIMEOUT_MS = 1_000;

/** What was asked for lies on a master of the Cluster that does not answer; what lies on others works. */
export class MasterUnreachableError extends Error {
  readonly status = 503;
  /** The same, as the board looks for it. */
  readonly statusCode = 503;

  constructor(message: string) {
    super(message);
    this.name = 'MasterUnreachableError';
  }

  /** @param fault of its master, in words */
  static of(what: string, fault: string): MasterUnreachableError {
    return new MasterUnreachableError(`${what} can't be reached: ${fault}`);
  }
}

/**
 * @param what the key is, as the begin of a sentence
 * @throws MasterUnreachableError rather than wait, when the master of a key does not answer
 */
export function requireMasterOf(masters: MasterProbe, key: string, what: string): Promise<void> {
  return requireMasterOfSlot(masters, slotOf(key), what);
}

/** @throws MasterUnreachableError as {@link requireMasterOf} */
export async function requireMasterOfSlot(masters: MasterProbe, slot: number, what: string): Promise<void> {
  const fault = await masters.faultOf(slot);
  if (fault !== undefined) {
    throw MasterUnreachableError.of(what, fault);
  }
}

/**
 * Asks the master of a key for something, unless it does not answer.
 *
 * @throws MasterUnreachableError also when it becomes unreachable meanwhile: the connection would try for as long as it has time
 */
export async function askMasterOf<T>(
  masters: MasterProbe,
  key: string,
  what: string,
  ask: () => Promise<T>,
): Promise<T> {
  await requireMasterOf(masters, key, what);
  return unlessGone(masters, key, what, ask());
}

/** @throws MasterUnreachableError when what is awaited takes long or fails, and the master of the key does not answer any more */
export async function unlessGone<T>(masters: MasterProbe, key: string, what: string, answer: Promise<T>): Promise<T> {
  try {
    if (!(await withinTime(answer, READ_TIMEOUT_MS))) {
      await requireMasterOf(masters, key, what);
    }
    return await answer;
  } catch (error) {
    await requireMasterOf(masters, key, what);
    throw error;
  }
}
