/** What a promise gives, or something else where it is not settled in time. It goes on all the same. */
export async function valueWithin<T, Other>(
  promise: Promise<T>,
  timeoutMs: number,
  otherwise: Other,
): Promise<T | Other> {
  return raceWithTimer(promise, timeoutMs, (resolve) => {
    resolve(otherwise);
  });
}

/** Whether the promise settled within the time. @throws what it throws */
export function withinTime(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  return valueWithin(
    promise.then(() => true),
    timeoutMs,
    false,
  );
}

/** The time is over. */
class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

/** @throws NoAnswerError when the promise is not settled in time */
export function withDeadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  return raceWithTimer(promise, timeoutMs, (_, reject) => {
    reject(new NoAnswerError(`no answer within ${timeoutMs} ms`));
  });
}

async function raceWithTimer<T, Other>(
  promise: Promise<T>,
  timeoutMs: number,
  onTimeout: (resolve: (value: Other) => void, reject: (error: Error) => void) => void,
): Promise<T | Other> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<Other>((resolve, reject) => {
    timer = setTimeout(onTimeout, timeoutMs, resolve, reject);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
