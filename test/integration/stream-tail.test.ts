import { expect, onTestFinished, test } from 'vitest';
import { StreamTail } from '../../src/subscribers/stream-tail.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { ownRedis, place } from '../support/tally.js';

test('an entry that was there and is gone wakes nobody who waits behind the one before it', async () => {
  const here = place((await ownRedis()).url);
  const key = here.key('stream');
  const tail = new StreamTail(here.client, { slot: NO_SLOT, key });
  onTestFinished(() => {
    tail.close();
  });
  const first = (await here.client.xadd(key, '*', 'n', '1'))!;
  const last = (await here.client.xadd(key, '*', 'n', '2'))!;
  expect(await tail.untilBehind(first, 5_000)).toBe(true);
  await here.client.xdel(key, last); // as a failover may lose it
  const wakings: boolean[] = [];
  for (let time = 0; time < 3; time += 1) {
    wakings.push(await tail.untilBehind(first, 50));
  }
  expect(wakings.filter(Boolean).length).toBeLessThanOrEqual(1);
  const waiting = tail.untilBehind(first, 5_000);
  await here.client.xadd(key, '*', 'n', '3');
  expect(await waiting).toBe(true);
});
