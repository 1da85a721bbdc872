import { distinctPartitions } from '../../src/jobs/used-partitions.js';
import { addressOf, ConnectedWorkers } from '../../src/metrics/connected-workers.js';
import { createRegistry } from '../../src/operations/registry.js';
import type { Finding } from '../../src/redis/requirements.js';
import { slotOf } from '../../src/redis/slots.js';
import { readPartitions } from './check-partitions.js';
import type { PartitionSettings } from './check-partitions.js';
import { ok, warning } from './finding.js';
import type { Masters } from './masters.js';

const SUBJECT = 'other programs';

/** Whether workers that are not Tally's are connected to its queues: what they take is not applied. */
export async function checkOthers(masters: Masters, settings: PartitionSettings): Promise<Finding[]> {
  const partitions = distinctPartitions(await readPartitions(masters, settings));
  const nodes = masters.nodes.map(({ redis }) => redis);
  const workers = await ConnectedWorkers.read({ masterOf: (slot) => masters.masterOf(slot)?.redis }, nodes);
  const found = partitions.flatMap((partition) =>
    createRegistry().queues.flatMap((queue) => {
      if (masters.masterOf(slotOf(partition.prefix)) === undefined) {
        return []; // its master is down, which has a line of its own
      }
      const from = workers.othersOf(queue, partition).map(addressOf);
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
