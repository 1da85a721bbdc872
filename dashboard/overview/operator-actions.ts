import type { AuditEntry } from '../audit/entry.js';
import { queueOfBoardName } from '../board/board-name.js';
import { durationWords } from '../words.js';

/** What an operator can do in the dashboard that keeps jobs from being taken. */
export type Hindrance = 'paused' | 'limited' | 'quiet';

interface Change {
  readonly hindrance: Hindrance;
  /** Whether it begins or ends. */
  readonly begins: boolean;
  /** A queue or one partition of it, by its name on the board; undefined for all, and for workers. */
  readonly queue?: string | undefined;
  /** Of several that a queue can have, or of several workers. */
  readonly which?: string | undefined;
}

/** Who has paused and limited queues and told workers to rest, and when: as far as the audit remembers. */
export class OperatorActions {
  /** @param trail the latest first */
  constructor(
    private readonly trail: readonly AuditEntry[],
    private readonly nowMs: number,
  ) {}

  /**
   * Who brought it about that is so now, in words to stand behind it: ` (by ann, 3 h ago)`.
   *
   * @param queues which it is about; undefined for workers, whatever they serve
   * @returns nothing when it was not done in a dashboard, or so long ago that the audit has forgotten it
   */
  byWhom(hindrance: Hindrance, queues?: readonly string[]): string {
    const ended = new Set<string>();
    for (const { who = 'someone', at, ...entry } of this.trail) {
      const change = entry.result === 'done' ? changeOf(entry) : undefined;
      if (change?.hindrance !== hindrance) {
        continue;
      }
      const { queue, which = '', begins } = change;
      const meant = queue !== undefined ? [queue] : (queues ?? ['']);
      const still = meant.filter(
        (it) => !ended.has(`${it} ${which}`) && !ended.has(`${queueOfBoardName(it)} ${which}`),
      );
      const isAsked = queues === undefined || meant.some((it) => queues.includes(queueOfBoardName(it)));
      if (begins && isAsked && still.length > 0) {
        return ` (by ${who}, ${durationWords(Math.max(0, this.nowMs - Date.parse(at)))} ago)`;
      }
      for (const it of begins ? [] : meant) {
        ended.add(`${it} ${which}`);
      }
    }
    return '';
  }
}

function changeOf({ action, queue, detail = '' }: Omit<AuditEntry, 'at' | 'who'>): Change | undefined {
  const [order, worker] = detail.split(' ');
  switch (action) {
    case 'pause':
    case 'resume':
    case 'pause all queues':
    case 'resume all queues':
      return { hindrance: 'paused', queue, begins: action.startsWith('pause') };
    case 'rate-limit':
    case 'concurrency':
      return { hindrance: 'limited', queue, which: action, begins: detail !== 'no limit' };
    case 'tell a worker':
      return { hindrance: 'quiet', which: worker, begins: order === 'quiet' };
    default:
      return undefined;
  }
}
