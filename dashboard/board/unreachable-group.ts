import { AwayQueue, NOT_KNOWN } from './unreachable-queue.js';

/** Ends the name of the group; neither a fault nor the name of a queue holds one. */
const DELIMITER = ' | ';

/** The board takes numbers that it does not get for 0, and says of an unknown list that it is empty: these are hidden. */
export const AWAY_STYLE = `
section:has(> div > [aria-controls^="overview-group-Redis_master_"]) :is([class^="stats-"], [class^="groupMeta-"]),
body:has(h1[title$="${NOT_KNOWN}"]) section > p { display: none }
`;

/** What the board answers when it is asked for its queues, as far as it matters here. */
export interface ListOfQueues {
  readonly queues: readonly ListedQueue[];
}

interface ListedQueue {
  readonly name: string;
  readonly delimiter: string;
}

/**
 * Lists queues whose master does not answer first, in a group that says so.
 *
 * @param open the queue whose page asks: it keeps the name that the page knows
 */
export function groupAway(
  { queues }: ListOfQueues,
  adapters: ReadonlyMap<string, unknown>,
  open: string,
): ListOfQueues {
  const grouped = queues.map((listed) => {
    const queue = adapters.get(listed.name);
    if (!(queue instanceof AwayQueue)) {
      return { isAway: false, listed };
    }
    const name = listed.name === open ? open : `${queue.fault}${DELIMITER}${listed.name}`;
    return { isAway: true, listed: { ...listed, name, delimiter: DELIMITER } };
  });
  const those = (wanted: boolean) => grouped.filter(({ isAway }) => isAway === wanted).map(({ listed }) => listed);
  return { queues: [...those(true), ...those(false)] };
}

/** The board's own name of a queue, also when a page calls it by the name that it has in the group. */
export function nameOutOfGroup(name: string): string {
  return name.split(DELIMITER).at(-1) ?? name;
}
