/**
 * Resolves with what comes first, as `Promise.any` does.
 *
 * @throws when all fail, the reason of the first of them: that of `Promise.any` says only that they did
 */
export async function firstOf<Value>(promises: readonly Promise<Value>[]): Promise<Value> {
  try {
    return await Promise.any(promises);
  } catch (error) {
    const [first = error] = (error as AggregateError).errors as unknown[];
    throw first;
  }
}
