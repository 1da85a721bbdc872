import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

/**
 * What the first of several waits gives, false after `limitMs` or at the signal.
 *
 * @param begin begins them; they are to end when they are told so
 */
export async function firstWait<Answer>(
  limitMs: number,
  signal: AbortSignal | undefined,
  begin: (end: AbortSignal) => Iterable<Promise<Answer> | undefined>,
): Promise<Answer | undefined | false> {
  const end = new AbortController();
  setMaxListeners(0, end.signal);
  const stop = () => {
    end.abort();
  };
  signal?.addEventListener('abort', stop);
  try {
    const over = wait(limitMs, false as const, { signal: end.signal }).catch(() => false as const);
    return signal?.aborted !== true && (await Promise.race([over, ...begin(end.signal)]));
  } finally {
    signal?.removeEventListener('abort', stop);
    end.abort();
  }
}
