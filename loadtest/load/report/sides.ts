import type { LoadResult, SideResult } from '../result.js';

/** What a load found on one side, and how the report names and colours it. */
export interface Side {
  readonly title: string;
  /** Whether it is the side that Tally is compared with. */
  readonly compared: boolean;
  readonly found: SideResult;
}

/** Tally's side, and with `--compare` the other one after it. */
export function sidesOf({ tally, compared }: LoadResult): readonly Side[] {
  const sides = [tally, ...(compared === undefined ? [] : [compared])];
  return sides.map((found) => ({ title: titleOf(found), compared: found === compared, found }));
}

/** Names a figure of a side: just `completed` when there is one side only. */
export function namedBySide(sides: readonly Side[], { title }: Side, figure: string): string {
  return sides.length === 1 ? figure : `${title}: ${figure}`;
}

function titleOf({ name }: SideResult): string {
  switch (name) {
    case 'tally':
      return 'Tally';
    case 'plain-bullmq':
      return 'Plain BullMQ';
  }
}
