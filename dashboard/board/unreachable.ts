import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { Queue } from 'bullmq';
import type { BoardHooks } from '@bull-board/api/typings/app';
import { MasterUnreachableError } from '../master-unreachable.js';
import { Router } from 'express';

/** Ends its title on the board. */
const NOT_KNOWN = ': not known';

/** How the board calls a queue. */
export interface NamedInWords {
  readonly boardName: string;
  readonly displayName: string;
  readonly description: string;
}

/**
 * A queue as the board shows it while its master does not answer: without numbers and buttons, and outside of the group of
 * its partitions, whose sums don't hold it: see `groupUnreachable`. Whatever is asked of it is refused before it comes here, see `refuseUnreachable`.
 */
export class UnreachableQueue extends BullMQAdapter {
  constructor(
    queue: Queue,
    private readonly shown: NamedInWords,
    readonly fault: string,
  ) {
    const { displayName, description } = shown;
    super(queue, {
      displayName: displayName + NOT_KNOWN,
      description: `${fault}, and nothing is known of this queue until it does. ${description}`,
      readOnlyMode: true,
    });
  }

  override getName(): string {
    return this.shown.boardName;
  }

  override getStatuses(): ReturnType<BullMQAdapter['getStatuses']> {
    return [];
  }

  override getJobStatuses(): ReturnType<BullMQAdapter['getJobStatuses']> {
    return [];
  }

  override getJobCounts(): ReturnType<BullMQAdapter['getJobCounts']> {
    return Promise.resolve({});
  }

  override getJobs(): ReturnType<BullMQAdapter['getJobs']> {
    return Promise.resolve([]);
  }

  override getWorkers(): Promise<null> {
    return Promise.resolve(null);
  }

  override isPaused(): Promise<boolean> {
    return Promise.resolve(false);
  }

  override getGlobalConcurrency(): Promise<null> {
    return Promise.resolve(null);
  }

  override getActiveRateLimitTtl(): Promise<number> {
    return Promise.resolve(0);
  }

  override getJobSchedulersCount(): Promise<number> {
    return Promise.resolve(0);
  }
}

/** Ends the name of the group; neither a fault nor the name of a queue holds one. */
const DELIMITER = ' | ';

/** The board takes numbers that it does not get for 0, and says of an unknown list that it is empty: these are hidden. */
export const UNREACHABLE_STYLE = `
section:has(> div > [aria-controls^="overview-group-Redis_master_"]) :is([class^="stats-"], [class^="groupMeta-"]),
body:has(h1[title$="${NOT_KNOWN}"]) section > p { display: none }
`;

/** What the board answers when it is asked for its queues, as far as it matters here. */
interface ListOfQueues {
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
function groupUnreachable(
  { queues }: ListOfQueues,
  adapters: ReadonlyMap<string, unknown>,
  open: string,
): ListOfQueues {
  const grouped = queues.map((listed) => {
    const queue = adapters.get(listed.name);
    if (!(queue instanceof UnreachableQueue)) {
      return { isUnreachable: false, listed };
    }
    const name = listed.name === open ? open : `${queue.fault}${DELIMITER}${listed.name}`;
    return { isUnreachable: true, listed: { ...listed, name, delimiter: DELIMITER } };
  });
  const those = (wanted: boolean) =>
    grouped.filter(({ isUnreachable }) => isUnreachable === wanted).map(({ listed }) => listed);
  return { queues: [...those(true), ...those(false)] };
}

/** The board's own name of a queue, also when a page calls it by the name that it has in the group. */
function nameOutOfGroup(name: string): string {
  return name.split(DELIMITER).at(-1) ?? name;
}

/**
 * Changes what the board answers about all of its queues while masters of some don't answer.
 *
 * @throws MasterUnreachableError after an action that was meant for all queues: those that answer have it behind them
 */
export const answerWhileUnreachable: NonNullable<BoardHooks['after']> = ({ route, request }, result) => {
  const unreachable = [...request.queues.values()].flatMap((queue) => (queue instanceof UnreachableQueue ? queue : []));
  if (unreachable.length === 0) {
    return result;
  }
  switch (route) {
    case '/api/queues': {
      const open = decodeURIComponent(String(request.query['activeQueue'] ?? ''));
      return { ...result, body: groupUnreachable(result.body as unknown as ListOfQueues, request.queues, open) };
    }
    case '/api/queues/pause':
    case '/api/queues/resume': {
      const faults = new Set(unreachable.map(({ fault }) => fault));
      throw new MasterUnreachableError(`done, but not for ${unreachable.length} queues: ${[...faults].join('; ')}`);
    }
    default:
      return result;
  }
};

/** Asked of all queues at once: an answer without some of them would look like one of all. */
const OF_ALL = ['/api/redis/stats', '/api/job-schedulers'];

/** A queue on the board, and what is wrong with its master; undefined when it answers. */
interface Reachable {
  readonly boardName: string;
  readonly fault: string | undefined;
}

/** Refuses what the board is asked about queues whose master does not answer, but for their list. */
export function refuseUnreachable(shown: () => readonly Reachable[]): Router {
  const router = Router({ caseSensitive: true });
  router.use('/api/queues/:queueName', (request, _response, next) => {
    const queueName = nameOutOfGroup(request.params.queueName);
    requireThere(shown().filter(({ boardName }) => boardName === queueName));
    next();
  });
  router.use(OF_ALL, (_request, _response, next) => {
    requireThere(shown());
    next();
  });
  return router;
}

function requireThere(queues: readonly Reachable[]): void {
  for (const { boardName, fault } of queues) {
    if (fault !== undefined) {
      throw MasterUnreachableError.of(boardName, fault);
    }
  }
}
