import type { Gap } from './gap.js';

/** Told in place of events that the stream did not hold any more when they were to be told. */
export interface GapEvent {
  readonly specversion: '1.0';
  /** Of the place in the stream: the same whenever it is told. */
  readonly id: string;
  readonly source: string;
  readonly type: 'tally.gap';
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: Gap;
}

/** @param cursor the one from which on events are missing */
export function gapEvent(gap: Gap, namespace: string, cursor: string): GapEvent {
  return {
    specversion: '1.0',
    id: `gap:${cursor}`,
    source: `/tally/${namespace}`,
    type: 'tally.gap',
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data: gap,
  };
}
