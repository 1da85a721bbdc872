import { follow } from '../shipped.js';
import { until } from '../until.js';
import type { Scenario } from './scenario.js';

const LIMIT_MS = 30_000;
const FILLER = 'filler:';
const FILLER_BYTES = 1024 ** 2;

/** By how much the clock of Redis is off. */
const CLOCK_OFF_MS = 20_000;

export const noReplicas: Scenario = {
  name: 'NOREPLICAS',
  alert: 'TallyRedisRefuses',
  says: /Redis at \S+ refuses all writes with NOREPLICAS/,
  strike: async ({ redis }) => {
    await redis.run('CONFIG', 'SET', 'min-replicas-to-write', '1');
  },
  check: async ({ callers }) => {
    callers.takeRefusals();
    await until("callers are told Redis' own code", LIMIT_MS, () =>
      Promise.resolve(callers.takeRefusals().has('NOREPLICAS')),
    );
  },
  mend: async (setUp) => {
    follow('TallyRedisRefuses', '`redis-cli CONFIG SET min-replicas-to-write 0`');
    await setUp.redisCli('CONFIG', 'SET', 'min-replicas-to-write', '0');
    return '`redis-cli CONFIG SET min-replicas-to-write 0`';
  },
};

export const fullMemory: Scenario = {
  name: 'full memory',
  alert: 'TallyRedisMemory',
  says: /Redis uses (9[5-9]|1\d\d) % of the memory that it may/,
  strike: async ({ redis }) => {
    for (let index = 0; ; index += 1) {
      try {
        await redis.run('SETRANGE', `${FILLER}${index}`, String(FILLER_BYTES - 1), '-');
      } catch (error) {
        if (String(error).includes('OOM')) {
          return;
        }
        throw error;
      }
    }
  },
  check: async ({ callers }) => {
    callers.takeRefusals();
    await until("callers are told Redis' own code", LIMIT_MS, () => Promise.resolve(callers.takeRefusals().has('OOM')));
  },
  mend: async (setUp) => {
    follow('TallyRedisMemory', '`redis-cli CONFIG SET maxmemory 2gb`');
    await setUp.redisCli('CONFIG', 'SET', 'maxmemory', '2gb');
    return '`redis-cli CONFIG SET maxmemory 2gb`';
  },
};

export const clockOff: Scenario = {
  name: 'clock off',
  alert: 'TallyClockOff',
  says: /the clock of \w+ \d+ on \S+ is (19|2\d) s behind that of Redis/,
  strike: ({ redis }) => {
    redis.clock.set(CLOCK_OFF_MS);
    return Promise.resolve();
  },
  mend: ({ redis }) => {
    follow('TallyClockOff', 'Set the clock by NTP');
    redis.clock.set(0);
    return Promise.resolve('the clock set right, as NTP does');
  },
};
