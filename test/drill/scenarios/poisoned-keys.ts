import { COUNTERS } from '../callers.js';
import { follow } from '../shipped.js';
import type { Scenario } from './scenario.js';

/** What stood in the cells before another service overwrote them. */
const before = new Map<string, string>();

export const poisonedKeys: Scenario = {
  name: 'poisoned keys',
  alert: 'TallyUpdatesFail',
  says: /[\d,]+ failed updates? waits? for a decision, [\d,]+ failed within the last hour/,
  strike: async ({ redis }) => {
    for (const key of COUNTERS.slice(0, 5)) {
      const held = (await redis.run('SET', key, '{"views":7}', 'GET')) as string | null;
      before.set(key, held ?? '0');
    }
  },
  mend: async (setUp) => {
    follow('TallyUpdatesFail', 'If another service stores something else than integers in these keys');
    for (const [key, value] of before) {
      await setUp.redis.run('SET', key, value);
    }
    follow('TallyFailedJobs', '`tally failures retry --reason NOT_AN_INTEGER`');
    await setUp.tally(['failures', 'retry', '--reason', 'NOT_AN_INTEGER']);
    return 'the keys as they were, `tally failures retry --reason NOT_AN_INTEGER`';
  },
};
