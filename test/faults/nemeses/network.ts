import { setTimeout as wait } from 'node:timers/promises';
import type { CommandKind } from '../proxy/kinds.js';
import { membersOf, pickTarget } from '../world.js';
import type { AnyMember } from '../world.js';
import type { Nemesis } from './nemesis.js';

const STRIKE_TIMEOUT_MS = 1_500;

function strike(kind: CommandKind, effect: 'drop-request' | 'drop-reply', weight: number): Nemesis {
  return {
    name: `network: ${effect === 'drop-request' ? 'request' : 'reply'} of "${kind}" lost`,
    weight,
    act: ({ workers, producers }, random) =>
      pickTarget<AnyMember>(random, kind === 'add' ? producers : workers).proxy.strike(kind, effect, STRIKE_TIMEOUT_MS),
  };
}

const STRIKES = (['apply', 'add', 'complete', 'settle'] as const).flatMap((kind) => [
  strike(kind, 'drop-request', kind === 'settle' ? 3 : 6),
  strike(kind, 'drop-reply', kind === 'settle' ? 3 : 6),
]);

/** Within the lease of an attempt, or when it is over. */
const LATE_MS: Readonly<Record<'apply' | 'add' | 'complete' | 'settle', readonly [number, number]>> = {
  apply: [100, 4_000],
  complete: [100, 4_000],
  settle: [100, 4_000],
  add: [50, 400], // much less than receipts live, as it is with the default of ten minutes
};

function late(kind: keyof typeof LATE_MS, weight: number): Nemesis {
  return {
    name: `network: request of "${kind}" arrives late, after its connection was replaced`,
    weight,
    act: ({ workers, producers }, random) => {
      const { proxy } = pickTarget<AnyMember>(random, kind === 'add' ? producers : workers);
      const lateMs = random.int(...LATE_MS[kind]);
      return proxy.hold(kind, { until: () => wait(lateMs), timeoutMs: STRIKE_TIMEOUT_MS }).delivered;
    },
  };
}

/** What is sent again is refused, so it looks as if nothing had been accepted. */
const refusedWhenResent: Nemesis = {
  name: 'network: reply of "add" lost, and then the job is refused when it is sent again',
  weight: 4,
  act: async ({ producers, operator }, random) => {
    const { proxy } = pickTarget(random, producers);
    const struck = await proxy.strike('add', 'drop-reply', STRIKE_TIMEOUT_MS);
    if (struck) {
      await operator.config('SET', 'maxmemory', '1mb');
      await wait(random.int(100, 400));
      await operator.config('SET', 'maxmemory', '0');
    }
    return struck;
  },
};

const LATE = [late('apply', 6), late('add', 3), late('complete', 3), late('settle', 2)];

const blackhole: Nemesis = {
  name: 'network: blackhole',
  weight: 3,
  act: async (world, random) => {
    const { proxy } = pickTarget(random, membersOf(world));
    const isUsed = proxy.connections > 0;
    await proxy.blackhole(random.int(100, 2_000));
    return isUsed;
  },
};

const delay: Nemesis = {
  name: 'network: delay',
  weight: 5,
  act: async (world, random) => {
    const { proxy } = pickTarget(random, membersOf(world));
    const isUsed = proxy.connections > 0;
    await proxy.delay(random.int(50, 1_500));
    return isUsed;
  },
};

const cut: Nemesis = {
  name: 'network: connections cut',
  weight: 6,
  act: (world, random) => {
    const { proxy } = pickTarget(random, membersOf(world));
    const isUsed = proxy.connections > 0;
    proxy.cut();
    return Promise.resolve(isUsed);
  },
};

/** Those for which it does not matter how many servers there are. */
export const anyNetworkNemeses: readonly Nemesis[] = [...STRIKES, ...LATE, blackhole, delay, cut];

export const networkNemeses: readonly Nemesis[] = [...anyNetworkNemeses, refusedWhenResent];
