import type { Partition } from '../../src/layout/partitions.js';

/** Where the board stands, as the browser sees it. */
export const BOARD_PATH = '/ops/queues';

/** Ends the name of a group of queues on the board; no name of a queue holds one. */
export const GROUP_DELIMITER = ':';

/**
 * The name of a queue on the board, or of one partition of it: `counters-of-8:3`. The partitions of one number are a
 * group, which a queue of the plain name could not stand beside if the group had that name: the board would hide it.
 */
export function boardName(queue: string, partition: Partition): string {
  const place = placeOf(partition);
  return place === undefined ? queue : `${queue}-of-${place.count}${GROUP_DELIMITER}${place.number}`;
}

/** The queue of a name on the board. */
export function queueOfBoardName(name: string): string {
  return name.replace(/-of-\d+:\d+$/, '');
}

/** What the board says of a partition behind the title of its queue; nothing for a queue that is not split. */
export function partitionWords(partition: Partition): string {
  const place = placeOf(partition);
  return place === undefined ? '' : ` ${place.number} of ${place.count}`;
}

/** With zeros in front: the board sorts by letters. */
function placeOf({ name }: Partition): { number: string; count: string } | undefined {
  const [number = '', count = ''] = name?.split('-of-') ?? [];
  return name === undefined ? undefined : { number: number.padStart(count.length, '0'), count };
}
