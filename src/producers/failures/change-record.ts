import type { Logger } from 'pino';

/** A job that was retried or removed. */
export interface ChangedJob {
  readonly queue: string;
  readonly jobId: string;
  readonly operation: string;
  readonly updates: number;
}

/** Is told of jobs that were changed; or, as Redis did not say what became of them, perhaps were. */
type TellChanged = (jobs: readonly ChangedJob[], isSure: boolean) => void;

/** Jobs that are changed together, and told of together: few enough for a line of the log. */
const AT_ONCE = 200;

/** A job that was retried or removed, on a line. */
export function changedLine({ queue, jobId, operation, updates }: ChangedJob): string {
  return `${queue} ${jobId} ${operation} ${updates}`;
}

/** What has been changed so far: told page by page, before anything else can fail, as nothing else tells of what was removed. */
export class ChangeRecord {
  readonly changed: ChangedJob[] = [];

  constructor(private readonly tell: TellChanged = () => undefined) {}

  /** Changes jobs, a page at a time. @param act says of each job of a page whether it is changed @returns those that are */
  async change<Job extends ChangedJob>(
    jobs: readonly Job[],
    act: (page: readonly Job[]) => Promise<boolean[]>,
  ): Promise<Job[]> {
    const changed: Job[] = [];
    for (let start = 0; start < jobs.length; start += AT_ONCE) {
      const page = jobs.slice(start, start + AT_ONCE);
      const done = await act(page).catch((error: unknown) => {
        this.tell(page, false);
        throw error;
      });
      const those = page.filter((_, index) => done[index]);
      changed.push(...those);
      this.changed.push(...those);
      this.tell(those, true);
    }
    return changed;
  }
}

/** Has the log tell of each job. @param by whom, and how */
export function loggedRecord(logger: Logger, change: 'retried' | 'removed', by: object): ChangeRecord {
  return new ChangeRecord((those, isSure) => {
    const jobs = those.map(changedLine);
    if (!isSure) {
      logger.warn({ ...by, change, jobs }, `${jobs.length} jobs that may have been ${change}`);
    } else if (jobs.length > 0) {
      logger.info({ ...by, change, jobs }, `${jobs.length} jobs ${change}`);
    }
  });
}
