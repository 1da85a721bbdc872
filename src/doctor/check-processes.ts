import { readProcesses } from '../metrics/processes.js';
import { createKeys } from '../redis/keys.js';
import type { Namespace } from '../redis/keys.js';
import type { Finding } from '../redis/requirements.js';
import { toExactMs } from '../redis/server-time.js';
import { slotOf } from '../redis/slots.js';
import { count, ok, warning } from './finding.js';
import type { Masters } from './masters.js';

const SUBJECT = 'processes';

/** No harm to updates: Tally goes by Redis' time. But delays come late, and logs can't be compared. */
const OFF_MS = 1_000;

/** Which processes of Tally are connected, and how far their clocks are off. */
export async function checkProcesses(masters: Masters, names: Namespace): Promise<Finding[]> {
  const keys = createKeys(names);
  const redis = masters.masterOf(slotOf(keys.processes))?.redis;
  if (redis === undefined) {
    return [warning(SUBJECT, 'not known: the master that knows them is unreachable')];
  }
  const processes = await readProcesses(redis, keys, toExactMs(await redis.time()));
  const off = processes.filter(({ clockOffsetMs }) => Math.abs(clockOffsetMs) > OFF_MS);
  const versions = [...new Set(processes.map(({ version }) => version))];
  const worst = Math.max(0, ...processes.map(({ clockOffsetMs }) => Math.abs(clockOffsetMs)));
  const roles = [...new Set(processes.map(({ role }) => role))].sort();
  return [
    ...(roles.length > 0 && !roles.includes('worker')
      ? [warning(SUBJECT, 'no worker is connected: updates are accepted, and wait; start one with tally worker')]
      : []),
    ok(
      SUBJECT,
      processes.length === 0
        ? 'no worker, API or dashboard is connected'
        : `${roles.map((role) => `${processes.filter((it) => it.role === role).length} ${role}`).join(', ')}; clocks at most ${Math.round(worst)} ms off`,
    ),
    ...off.map(({ role, host, pid, clockOffsetMs }) =>
      warning(
        SUBJECT,
        `the clock of ${role} ${pid} on ${host} is ${count(Math.round(Math.abs(clockOffsetMs) / 1000), 'second')} ` +
          `${clockOffsetMs > 0 ? 'behind' : 'ahead of'} Redis: retries and delays come late or early; set it by NTP`,
      ),
    ),
    ...(versions.length > 1
      ? [warning(SUBJECT, `several versions of Tally run: ${versions.join(', ')}; see docs/upgrading.md`)]
      : []),
  ];
}
