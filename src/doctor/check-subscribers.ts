import { readGroups, readGroupsIn } from '../jobs/told-groups.js';
import type { GroupReading } from '../jobs/told-groups.js';
import { readAnnounced } from '../jobs/told-streams.js';
import { createKeys } from '../redis/keys.js';
import type { Keys, Namespace } from '../redis/keys.js';
import type { Finding } from '../redis/requirements.js';
import { slotOf } from '../redis/slots.js';
import { count, duration, ok, warning } from './finding.js';
import type { Masters } from './masters.js';

const SUBJECT = 'subscribers';

/** As the alert has it. Less comes of outcomes being told right now. */
const BEHIND_MS = 60_000;

/** Whether the groups that listen to outcomes miss nothing, see docs/outcomes.md. Nothing where outcomes are not told. */
export async function checkSubscribers(masters: Masters, names: Namespace): Promise<Finding[]> {
  const groups = await readThem(masters, createKeys(names));
  const findings = groups.flatMap(judge);
  return groups.length > 0 && findings.length === 0
    ? [
        ok(
          SUBJECT,
          `${count(groups.length, 'group')} of subscribers, none far behind: no outcome was missed or set aside`,
        ),
      ]
    : findings;
}

/** As far as the masters of a Cluster can be reached: one that is down has a line of its own. */
async function readThem(masters: Masters, keys: Keys): Promise<GroupReading[]> {
  const [node] = masters.nodes;
  if (!masters.isCluster) {
    return node === undefined ? [] : await readGroups(node.redis, keys);
  }
  const clientOf = (key: string) => masters.masterOf(slotOf(key))?.redis;
  const holder = clientOf(keys.outcomeStreams);
  return holder === undefined ? [] : await readGroupsIn(await readAnnounced(holder, keys), clientOf, keys);
}

function judge({ name, gaps, lost, dead, lag, behindMs }: GroupReading): Finding[] {
  const missed = lost > 0 ? `${count(lost, 'update')} or more` : 'outcomes';
  return [
    ...(gaps === 0
      ? []
      : [
          warning(
            SUBJECT,
            `the group "${name}" has missed ${missed}, which were removed before it came to them: let workers keep more ` +
              `(TALLY_OUTCOMES_KEEP_UPDATES, TALLY_OUTCOMES_KEEP_MS), or let it run faster; see docs/outcomes.md`,
          ),
        ]),
    ...(behindMs <= BEHIND_MS
      ? []
      : [
          warning(
            SUBJECT,
            `the group "${name}" is ${duration(behindMs)} behind: ${count(lag, 'update')} told that it was not given; start its ` +
              'subscribers, or more of them',
          ),
        ]),
    ...(dead === 0
      ? []
      : [warning(SUBJECT, `the group "${name}" has set ${count(dead, 'event')} aside: see docs/outcomes.md`)]),
  ];
}
