import { expect, test } from 'vitest';
import { checkSubscribers } from '../../src/doctor/check-subscribers.js';
import { startDashboard } from '../support/dashboard.js';
import { Listener, subscribe, telling } from '../support/subscribers.js';
import { until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import { streamKey } from '../support/told.js';

/** What was told, as if it were so much older. */
async function age({ client }: Place, stream: string, byMs: number): Promise<void> {
  const entries = await client.xrange(stream, '-', '+');
  await client.del(stream); // and what its groups were given
  for (const [id, fields] of entries) {
    await client.xadd(stream, `${parseInt(id, 10) - byMs}-0`, ...fields);
  }
  await client.xgroup('CREATE', stream, 'g', '0');
}

test('the overview and doctor say for how long subscribers have been behind, beside the number of updates', async () => {
  const { here, submit } = await telling();
  const listener = new Listener();
  const subscriber = await subscribe(here, { onOutcome: listener.hear });
  await submit('a');
  await until('it is told', () => listener.told.length === 1);
  await subscriber.close();
  const dashboard = await startDashboard(here);
  const row = async () => {
    const { body } = await dashboard.raw({ path: '/ops' });
    return /<td>g<\/td>.*?<\/tr>/.exec(body.replace(/\s+/g, ' '))?.[0];
  };
  const said = async () => {
    const masterOf = (slot: number) => ({ redis: here.client.masterOf(slot)!, address: '' });
    const nodes = here.client.masters().map((redis) => ({ redis, address: '' }));
    const [finding] = await checkSubscribers({ nodes, findings: [], isCluster: here.client.isCluster, masterOf }, here);
    return finding;
  };
  await until('the group is shown', async () => (await row())?.includes('up to date') === true);
  expect(await said()).toMatchObject({ level: 'ok' });

  await age(here, await streamKey(here), 600_000);
  await until('that it is behind', async () => (await row())?.includes('<td class="number">10 min</td>') === true);
  const message = expect.stringContaining('the group "g" is 10 minutes behind: ') as string;
  expect(await said()).toMatchObject({ level: 'warning', message });
});
