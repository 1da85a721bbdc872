import { distinctPartitions } from '../layout/layouts.js';
import type { Layouts } from '../layout/layouts.js';
import { ConnectedWorkers } from '../metrics/connected-workers.js';
import { sourceOf } from '../redis/client-list.js';
import type { Finding } from '../redis/requirements.js';
import { ok, warning } from './finding.js';
import { allLayouts } from './layouts.js';
import type { Masters } from './masters.js';

const SUBJECT = 'other programs';

/** Whether workers that are not Tally's are connected to its queues: what they take is not applied. */
export async function checkForeignWorkers(
  masters: Masters,
  layouts: Layouts,
  queues: readonly string[],
): Promise<Finding[]> {
  const partitions = distinctPartitions(await allLayouts(layouts));
  const nodes = masters.nodes.map(({ redis }) => redis);
  const workers = await ConnectedWorkers.read({ masterOf: (slot) => masters.masterOf(slot)?.redis }, nodes);
  const found = partitions.flatMap((partition) =>
    queues.flatMap((queue) => {
      if (masters.masterOf(partition.slot) === undefined) {
        return []; // its master is down, which has a line of its own
      }
      const from = workers.othersOf(queue, partition).map(sourceOf);
      return from.length === 0 ? [] : [`${partition.prefix}:${queue} (from ${from.join(', ')})`];
    }),
  );
  return [
    found.length === 0
      ? ok(SUBJECT, 'no workers but those of Tally are connected to its queues')
      : warning(
          SUBJECT,
          `workers that are not Tally's are connected to ${found.join('; ')}: updates that they take are not applied, and end ` +
            'as unknown, FOREIGN_WORKER; give that program another prefix, or Tally (TALLY_PREFIX)',
        ),
  ];
}
