import { expect, test } from 'vitest';
import { until } from '../support/tally.js';
import { startReceiver } from '../support/webhook-receiver.js';
import type { Received, Receiver } from '../support/webhook-receiver.js';
import { setUp } from '../support/webhooks.js';

/** Webhooks of ann and bo, known at the receiver by their tokens. */
async function owners() {
  const world = await setUp({ retriesFasterBy: 100_000 });
  const add = async (owner: string, token: string, { url }: Pick<Receiver, 'url'> = world.receiver, keys = ['*']) => {
    await world.webhooks.add({ url: `${url}/${token}`, token, keys }, { owner });
  };
  const of = (token: string, { posts }: Receiver = world.receiver) => posts.filter((post) => isOf(token, post));
  return { ...world, add, of };
}

function isOf(token: string, { headers }: Received): boolean {
  return headers.authorization?.startsWith(`Bearer ${token}`) === true;
}

test('the webhooks of one owner at one server share its ten places; another owner has his own there', async () => {
  const { here, receiver, send, restock, add, of } = await owners();
  const mostOf = { ann: 0, bo: 0 };
  const now = { ann: 0, bo: 0 };
  receiver.answer = (post) => {
    const name = isOf('ann', post) ? 'ann' : 'bo';
    now[name] += 1;
    mostOf[name] = Math.max(mostOf[name], now[name]);
    setTimeout(() => (now[name] -= 1), 390);
    return { status: 204, afterMs: 400 };
  };
  await add('ann', 'ann1');
  await add('ann', 'ann2');
  await add('bo', 'bo');
  await restock(here.key('lamp'), 30);
  send(); // now, so that all wait at once
  await until('all are delivered', () => of('ann').length === 60 && of('bo').length === 30);
  expect(mostOf.ann).toBeGreaterThan(5);
  expect(mostOf.ann).toBeLessThanOrEqual(10);
  expect(receiver.mostAtOnce(), 'bo waits for nobody').toBeGreaterThan(10);
});

test('Retry-After puts off what the same owner sends to the same server, and nothing else', async () => {
  const { here, receiver, send, restock, add, of } = await owners();
  const elsewhere = await startReceiver();
  receiver.answer = (post) =>
    isOf('ann1', post) && of('ann1').length === 1 ? { status: 503, headers: { 'retry-after': '4' } } : { status: 204 };
  await add('ann', 'ann1', receiver, [here.key('lamp')]);
  await add('ann', 'ann2', receiver, [here.key('sofa')]);
  await add('ann', 'ann3', elsewhere, [here.key('sofa')]);
  await add('bo', 'bo', receiver, [here.key('sofa')]);
  send();
  await restock(here.key('lamp'));
  await until('it is refused', () => of('ann1').length === 1);
  const refusedAtMs = of('ann1')[0]!.atMs;
  await new Promise((resolve) => setTimeout(resolve, 500)); // until that is noted
  await restock(here.key('sofa'));
  await until('all are delivered', () => of('ann1').length === 2 && of('ann2').length === 1);
  for (const { atMs } of [of('ann1')[1]!, of('ann2')[0]!]) {
    expect(atMs - refusedAtMs).toBeGreaterThanOrEqual(3_900);
  }
  for (const { atMs } of [of('bo')[0]!, of('ann3', elsewhere)[0]!]) {
    expect(atMs - refusedAtMs).toBeLessThan(3_900);
  }
});
