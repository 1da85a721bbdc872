import { setTimeout as wait } from 'node:timers/promises';
import { slotOf } from '../../../src/redis/slots.js';
import type { ClusterNode } from '../../support/topology/cluster-node.js';
import { FaultCluster } from '../cluster.js';
import { insist } from '../insist.js';
import { mendSlots } from '../mend-slots.js';
import type { Random } from '../random.js';
import type { World } from '../world.js';
import type { Nemesis } from './nemesis.js';

/** What happens to the masters of a Cluster and their slots. */

function clusterOf({ server }: World): FaultCluster {
  if (server instanceof FaultCluster) {
    return server;
  }
  throw new Error('the suite itself did to one server what is for a Cluster');
}

async function pickMaster(faults: FaultCluster, random: Random): Promise<ClusterNode> {
  return random.pick(await faults.masters());
}

const scriptFlush: Nemesis = {
  name: 'masters: SCRIPT FLUSH on one',
  weight: 5,
  act: async (world, random) => (await (await pickMaster(clusterOf(world), random)).run('SCRIPT', 'FLUSH')) === 'OK',
};

const clientsKilled: Nemesis = {
  name: 'masters: CLIENT KILL of all on one',
  weight: 4,
  act: async (world, random) => {
    const master = await pickMaster(clusterOf(world), random);
    return Number(await master.run('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')) > 0;
  },
};

const full: Nemesis = {
  name: 'masters: maxmemory of one reached, then relieved',
  weight: 3,
  act: async (world, random) => {
    const master = await pickMaster(clusterOf(world), random);
    await master.run('CONFIG', 'SET', 'maxmemory', '1mb');
    await wait(random.int(100, 1_200));
    await insist(() => master.run('CONFIG', 'SET', 'maxmemory', '0'));
    return true;
  },
};

/** For less time than the others take to give it up. */
const frozen: Nemesis = {
  name: 'masters: one frozen for a moment',
  weight: 3,
  act: async (world, random) => {
    const pid = (await pickMaster(clusterOf(world), random)).pid();
    process.kill(pid, 'SIGSTOP');
    await wait(random.int(100, 1_200));
    process.kill(pid, 'SIGCONT');
    return true;
  },
};

const killed: Nemesis = {
  name: 'masters: kill -9 of one, and restart',
  weight: 3,
  act: async (world, random) => {
    const faults = clusterOf(world);
    const master = await pickMaster(faults, random);
    await master.kill();
    await wait(random.int(0, 500));
    await insist(() => master.start());
    return true;
  },
};

/** For so long a move waits between the keys that it takes at a time. */
const PAUSES_MS = 3_000;

/** A slot that the run uses, of cells or of queues. */
function pickSlot(world: World, random: Random): number {
  const queues = world.prefixes.map(slotOf);
  return random.pick([...clusterOf(world).slots, ...queues] as [number, ...number[]]);
}

/** Moves it to any other master. It is half moved in between, which gives ASK and TRYAGAIN, and then the clients' maps are stale. */
async function moveSlot(world: World, random: Random, slot: number, pausesUntilMs: number): Promise<void> {
  const { cluster } = clusterOf(world);
  const owner = await cluster.masterOfSlot(slot);
  const others = (await cluster.masters()).filter((master) => master !== owner);
  const to = random.pick(others as [ClusterNode, ...ClusterNode[]]);
  const pauseMs = random.int(0, 100);
  await cluster.moveSlot(slot, to, {
    batch: random.int(30, 300),
    between: async () => {
      await wait(performance.now() < pausesUntilMs ? pauseMs : 0);
    },
  });
}

function moved(name: string, weight: number, slots: (world: World, random: Random) => number[]): Nemesis {
  return {
    name,
    weight,
    act: (world, random) => {
      const faults = clusterOf(world);
      return faults.change(async () => {
        const pausesUntilMs = performance.now() + PAUSES_MS;
        try {
          for (const slot of slots(world, random)) {
            await moveSlot(world, random, slot, pausesUntilMs);
          }
          return true;
        } catch {
          await insist(() => mendSlots(faults.cluster)).catch(() => undefined); // a master that was killed; at the end it is tried again
          return false;
        }
      });
    },
  };
}

const slotMoved = moved('slots: one moved under load, and back another time', 10, (world, random) => [
  pickSlot(world, random),
]);

const slotsMoved = moved('slots: some moved, one after the other', 3, (world, random) =>
  random.shuffle(clusterOf(world).slots).slice(0, 3),
);

const replicaTakesOver: Nemesis = {
  name: 'masters: CLUSTER FAILOVER to a replica',
  weight: 4,
  act: async (world, random) => {
    const faults = clusterOf(world);
    return faults.change(async () => {
      const master = await pickMaster(faults, random);
      const [replica] = await faults.cluster.replicasOf(master);
      if (replica?.isRunning !== true) {
        return false;
      }
      await replica.run('CLUSTER', 'FAILOVER');
      await faults.cluster.untilHealthy();
      return (await faults.cluster.masters()).includes(replica);
    });
  },
};

/** Until a replica has taken over; then the old master comes back as a replica. */
const killedUntilFailover: Nemesis = {
  name: 'masters: kill -9 of one, and failover to its replica',
  weight: 4,
  act: async (world, random) => {
    const faults = clusterOf(world);
    return faults.change(async () => {
      const master = await pickMaster(faults, random);
      const [replica] = await faults.cluster.replicasOf(master);
      await master.kill();
      try {
        await faults.cluster.untilHealthy();
        return replica !== undefined && (await faults.cluster.masters()).includes(replica);
      } finally {
        await insist(() => master.start());
        await faults.cluster.untilHealthy();
      }
    });
  },
};

export const masterNemeses: readonly Nemesis[] = [scriptFlush, clientsKilled, full, frozen];

/** Without replicas, kill -9 loses nothing: the append-only file is written before anything is acknowledged. */
export const slotNemeses: readonly Nemesis[] = [killed, slotMoved, slotsMoved];

export const failoverNemeses: readonly Nemesis[] = [replicaTakesOver, killedUntilFailover];
