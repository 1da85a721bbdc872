import { follow } from '../shipped.js';
import type { Scenario } from './scenario.js';

const QUEUE = 'counters';

export const rateLimit: Scenario = {
  name: 'rate limit',
  alert: 'TallyQueueLimited',
  says: /limited to 1 job in 60 s/,
  strike: ({ dashboard }) => dashboard.press(QUEUE, 'rate-limit', { max: 1, duration: 60_000 }),
  mend: async ({ dashboard }) => {
    follow('TallyQueueLimited', 'Remove it from the board, in the menu of the queue: _Set rate limit_');
    await dashboard.press(QUEUE, 'rate-limit', { max: null, duration: null });
    return '_Set rate limit_ on the board: none';
  },
};

export const pausedQueue: Scenario = {
  name: 'paused queue',
  alert: 'TallyQueuePaused',
  says: /counters is paused \(by \w+, [^)]* ago\), and [\d,]+ updates wait/,
  strike: ({ dashboard }) => dashboard.press(QUEUE, 'pause'),
  mend: async ({ dashboard }) => {
    follow('TallyQueuePaused', 'Resume it from the board');
    await dashboard.press(QUEUE, 'resume');
    return '_Resume_ on the board';
  },
};
