import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/index.js';
import type { Gap, OutcomeEvent } from '../../src/index.js';
import { followAt } from '../support/event-source.js';
import { startApi } from '../support/http-api.js';
import { scrapeWith } from '../support/scrape.js';
import { increment, subscribe } from '../support/subscribers.js';
import { place, until } from '../support/tally.js';
import { streamKey } from '../support/told.js';

test('what is older than the bound goes by itself: a group that falls behind and a follower are told what they missed', async () => {
  const here = place();
  await here.worker({ outcomes: { keepMs: 1_000 } });
  const metrics = createMetrics({ redis: here.redis, namespace: here.namespace, prefix: here.prefix });
  onTestFinished(() => metrics.close());
  const producer = here.producer({ maxBatch: 50 });
  const apply = async (count: number) => {
    const updates = Array.from({ length: count }, (_, n) => increment(here.key(`n${n}`)));
    await Promise.all((await producer.submit(updates)).map((submission) => submission.outcome()));
  };
  const heard: OutcomeEvent[] = [];
  const gaps: Gap[] = [];
  const listen = () =>
    subscribe(here, {
      metrics,
      start: 'beginning',
      onOutcome: (event) => heard.push(event),
      onGap: (gap) => gaps.push(gap),
    });
  const first = await listen();
  const follower = await followAt(`${(await startApi(here, { outcomes: true })).origin}/v1/outcomes?from=beginning`);
  await apply(1);
  await until('both are told', () => heard.length === 1 && follower.outcomes().length === 1);
  const cursor = follower.lastId();
  follower.leave();
  await first.close();

  const rounds = 40;
  for (let round = 0; round < rounds; round += 1) {
    await apply(50);
    await wait(2); // entries of one millisecond are not told apart
  }
  await wait(1_000); // all of it is too old then
  await apply(50);
  await until('it is removed', async () => (await here.client.xlen(await streamKey(here))) <= 10);

  await listen();
  const lastOfAll = here.key('last');
  await (await producer.submit(increment(lastOfAll))).outcome();
  await until('the last is told', () => heard.at(-1)?.subject === lastOfAll);
  const [before, after] = heard as [OutcomeEvent, OutcomeEvent];
  // Its times may be those of entries, which Redis stamps: a millisecond may begin in between.
  const expectRange = (gap: Gap, to: OutcomeEvent | undefined) => {
    expect(Math.abs(Date.parse(gap.from!) - Date.parse(before.time))).toBeLessThan(20);
    expect(Math.abs(Date.parse(gap.to!) - Date.parse(to!.time))).toBeLessThan(20);
  };
  const applied = 1 + rounds * 50 + 50 + 1;
  const lost = applied - heard.length;
  expect(lost).toBeGreaterThan(0);
  expect(gaps).toHaveLength(1);
  expect(gaps[0]!.lost).toBe(lost);
  expectRange(gaps[0]!, after);
  const text = await scrapeWith(metrics, `tally_outcomes_lost_updates{group="g"} ${lost}`);
  expect(text).toContain('tally_subscriber_gaps_total{group="g"} 1');

  const other = await startApi(here, { outcomes: true }); // the first one may have them in memory
  const late = await followAt(`${other.origin}/v1/outcomes`, { 'last-event-id': cursor });
  await late.until('the last is told', () => late.outcomes().at(-1)?.subject === lastOfAll);
  const told = late.heard.filter(({ event }) => event === 'gap').map(({ data }) => (data as { data: Gap }).data);
  expect(told).toHaveLength(1);
  expect(told[0]!.lost).toBe(applied - 1 - late.outcomes().length); // more than before: it goes on
  expectRange(told[0]!, late.outcomes()[0]);
  expect(late.heard[0]?.event).toBe('gap');
});
