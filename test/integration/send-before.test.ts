import { expect, test } from 'vitest';
import { place } from '../support/tally.js';

const PAST = new Date(Date.now() - 60_000);
const FUTURE = new Date(Date.now() + 3_600_000);

test('after sendBefore an update whose key is not known is refused and not sent; those beside it are', async () => {
  const here = place();
  await here.worker();
  const producer = here.producer();
  const params = { key: here.key('n'), by: 1 };
  const submit = (idempotencyKey: string, sendBefore?: Date) =>
    producer.counters.increment(params, { idempotencyKey, ...(sendBefore && { sendBefore }) });

  const first = await submit('known', FUTURE);
  expect(await first.outcome()).toMatchObject({ status: 'applied', result: { value: 1 } });
  const together = await Promise.allSettled([
    submit('a', PAST),
    submit('b'),
    submit('known', PAST),
    submit('c', PAST),
    submit('d', FUTURE),
  ]);
  expect(together.map((it) => (it.status === 'rejected' ? (it.reason as { code: string }).code : 'sent'))).toEqual([
    'TOO_LATE_TO_SEND',
    'sent',
    'sent',
    'TOO_LATE_TO_SEND',
    'sent',
  ]);
  const outcomes = together.flatMap((it) => (it.status === 'fulfilled' ? [it.value.outcome()] : []));
  expect(await Promise.all(outcomes)).toMatchObject([
    { status: 'applied' },
    { status: 'applied', result: { value: 1 }, duplicate: true },
    { status: 'applied' },
  ]);
  expect(await here.client.get(here.key('n'))).toBe('3');
});
