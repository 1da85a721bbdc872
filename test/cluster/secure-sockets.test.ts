import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { connectOnce } from '../../src/redis/connect-once.js';
import type { RedisTarget, ServerOptions } from '../../src/redis/target.js';
import { builtProgram } from '../support/built-program.js';
import { detours, FAULTS, FaultyWays, MOMENTS } from '../support/faulty-way.js';
import { until } from '../support/tally.js';
import { startCluster } from '../support/topology/cluster.js';
import { startSecure } from '../support/topology/secure.js';
import { startSentinel } from '../support/topology/sentinel.js';

/** How long a trouble lasts: connections are made again and again, and have it again. */
const TROUBLE_MS = 400;

/** How long all parts have to work again. */
const RECOVERY_MS = 30_000;

const LOOK_TIMEOUT_MS = 2_000;

const USER = { username: 'tally', password: 'secret' };
const users = ['user tally on >secret ~* &* +@all'];
const HOST = '127.0.0.1';

/** Starts servers with TLS, and gives the target that leads to them through faulty ways. */
const KINDS: Readonly<Record<string, (ways: FaultyWays) => Promise<RedisTarget>>> = {
  'one server': async (ways) => {
    const { port, security } = await keep(startSecure({ users }));
    return { ...USER, tls: security.tls, host: HOST, port: await ways.open(port) };
  },
  'a Cluster': async (ways) => {
    const cluster = await keep(startCluster({ replicasPerMaster: 0, security: { users } }));
    const { nodes, natMap } = await detours(ways, cluster.nodes);
    return { nodes, natMap, redisOptions: { ...USER, tls: cluster.security!.tls } };
  },
  Sentinel: async (ways) => {
    const set = await keep(startSentinel({ replicas: 1, security: { users, sentinelUsers: users } }));
    const { tls } = set.security!;
    const toServers = await detours(ways, set.servers);
    const toSentinels = await detours(ways, set.sentinels);
    return {
      ...USER,
      tls,
      sentinelTLS: tls,
      enableTLSForSentinelMode: true,
      sentinelUsername: USER.username,
      sentinelPassword: USER.password,
      sentinels: toSentinels.nodes,
      name: new URL(set.url).searchParams.get('master')!,
      natMap: { ...toServers.natMap, ...toSentinels.natMap },
    };
  },
};

const moments = Object.keys(MOMENTS) as (keyof typeof MOMENTS)[];
const faults = Object.keys(FAULTS) as (keyof typeof FAULTS)[];

const ALL_TROUBLES = moments.flatMap((moment) => faults.map((fault) => ({ moment, fault })));

/** Each fault and each moment: connections are guarded one by one, so what ends no process on one server ends none elsewhere. */
const EACH_ONCE = faults.map((fault, place) => ({ moment: moments[place % moments.length]!, fault }));

test.each(Object.keys(KINDS))(
  'on %s, garbage, alerts, ends and resets at any moment of a TLS connection end no process',
  async (kind) => {
    const ways = new FaultyWays();
    onTestFinished(() => {
      ways.close();
    });
    const parts = await startAllParts(await KINDS[kind]!(ways));
    await parts.untilAllWork('before any fault');
    for (const { moment, fault } of kind === 'one server' ? ALL_TROUBLES : EACH_ONCE) {
      const before = ways.troubled;
      ways.bring({ moment, fault });
      await until(`${fault} ${moment}`, () => ways.troubled > before);
      await wait(TROUBLE_MS);
      ways.bring(undefined);
      await parts.untilAllWork(`after ${fault} ${moment}`);
    }
  },
  400_000,
);

interface Stoppable {
  stop(): Promise<void>;
}

async function keep<Started extends Stoppable>(starting: Promise<Started>): Promise<Started> {
  const started = await starting;
  onTestFinished(() => started.stop());
  return started;
}

async function startAllParts(redis: RedisTarget) {
  const program = await builtProgram(new URL('../support/all-parts-process.ts', import.meta.url));
  const child = spawn(process.execPath, [program, JSON.stringify({ redis })], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let output = '';
  child.stderr!.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-3_000)));
  const ended = once(child, 'exit').then(([code, signal]: (number | string | null)[]) => {
    throw new Error(`the process ended (${signal ?? code}): ${output}`);
  });
  ended.catch(() => undefined);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended.catch(() => undefined);
  });
  const next = async () => (await Promise.race([once(child, 'message'), ended]))[0] as string[];
  await next();
  return {
    untilAllWork: async (when: string) => {
      const untilMs = performance.now() + RECOVERY_MS;
      let faults: string[];
      do {
        const answering = next();
        child.send('try', () => undefined);
        faults = await answering.catch((error: unknown) => {
          throw new Error(`${when}: ${(error as Error).message}`);
        });
      } while (faults.length > 0 && performance.now() < untilMs && (await wait(100, true)));
      expect(faults, when).toEqual([]);
    },
  };
}

test('nor does the look of doctor at one server', async () => {
  const ways = new FaultyWays();
  onTestFinished(() => {
    ways.close();
  });
  const options = (await KINDS['one server']!(ways)) as ServerOptions;
  for (const each of ALL_TROUBLES) {
    ways.bring(each);
    const looking = connectOnce(options, LOOK_TIMEOUT_MS).then(async ({ redis }) => {
      await Promise.allSettled(Array.from({ length: 5 }, () => redis.info()));
      redis.disconnect();
    });
    await looking.catch(() => undefined);
    await wait(20); // an error that nobody hears ends the run of the tests
  }
  ways.bring(undefined);
  const { redis } = await connectOnce(options, LOOK_TIMEOUT_MS);
  expect(await redis.ping()).toBe('PONG');
  redis.disconnect();
}, 120_000);
