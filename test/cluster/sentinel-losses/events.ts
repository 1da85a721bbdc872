import { setTimeout as wait } from 'node:timers/promises';
import type { Random } from '../../faults/random.js';
import { MASTER_NAME } from '../../support/topology/sentinel-server.js';
import type { SentinelSet } from '../../support/topology/sentinel.js';
import type { ServerProcess } from '../../support/topology/server-process.js';

const BACK_IN_ORDER_MS = 60_000;

/** Something that makes Sentinel replace the master. Resolves when it is over. */
type MasterEvent = (set: SentinelSet, random: Random) => Promise<void>;

/** A freeze that is over in the midst of the failover, or before there is any: the master is down after one second. */
const blink: MasterEvent = (set, random) => freeze(set, random.int(800, 3_000));

const longFreeze: MasterEvent = (set, random) => freeze(set, random.int(3_000, 8_000));

async function freeze(set: SentinelSet, forMs: number): Promise<void> {
  const pid = (await set.master()).pid();
  process.kill(pid, 'SIGSTOP');
  await wait(forMs);
  process.kill(pid, 'SIGCONT');
}

const kill: MasterEvent = async (set) => {
  const old = await set.master();
  await old.kill();
  await set.untilHealthy(BACK_IN_ORDER_MS);
  await old.start();
};

/** What an operator does before maintenance: the master lives, and is not told before its replica is promoted. */
const failover: MasterEvent = async (set) => {
  const old = await set.master();
  await set.sentinels[0]?.run('SENTINEL', 'FAILOVER', MASTER_NAME);
  const deadline = Date.now() + BACK_IN_ORDER_MS;
  while ((await set.master()) === old && Date.now() < deadline) {
    await wait(20);
  }
};

/** Less than a replica may be silent before Sentinel takes it for down. */
const BEHIND_MS = 800;

/** The master dies while one of its replicas is behind. */
const killBehind: MasterEvent = async (set, random) => {
  const old = await set.master();
  const replica = random.pick(set.servers.filter((server) => server !== old) as [ServerProcess, ...ServerProcess[]]);
  process.kill(replica.pid(), 'SIGSTOP');
  await wait(BEHIND_MS);
  await old.kill();
  process.kill(replica.pid(), 'SIGCONT');
  await set.untilHealthy(BACK_IN_ORDER_MS);
  await old.start();
};

export const EVENTS = { blink, freeze: longFreeze, kill, behind: killBehind, failover } as const;

export type EventName = keyof typeof EVENTS;
