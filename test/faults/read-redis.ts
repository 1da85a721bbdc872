import type { Redis } from 'ioredis';

const AT_A_TIME = 500;

/** Every key that matches, each once. */
export async function scanKeys(redis: Redis, match: string, type?: 'hash'): Promise<string[]> {
  const found = new Set<string>();
  for await (const batch of redis.scanStream({ match, count: AT_A_TIME, ...(type && { type }) }) as AsyncIterable<
    string[]
  >) {
    for (const key of batch) {
      found.add(key);
    }
  }
  return [...found];
}

export async function inBatches<Item, Found>(
  items: readonly Item[],
  read: (batch: Item[]) => Promise<Found[]>,
): Promise<Found[]> {
  const found: Found[] = [];
  for (let first = 0; first < items.length; first += AT_A_TIME) {
    found.push(...(await read(items.slice(first, first + AT_A_TIME))));
  }
  return found;
}

export async function execute(pipeline: ReturnType<Redis['pipeline']>): Promise<unknown[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error !== null) {
      throw error;
    }
    return reply;
  });
}
