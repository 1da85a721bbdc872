import { join } from 'node:path';
import { expect, test } from 'vitest';
import { builtProgram } from '../../support/built-program.js';
import { startProxy } from '../../support/proxy.js';
import { temporaryFolder } from '../../support/running.js';
import { place } from '../../support/tally.js';
import { ProcessVictim } from './victims.js';

test('a service that writes mails before all it listens to is open ends in order when it is asked to', async () => {
  const here = place();
  await here.worker({ outcomes: true });
  const { inventory } = here.producer();
  await (await inventory.restock({ key: here.key('lamp'), quantity: 9 })).outcome({ timeoutMs: 60_000 });
  const items = [{ key: here.key('lamp'), quantity: 1 }];
  await (await inventory.takeAll({ items }, { idempotencyKey: 'order-1' })).outcome({ timeoutMs: 60_000 });
  const proxy = await startProxy(here.redis);
  proxy.holdBack('low-stock'); // so it is opened later than what mails of orders come from
  const program = await builtProgram(new URL('../../../examples/shop/notification-service.ts', import.meta.url));
  const service = new ProcessVictim('notifications', [program, join(temporaryFolder(), 'mails.jsonl')], {
    REDIS_URL: proxy.url,
    TALLY_NAMESPACE: here.namespace,
    TALLY_PREFIX: here.prefix,
  });
  await service.start();
  expect(await service.stop(), service.errors).toBe(0); // once it has written its first line
});
