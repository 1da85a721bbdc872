import { GROUP } from '../set-up.js';
import { follow } from '../shipped.js';
import type { Scenario } from './scenario.js';

export const deadSubscriber: Scenario = {
  name: 'dead subscriber',
  alert: 'TallySubscribersBehind',
  says: new RegExp(`the subscribers ${GROUP} are \\d+ (s|min) behind: [\\d,]+ updates told`),
  strike: (setUp) => setUp.killSubscriber(),
  mend: async (setUp) => {
    follow('TallySubscribersBehind', 'Start the subscribers of this group again');
    await setUp.startSubscriber();
    return 'the subscriber started again';
  },
};
