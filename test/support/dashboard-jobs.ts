import type { Place } from './tally.js';

/** Jobs in every state, with no worker left that could change them: what someone who gets in could harm. */
export type Jobs = Readonly<Record<'failed' | 'completed' | 'waiting' | 'delayed', string>>;

export async function addJobs(here: Place): Promise<Jobs> {
  const [worker, producer] = [await here.worker(), here.producer()];
  await here.client.rpush(here.key('wrong'), 'not a counter');
  const failed = await producer.counters.increment({ key: here.key('wrong') });
  const completed = await producer.counters.increment({ key: here.key('count') });
  await Promise.all([failed.outcome(), completed.outcome()]);
  await worker.close();
  const waiting = await producer.counters.increment({ key: here.key('count') });
  const delayed = await producer.counters.increment({ key: here.key('count') }, { delay: 3_600_000 });
  return {
    failed: failed.jobId,
    completed: completed.jobId,
    waiting: waiting.jobId,
    delayed: delayed.jobId,
  };
}

/** All that stands in the test's place in Redis, but for what the dashboard notes by itself, and what ends by itself. */
export async function storedData(here: Place): Promise<Record<string, string>> {
  const patterns = [`${here.prefix}:*`, `${here.namespace}:*`, here.key('*')];
  const keys = (await Promise.all(patterns.map((pattern) => here.client.keys(pattern)))).flat().sort();
  const kept = keys.filter((key) => !/^[^:]*:(audit|session)|:stalled-check$/.test(key));
  const dumps = await Promise.all(kept.map((key) => here.client.dumpBuffer(key)));
  return Object.fromEntries(kept.map((key, index) => [key, dumps[index]?.toString('base64') ?? '']));
}
