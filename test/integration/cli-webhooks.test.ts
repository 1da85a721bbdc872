import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { createKeys } from '../../src/redis/keys.js';
import { start, tally } from '../support/command.js';
import { skipUnlessOneServer } from '../support/skip-unless-one-server.js';
import { place, until } from '../support/tally.js';
import { startReceiver } from '../support/webhook-receiver.js';
import { setUp } from '../support/webhooks.js';

test('webhooks are added, listed, rotated, replayed and removed by command; tally outcomes follows the stream', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  await here.worker({ outcomes: true });
  const receiver = await startReceiver();
  const environment = {
    REDIS_URL: here.redis,
    TALLY_NAMESPACE: here.namespace,
    TALLY_PREFIX: here.prefix,
    TALLY_OUTCOMES: 'true',
    TALLY_WEBHOOK_KEY: randomBytes(32).toString('base64'),
    TALLY_WEBHOOK_ALLOW_HTTP: 'true',
    TALLY_WEBHOOK_ALLOW_NETWORKS: '127.0.0.1',
    LOG_LEVEL: 'warn',
  };
  const run = (...args: string[]) => tally(environment, ...args);
  const following = start(['outcomes', '--json', '--operation', 'xp.award', '--from', 'beginning'], environment);
  onTestFinished(() => {
    following.child.kill('SIGKILL');
  });
  const worker = start(['worker'], environment);
  onTestFinished(() => {
    worker.child.kill('SIGKILL');
  });

  const added = await run('webhooks', 'add', receiver.url, '--operations', 'xp.award', '--statuses', 'applied');
  expect(added.code).toBe(0);
  const secret = added.stdout.trim();
  expect(secret).toMatch(/^whsec_\S+$/);
  const [webhook] = JSON.parse((await run('webhooks', 'list', '--json')).stdout) as [{ id: string }];
  const producer = here.producer();
  await (await producer.xp.award({ key: here.key('bo'), amount: 5 })).outcome({ timeoutMs: 60_000 });
  await (await producer.counters.increment({ key: here.key('n') })).outcome({ timeoutMs: 60_000 });
  await until('it is delivered', () => receiver.posts.length === 1);
  expect(receiver.verified(secret)).toMatchObject([{ type: 'tally.xp.award.applied' }]);
  await until('it is printed', () => following.output.stdout.includes('\n'));
  expect(JSON.parse(following.output.stdout)).toMatchObject({
    type: 'tally.xp.award.applied',
    subject: here.key('bo'),
  });

  expect((await run('webhooks', 'rotate', webhook.id)).stdout.trim()).toMatch(/^whsec_\S+$/);
  expect(await run('webhooks', 'replay', webhook.id, '--since', '2020-01-01T00:00:00Z')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^1 deliveries, of /) as string,
  });
  await until('it is delivered again', () => receiver.posts.length === 2);
  const listed = (await run('webhooks', 'list')).stdout;
  expect(listed).toContain(`${webhook.id} ${receiver.url}; operations xp.award; statuses applied`);
  expect(listed).not.toContain('whsec_');
  expect(await run('webhooks', 'remove', webhook.id)).toMatchObject({ code: 0 });
  expect((await run('webhooks', 'remove', webhook.id)).code).toBe(1);

  const usage = [
    ['webhooks', 'add', 'http://127.0.0.2/'],
    ['webhooks', 'add', receiver.url, '--statuses', 'done'],
    ['webhooks', 'add', receiver.url, '--operations', 'no.such'],
    ['webhooks', 'replay', webhook.id, '--since', 'yesterday'],
    ['webhooks', 'replay', webhook.id, '--since', '2020-01-01', '--until', '2026-02-31'],
    ['outcomes', '--crosses', 'under:5'],
    ['outcomes', '--from', 'nonsense'],
    ['outcomes', '--from', '2026-11-27T10:00:00'],
    ['outcomes', '--operation', 'xp.awarded'],
  ];
  for (const args of usage) {
    expect({ args, code: (await run(...args)).code }).toEqual({ args, code: 2 });
  }
  const { TALLY_WEBHOOK_KEY: _, ...without } = environment;
  const refused = await tally(without, 'webhooks', 'list');
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('openssl rand -base64 32') as string });
  const bad = await tally({ ...environment, TALLY_WEBHOOK_KEY: 'c2VjcmV0LWtleQ==' }, 'webhooks', 'list');
  expect(bad.code).toBe(2);
  expect(bad.stderr).not.toContain('c2VjcmV0');
  following.child.kill('SIGTERM');
  expect((await following.ended).code).toBe(0);
}, 240_000);

test('tally outcomes ends with the reader of what it prints', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const here = place();
  await here.worker({ outcomes: true });
  const increment = async () => {
    await (await here.producer().counters.increment({ key: here.key('n') })).outcome({ timeoutMs: 60_000 });
  };
  await increment();
  const environment = { REDIS_URL: here.redis, TALLY_NAMESPACE: here.namespace, TALLY_PREFIX: here.prefix };
  const following = start(['outcomes', '--from', 'beginning'], environment);
  onTestFinished(() => {
    following.child.kill('SIGKILL');
  });
  await until('it is printed', () => following.output.stdout.includes('\n'));
  following.child.stdout.destroy();
  await increment(); // only who writes learns of it
  expect(await following.ended).toMatchObject({ code: 0, stderr: '' });
}, 60_000);

test('a replay that is cut says whose deliveries wait and where to go on', async () => {
  skipUnlessOneServer('outcomes are told on one server');
  const { here, receiver, webhooks, queue, options, restock } = await setUp();
  const ids = await Promise.all(
    [1, 2, 3].map(async () => (await webhooks.add({ url: receiver.url }, { owner: 'ann' })).webhook.id),
  );
  const [first, second, third] = ids as [string, string, string];
  await restock(here.key('lamp'));
  await queue.add('x', { webhook: first, event: {} as never }, { delay: 600_000 }); // else counting would begin anew
  const environment = {
    REDIS_URL: here.redis,
    TALLY_NAMESPACE: here.namespace,
    TALLY_PREFIX: here.prefix,
    TALLY_WEBHOOK_KEY: options.sealingKeys[0]!.toString('base64'),
    LOG_LEVEL: 'warn',
  };
  const replayed = async (counts: Record<string, number>) => {
    await here.client.hset(createKeys(here).webhookPending, counts);
    return tally(environment, 'webhooks', 'replay', third, '--since', '2020-01-01T00:00:00Z');
  };
  const goOn = 'go on with --since 2020-01-01T00:00:00.000Z when they are fewer';
  expect(await replayed({ [first]: 20_000, [second]: 20_000 })).toMatchObject({
    code: 1,
    stdout: 'nothing was added\n',
    stderr: expect.stringContaining(`40,000 deliveries to its owner's webhooks wait; ${goOn}`) as string,
  });
  expect(await replayed({ [third]: 20_000 })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`20,000 deliveries to it wait; ${goOn}`) as string,
  });
}, 240_000);
