import { pickTarget, serverOf } from '../world.js';
import type { AnyMember, World } from '../world.js';
import type { Random } from '../random.js';
import type { Nemesis } from './nemesis.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** By which clocks of workers and producers are off: BullMQ dates jobs, retries and ends by them. */
const OFFSETS_MS = [2 * MINUTE_MS, 5 * HOUR_MS, 26 * HOUR_MS, 3 * DAY_MS, 16 * DAY_MS] as const;

/** By which Redis' clock is: all within the window for which idempotency keys are remembered. */
const REDIS_OFFSETS_MS = [0, 2 * MINUTE_MS, 20 * MINUTE_MS, HOUR_MS, 5 * HOUR_MS] as const;

function memberClock(what: 'worker' | 'producer'): Nemesis {
  return {
    name: `${what}: clock set off by up to days`,
    weight: 3,
    act: (world, random) => {
      const target: AnyMember =
        what === 'worker' ? pickTarget(random, world.workers) : pickTarget(random, world.producers);
      setClock(world, target, random.pick(OFFSETS_MS) * sign(random));
      return Promise.resolve(target.isReady);
    },
  };
}

function setClock({ clocks }: World, member: AnyMember, offsetMs: number): void {
  clocks.set(member.name, offsetMs);
  member.order({ order: 'clock', offsetMs });
}

/** It stays so until it is moved again. */
const redisClock: Nemesis = {
  name: 'redis: clock moved forward or back, by up to hours',
  weight: 3,
  act: (world, random) => {
    const { acts } = world;
    const server = serverOf(world);
    const offsetMs = random.pick(REDIS_OFFSETS_MS) * sign(random);
    const isMoved = server.clock.offsetMs !== offsetMs;
    if (server.isPaused && offsetMs < server.clock.offsetMs) {
      return Promise.resolve(false);
    }
    acts.clockMoved = true;
    server.clock.set(offsetMs);
    return Promise.resolve(isMoved);
  },
};

function sign(random: Random): 1 | -1 {
  return random.chance(50) ? 1 : -1;
}

/** Makes all clocks agree, on the latest time that Redis has shown: what it has dated is not in the future then. */
export function agreeOnTime(world: World): void {
  const { workers, producers, acts } = world;
  const offsetMs = acts.clockMoved ? Math.max(...REDIS_OFFSETS_MS) : 0;
  if (acts.clockMoved) {
    serverOf(world).clock.set(offsetMs);
  }
  for (const member of [...workers, ...producers]) {
    setClock(world, member, offsetMs);
  }
}

export const memberClockNemeses: readonly Nemesis[] = [memberClock('worker'), memberClock('producer')];

export const clockNemeses: readonly Nemesis[] = [...memberClockNemeses, redisClock];
