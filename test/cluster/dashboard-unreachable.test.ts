import { expect, test, vi } from 'vitest';
import { slotOfJobId } from '../../src/layout/new-job-id.js';
import { Partitions } from '../../src/layout/partitions.js';
import { tagOf } from '../../src/redis/slots.js';
import { startBrowser } from '../support/browser.js';
import {
  addJobs,
  begin,
  holdersOf,
  keyOn,
  keysOf,
  kill,
  lossOf,
  ownCluster,
  QUEUES,
} from '../support/dashboard-unreachable.js';
import type { ShownQueue } from '../support/dashboard.js';
import { place, until } from '../support/tally.js';
import type { Place } from '../support/tally.js';
import type { Cluster } from '../support/topology/cluster.js';
import type { ClusterNode } from '../support/topology/cluster-node.js';

/** On a busy machine one that runs may take longer than a page waits for it, and is told as one that does not answer. */
const onceAllOthersAnswer = (expectAll: () => Promise<void>) =>
  vi.waitFor(expectAll, { timeout: 60_000, interval: 250 });

/** A Cluster with jobs in all partitions, of whose masters one is unreachable; it knows neither users nor partitions. */
async function beginAway() {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  const { other: away } = await holdersOf(cluster, here);
  const { fault, lost } = await lossOf(cluster, away, here);
  const submissions = await addJobs(here);
  const dashboard = await begin(here);
  const before = await dashboard.list();
  await kill(cluster, away);
  await until('it is noticed', async () => (await dashboard.list()).some(({ name }) => name.startsWith(fault)));
  return { ...dashboard, cluster, here, away, fault, lost, submissions, before };
}

test('while a master is unreachable its partitions are said to be unknown, and the others are shown as ever', async () => {
  const { cluster, away, fault, lost, before, list, isWhole } = await beginAway();
  const isLost = ({ name }: ShownQueue) => lost.includes(Number(name.at(-1)));
  await onceAllOthersAnswer(async () => {
    const shown = await list();
    expect(shown.slice(0, lost.length * QUEUES).map(({ name, delimiter }) => name.split(delimiter))).toEqual(
      before.filter(isLost).map(({ name }) => [fault, name]),
    );
    expect(shown.slice(lost.length * QUEUES)).toEqual(before.filter((queue) => !isLost(queue)));
    expect(shown[0]).toMatchObject({
      displayName: `Counters ${lost[0]!} of 8: not known`,
      description: expect.stringContaining(`${fault}, and nothing is known of this queue`) as string,
      counts: {},
      hasWorkers: null,
      readOnlyMode: true,
    });
  });

  await away.start();
  await cluster.untilHealthy();
  await until('all are back', isWhole);
  expect(await list()).toEqual(before);
});

test('an action on a queue whose master is unreachable is refused with the reason, and those on others are done', async () => {
  const { fault, lost, list, request } = await beginAway();
  const put = async (path: string) => {
    const answer = await request(`/ops/queues/api/queues/${path}`, { method: 'PUT' });
    return [answer.status, await answer.text()];
  };
  for (const number of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const refused = [503, expect.stringContaining(`xp-of-8:${number} can't be reached: ${fault}`)];
    const name = `xp-of-8:${number}`;
    expect(await put(`${encodeURIComponent(name)}/pause`)).toEqual(lost.includes(number) ? refused : [200, '{}']);
    if (lost.includes(number)) {
      expect(await put(`${encodeURIComponent(`${fault} | ${name}`)}/retry/failed`)).toEqual(refused);
    }
  }
  expect(await put('pause')).toEqual([
    503,
    expect.stringContaining(`done, but not for ${lost.length * QUEUES} queues: ${fault}`),
  ]);
  expect((await list()).filter(({ isPaused }) => isPaused)).toHaveLength(8 * QUEUES - lost.length * QUEUES);
  for (const path of ['redis/stats', 'job-schedulers']) {
    expect((await request(`/ops/queues/api/${path}`)).status).toBe(503);
  }
});

test('a key or an update on a master that is unreachable is answered with the reason, and others are found', async () => {
  const { cluster, here, away, fault, lost, submissions, cellPage, findPage } = await beginAway();
  const partitions = new Partitions(here.prefix, 8);
  const isAway = async (slot: number) => (await cluster.masterOfSlot(slot)) === away;
  const places = await Promise.all(
    submissions.map(async ({ id, jobId }) => ({
      id,
      isJobAway: lost.includes(Number(partitions.ofJob(jobId).name![0])),
      isReceiptAway: await isAway(slotOfJobId(jobId)),
    })),
  );
  const [keyAway, keyThere] = [
    await keyOn(cluster, here, (node) => node === away),
    await keyOn(cluster, here, (node) => node !== away),
  ];
  const updateAway = places.find(({ isJobAway }) => isJobAway)!;
  const updateThere = places.find(({ isJobAway, isReceiptAway }) => !isJobAway && !isReceiptAway)!;
  const refused = (what: string) => ({
    status: 503,
    text: expect.stringContaining(`${what} can't be reached: ${fault}`) as string,
  });

  expect(await cellPage(keyAway)).toEqual(refused(`"${keyAway}"`));
  expect(await findPage(updateAway.id)).toEqual(refused(`update ${updateAway.id}`));
  expect(await findPage('order', keyAway)).toEqual(refused('idempotency key order'));

  await onceAllOthersAnswer(async () => {
    const { status, text } = await cellPage(keyThere);
    expect(status).toBe(200);
    expect(text).toContain(`waiting counter.increment 1 `);
    expect(text).toContain(`${lost.length * QUEUES} queues were not looked at, and there may be more: ${fault}.`);
    expect((await findPage(updateThere.id)).text).toContain(`Update ${updateThere.id} Operation counter.increment`);
  });
});

