/** The id of the update at `index` of a job; that of a job which a batch put back is the update's own. */
export function updateId(jobId: string, index: number): string {
  const { head, tailAt } = halvesOfIds(jobId);
  return `${head}${tailAt(index)}`;
}

/** The ids of all updates of a job, in halves: one that is the same for all, and one by the index. */
export function halvesOfIds(jobId: string): { head: string; tailAt: (index: number) => number | '' } {
  return isRequeued(jobId) ? { head: jobId, tailAt: () => '' } : { head: `${jobId}.`, tailAt: (index) => index };
}

/** The words where no update has an id: histories and the board name jobs. */
export function noUpdate(id: string): string {
  const hint = isRequeued(id) ? '' : `; if it is that of a job, its updates are ${id}.0 and on`;
  return `no update has the id ${id}${hint}`;
}

/** The job and the place in it that an update id names; undefined when it is none. */
export function parseUpdateId(id: string): { jobId: string; index: number } | undefined {
  const match = /^([0-9a-f-]{36})\.(\d{1,5})$/.exec(id);
  return match?.[1] === undefined ? undefined : { jobId: match[1], index: Number(match[2]) };
}

/**
 * The job that carries on one update of a batch which was not applied: its id is the update's id.
 *
 * @param addedAtMs BullMQ's time of a batch that somebody else added, whose id may come again
 */
export function requeuedJobId(batchId: string, index: number, addedAtMs?: number): string {
  return updateId(addedAtMs === undefined ? batchId : `${batchId}-${addedAtMs}`, index);
}

/** Also true of an id that somebody else has given this form. */
export function isRequeued(jobId: string): boolean {
  return /.\.\d{1,5}$/.test(jobId);
}
