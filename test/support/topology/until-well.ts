import { setTimeout as wait } from 'node:timers/promises';

/**
 * Waits until nothing is wrong any more, looking every 50 ms.
 *
 * @param findFault says what is still wrong, `undefined` once all is well
 */
export async function untilWell(limitMs: number, findFault: () => Promise<string | undefined>): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const fault = await findFault();
    if (fault === undefined) {
      return;
    }
    if (Date.now() > deadline) {
      throw new Error(`still wrong after ${limitMs} ms: ${fault}`);
    }
    await wait(50);
  }
}
