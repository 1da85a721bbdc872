/** The run of a schedule. */
export interface Run {
  /** For when it was. */
  readonly atMs: number;
  /** By the clock of the worker that began it last. */
  readonly begunAtMs: number;
}

/** The time of the run of a schedule whose job has this id. */
export function tickAt(jobId: string): number | undefined {
  const [, atMs] = /^repeat:.*:(\d+)$/.exec(jobId) ?? [];
  return atMs === undefined ? undefined : Number(atMs);
}

/**
 * While workers live, every run is made: the next one comes when it is due, unless the one before it began so late that more were due
 * by then. That each takes effect once is seen in its cell.
 */
export function* runsWereMade(runs: readonly Run[], everyMs: number): Generator<string> {
  const sorted = [...runs].sort((one, other) => one.atMs - other.atMs);
  for (const [place, { atMs, begunAtMs }] of sorted.entries()) {
    const next = sorted[place + 1];
    if (next === undefined) {
      continue;
    }
    const isLate = begunAtMs > atMs + everyMs;
    if (next.atMs !== atMs + everyMs && !isLate) {
      yield `the run of ${new Date(atMs + everyMs).toISOString()} was not made: the next is that of ${new Date(next.atMs).toISOString()}`;
    }
  }
}
