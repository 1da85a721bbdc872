import { setup } from './setup.js';

/** A place of the test's own, with updates of one counter that have an idempotency key. */
export function keyedIncrements(url?: string) {
  const all = setup(url);
  const increment = (params: object, idempotencyKey = 'k') => ({
    operation: 'counter.increment',
    params: { key: all.key('n'), ...params },
    idempotencyKey,
  });
  return { ...all, increment };
}
