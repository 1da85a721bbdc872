import { boardName } from '../../dashboard/board/board-name.js';
import { startDashboard } from './dashboard.js';
import type { Place } from './tally.js';

/** A job as the board's API answers it. */
interface ShownJob {
  id: string;
  name: string;
  data: Record<string, unknown>;
  returnValue: unknown;
  progress: number;
  failedReason?: string;
  isFailed: boolean;
  stacktrace: string[];
  attempts: number;
}

export interface ShownQueue {
  name: string;
  displayName: string;
  description: string;
  allowRetries: boolean;
  allowCompletedRetries: boolean;
  readOnlyMode: boolean;
  counts: Record<string, number>;
  jobs: ShownJob[];
}

interface Board {
  readonly request: (path: string, init?: RequestInit) => Promise<Response>;
  readonly queues: (activeQueue?: string) => Promise<ShownQueue[]>;
  readonly job: (queue: string, id: string) => Promise<{ job: ShownJob; status: string }>;
}

/** A running dashboard, closed at the end of the test. */
export async function board(here: Place): Promise<Board> {
  const { request } = await startDashboard(here);
  const read = async (path: string) => (await request(`/ops/queues/api${path}`)).json();
  return {
    request,
    queues: async (activeQueue = '') =>
      (
        (await read(`/queues?activeQueue=${boardPath(here, activeQueue)}&jobsPerPage=10&page=1`)) as {
          queues: ShownQueue[];
        }
      ).queues,
    job: async (queue, id) =>
      (await read(`/queues/${boardPath(here, queue)}/${id}`)) as { job: ShownJob; status: string },
  };
}

/** The board's name of a queue, where the cells of the test have their jobs, as part of a path. */
export function boardPath(here: Place, queue: string): string {
  return encodeURIComponent(boardName(queue, here.partition));
}
