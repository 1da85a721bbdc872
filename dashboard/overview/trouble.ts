/** One thing that is wrong, and the part of the runbook that says what to do. */
export interface Trouble {
  readonly level: 'error' | 'warning';
  readonly words: string;
  /** The heading in docs/runbook.md; undefined where the words say it all. */
  readonly runbook?: string;
}

export function trouble(level: Trouble['level'], words: string, runbook: string): Trouble {
  return { level, words, runbook };
}
