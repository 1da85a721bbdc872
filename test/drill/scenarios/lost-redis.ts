import { follow } from '../shipped.js';
import { judgeTold, judgeTotals } from '../totals.js';
import { until } from '../until.js';
import type { Scenario } from './scenario.js';

const LIMIT_MS = 60_000;

/** All that Redis held is gone: so all totals are judged before, and what is accepted after it is counted anew. */
export const lostRedis: Scenario = {
  name: 'lost Redis (`FLUSHALL`)',
  alert: 'TallyDataLost',
  says: /Redis has lost what Tally kept in it/,
  strike: async (setUp) => {
    const { callers, redis, secret } = setUp;
    await callers.stop();
    await judgeTotals(setUp);
    await judgeTold(setUp);
    await setUp.killSubscriber();
    callers.forget();
    await redis.run('FLUSHALL');
    callers.start(secret);
  },
  check: async ({ callers, dashboard }) => {
    callers.takeRefusals();
    await until('callers get 401', LIMIT_MS, () => Promise.resolve(callers.takeRefusals().has('UNAUTHORIZED')));
    const status = await dashboard.statusForStrangers();
    if (status !== 401) {
      throw new Error(`the dashboard, which had users, is open to strangers: ${status}`);
    }
  },
  mend: async (setUp) => {
    follow('TallyDataLost', 'Stop the workers and the APIs first');
    await setUp.stopProcess('worker');
    await setUp.stopProcess('api');
    follow(
      'TallyDataLost',
      '`tally accept-loss`, then make users and API keys anew (`tally users add`, `tally keys create`)',
    );
    await setUp.tally(['accept-loss']);
    await setUp.letIn();
    setUp.callers.useKey(setUp.secret);
    follow('TallyDataLost', 'start everything again');
    await setUp.startProcess('worker');
    await setUp.startProcess('api');
    await setUp.startSubscriber();
    return 'workers and API stopped, `tally accept-loss`, user and API keys made anew, all started';
  },
};
