import type { State } from './state.js';

/** A step that may be taken in a state. */
export interface Step {
  readonly text: string;
  readonly next: State;
  /** What those concerned do by themselves; what goes wrong, or somebody does; or that a tick passes. */
  readonly kind: 'progress' | 'event' | 'tick';
}

export function progress(text: string, next: State): Step {
  return { text, next, kind: 'progress' };
}

export function event(text: string, next: State): Step {
  return { text, next, kind: 'event' };
}
