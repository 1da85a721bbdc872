import type { Cell } from '../../src/index.js';
import type { CrashPoint } from '../support/crash-points.js';

/** What a worker does when it reaches a point. */
export interface Deed {
  readonly at: CrashPoint;
  readonly deed: 'die' | 'block' | 'freeze';
  /** Only with a batch of which no update could be applied, so that all were put back. */
  readonly allPutBack?: boolean;
  /** How long to block the event loop. */
  readonly ms?: number;
}

/** What the supervisor tells a worker. */
export type WorkerOrder =
  | { readonly order: 'arm'; readonly deed: Deed }
  | { readonly order: 'disarm' }
  | { readonly order: 'clock'; readonly offsetMs: number };

/** What the supervisor tells a producer. Where it draws, it draws from the seed given. */
export type ProducerOrder =
  | { readonly order: 'same-key-twice'; readonly seed: number }
  | { readonly order: 'other-payload'; readonly seed: number }
  | { readonly order: 'shared-update'; readonly seed: number; readonly number: number }
  /** Some updates of one cell: each in a job of its own, or together. */
  | {
      readonly order: 'one-cell';
      readonly seed: number;
      readonly cell: Cell;
      readonly sent: 'alone' | 'together';
    }
  | { readonly order: 'die-after-submit' }
  | { readonly order: 'clock'; readonly offsetMs: number }
  | { readonly order: 'stop' };

/** What a child tells the supervisor. */
export type Report =
  | { readonly report: 'ready' }
  /** A worker blocks or freezes now. */
  | { readonly report: 'reached' }
  /** A producer did what it was ordered; false when there was nothing to do it with. */
  | { readonly report: 'done'; readonly happened: boolean }
  /** A producer has an answer and an outcome for all that it could. */
  | { readonly report: 'stopped' };