test('an update whose job is there, and whose receipt lies on a master that is unreachable, is answered with the reason', async () => {
  const cluster = await ownCluster();
  // Of eight partitions the third has slots of two of three masters.
  const [ofPartition, ofReceipt] = [5_120, 5_500];
  const away = await cluster.masterOfSlot(ofReceipt);
  expect(await cluster.masterOfSlot(ofPartition)).not.toBe(away);
  const here = await placeBut(cluster, away);
  const { fault } = await lossOf(cluster, away, here);
  const key = `{${tagOf(ofReceipt)}}:${here.key('n')}`;
  const { id } = await here.producer().counters.increment({ key });
  const { findPage, list } = await begin(here);
  await kill(cluster, away);
  await until('it is noticed', async () => (await list()).some(({ name }) => name.startsWith(fault)));
  expect(await findPage(id)).toEqual({
    status: 503,
    text: expect.stringContaining(`update ${id} can't be reached: ${fault}`) as string,
  });
});

/** One whose users, and the number of whose partitions, lie on other masters. */
async function placeBut(cluster: Cluster, away: ClusterNode): Promise<Place> {
  for (;;) {
    const here = place(cluster.url);
    const { users, counts } = await holdersOf(cluster, here);
    if (users !== away && counts !== away) {
      return here;
    }
  }
}

test('a master that is frozen holds nobody up', async () => {
  const cluster = await ownCluster();
  const here = place(cluster.url);
  const { list, isWhole, request, cellPage } = await begin(here);
  const { other: away } = await holdersOf(cluster, here);
  const { lost } = await lossOf(cluster, away, here);
  const key = await keyOn(cluster, here, (node) => node === away);
  expect(await isWhole()).toBe(true);
  process.kill(away.pid(), 'SIGSTOP');
  const [shown, stats, page] = await Promise.all([list(), request('/ops/queues/api/redis/stats'), cellPage(key)]);
  expect(shown.filter(({ readOnlyMode }) => readOnlyMode)).toHaveLength(lost.length * QUEUES);
  expect([stats.status, page.status]).toEqual([503, 503]);
  process.kill(away.pid(), 'SIGCONT');
  await until('it is back', isWhole);
});

test.each([
  ['a', 'other'],
  ["the users'", 'users'],
] as const)(
  'in a failover of %s master the board answers all the time, and then shows the jobs of its replica',
  async (_, which) => {
    const cluster = await ownCluster({ replicasPerMaster: 1, settings: [] });
    const here = place(cluster.url);
    const { list, isWhole, request } = await begin(here);
    const away = (await holdersOf(cluster, here))[which];
    await addJobs(here);
    const before = await list();
    await away.run('WAIT', 1, 5_000);
    await kill(cluster, away);
    await until('it is noticed', async () => !(await isWhole()));
    await until(
      'the replica has taken over',
      async () => {
        expect((await request('/ops/queues/api/queues')).status).toBe(200);
        return isWhole();
      },
      60_000,
    );
    expect(await list()).toEqual(before);
  },
);

test('while a Cluster serves nothing because a part of its slots has no master, that is what is said', async () => {
  const cluster = await ownCluster({ settings: ['--cluster-require-full-coverage', 'yes'] });
  const here = place(cluster.url);
  const { list, cellPage } = await begin(here);
  const { users, other } = await holdersOf(cluster, here);
  await kill(cluster, other);
  const fault = `Redis master 127.0.0.1:${users.port} refuses all commands (CLUSTERDOWN`;
  await until('all refuse', async () => {
    const { status, text } = await cellPage(await keyOn(cluster, here, (node) => node === users));
    return status === 503 && text.includes(fault);
  });
  expect((await list()).some(({ name }) => name.startsWith(fault))).toBe(true);
});

test('a dashboard that starts while the numbers of partitions can not be read shows its own, and says so', async () => {
  const cluster = await ownCluster();
  let here = place(cluster.url);
  let { users, counts } = await holdersOf(cluster, here);
  while (users === counts) {
    here = place(cluster.url);
    ({ users, counts } = await holdersOf(cluster, here));
  }
  await here.producer({ partitions: 3 }).counters.increment({ key: keysOf(here, 1)[0]! });
  await kill(cluster, counts);
  const { list } = await begin(here);
  const isGuess = ({ description }: ShownQueue) => description.includes('Partitions of other numbers may be in use');
  const shown = await list();
  expect([shown.length, shown.every(isGuess)]).toEqual([8 * QUEUES, true]);
  await counts.start();
  await cluster.untilHealthy();
  await until('the numbers are known', async () => (await list()).length === 3 * QUEUES);
  expect((await list()).some(isGuess)).toBe(false);
});

test('in the browser, what is not known is not shown as 0', async () => {
  const { fault, lost, origin } = await beginAway();
  const title = `XP ${lost[0]!} of 8: not known`;
  const { page, errors } = await (await startBrowser()).visit();
  await page.goto(`${origin}/ops/queues`);
  const group = page.locator('section', { has: page.getByRole('button', { name: fault }) }).last();
  await group.getByText(title).waitFor();
  expect(await group.innerText()).not.toContain('0 Jobs');
  expect(await page.locator('main').innerText()).toContain('0 Jobs'); // of the queues that answer
  for (const name of [`xp-of-8:${lost[0]!}`, `${fault} | xp-of-8:${lost[0]!}`]) {
    await page.goto(`${origin}/ops/queues/queue/${encodeURIComponent(name)}`);
    await page.getByRole('heading', { name: title }).waitFor();
    expect(await page.locator('body').innerText()).not.toMatch(/No latest jobs|Not found/);
  }
  expect(errors).toEqual([]);
});
