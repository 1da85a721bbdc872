import { htmlUnescape } from 'escape-goat';
import { expect, test } from 'vitest';
import { jobKey } from '../../src/bullmq/queue-keys.js';
import { DELIVERIES } from '../../src/jobs/webhook-reading.js';
import { createKeys } from '../../src/redis/keys.js';
import { addUser, startDashboard } from '../support/dashboard.js';
import { place, until } from '../support/tally.js';
import { startReceiver } from '../support/webhook-receiver.js';
import { setUp } from '../support/webhooks.js';

const HOUR_MS = 3_600_000;

function textOf(source: string): string {
  return htmlUnescape(source.replace(/<[^>]*>/g, ' ')).replace(/\s+/g, ' ');
}

test('the page says of each webhook what it is told, whether its target takes it and what it answers, and no secret', async () => {
  const { here, receiver, webhooks, send, restock } = await setUp();
  const failing = await startReceiver();
  failing.answer = () => ({ status: 500 });
  const good = await webhooks.add(
    { url: `${receiver.url}/secret-path`, keys: [here.key('lamp')], token: 'let-me-in', perMinute: 600 },
    { owner: 'shop' },
  );
  const bad = await webhooks.add({ url: failing.url, operations: ['inventory.restock'], crosses: { above: 0 } });
  const off = await webhooks.add({ url: failing.url, statuses: ['failed'] });
  await webhooks.setEnabled(off.webhook.id, false);
  send();
  await restock(here.key('lamp'));
  await until('both were sent', () => receiver.posts.length === 1 && failing.posts.length > 1);
  await addUser(here, 'vera', 'viewer');
  const { raw, signIn } = await startDashboard(here);
  expect((await raw({ path: '/ops/webhooks' })).status).toBe(401);
  const headers = { cookie: await signIn('vera') };
  const page = async () => (await raw({ path: '/ops/webhooks', headers })).body;
  await until('the answer is known', async () => textOf(await page()).includes('204 after'));

  const source = await page();
  const [ofOff = '', ofBad = '', ofGood = ''] = source.split('<tr>').slice(2).map(textOf);
  expect(ofOff).toMatch(new RegExp(`${off.webhook.id} disabled [\\d-]+ [\\d:]+ , by hand `)); // those first
  expect(ofBad).toContain(bad.webhook.id); // it is behind
  expect(ofBad).toMatch(
    / 127\.0\.0\.1:\d+ added by hand inventory\.restock; crosses above:0 1 1 0 none that is kept the target answered 500 /,
  );
  expect(ofGood).toMatch(
    / 127\.0\.0\.1:\d+ shop all operations; keys [^;]*lamp; at most 600 deliveries a minute 0 0 0 [\d-]+ [\d:]+ : 204 after \d+ ms /,
  );
  expect(ofGood).not.toContain('the target answered');
  for (const secret of [good.secret, bad.secret, 'let-me-in', 'secret-path', '/hook', 'sealed']) {
    expect(source).not.toContain(secret.replace('whsec_', ''));
  }
  const [{ body: overview }, { body: none }] = await Promise.all([
    raw({ path: '/ops', headers }),
    startDashboard(place()).then((other) => other.raw({ path: '/ops/webhooks' })),
  ]);
  expect(overview).toContain('href="/ops/webhooks"');
  expect(textOf(none)).toContain('There are none.');
});

test('a target that answers nothing but 500 is a trouble on the overview, by its webhook, once a delivery has waited for an hour', async () => {
  const { here, receiver, webhooks, queue, send, restock } = await setUp();
  receiver.answer = () => ({ status: 500 });
  const taking = await startReceiver();
  const { webhook } = await webhooks.add({ url: receiver.url });
  await webhooks.add({ url: taking.url });
  const close = send();
  await restock(here.key('lamp'), 3);
  await until('all have failed', async () => (await queue.getDelayedCount()) === 3 && taking.posts.length === 3);
  await close(); // what is due in a moment stays what it is
  const delayed = await queue.getDelayed();
  const { request } = await startDashboard(here);
  const overview = async () => textOf(await (await request('/ops')).text());
  expect(await overview()).not.toContain('a delivery to the webhook');
  const queuePlace = { prefix: createKeys(here).deliveriesPrefix, queue: DELIVERIES };
  await Promise.all(
    delayed.map(({ id = '', timestamp }) =>
      here.client.hset(jobKey(queuePlace, id), 'timestamp', timestamp - 2 * HOUR_MS),
    ),
  );
  const words = `a delivery to the webhook ${webhook.id} (127.0.0.1:${receiver.port}) has waited for 2 h`;
  await until('it is said', async () => (await overview()).includes(words));
});
