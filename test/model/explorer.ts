import { encode } from './encode.js';
import { brokenAtTheEnd, brokenInvariant } from './invariants.js';
import type { Invariant } from './invariants.js';
import { stepsOf } from './machine.js';
import type { World } from './scenario.js';
import { initialState } from './state.js';
import type { State } from './state.js';
import type { Step } from './step.js';
import { CLOCK_STEP } from './times.js';

export interface Exploration {
  readonly states: number;
  /** Steps of the longest of the shortest paths to a state. */
  readonly depth: number;
  /** Whether all states that can be reached were; else the exploration ended at its limit. */
  readonly isComplete: boolean;
  readonly counterexample: Counterexample | undefined;
}

/** The shortest path to a state that breaks an invariant. */
export interface Counterexample {
  readonly invariant: Invariant;
  readonly steps: readonly string[];
}

interface Visited {
  readonly state: State;
  readonly text: string;
  readonly from: Visited | undefined;
}

const MAX_STATES = 400_000;

/** Takes all steps in all states, breadth first, until none is new or one breaks an invariant. */
export function explore(world: World, { maxStates = MAX_STATES } = {}): Exploration {
  const start: Visited = { state: initialState(world.scenario), text: '', from: undefined };
  const seen = new Set([encode(start.state, world)]);
  let frontier = [start];
  let depth = 0;
  for (; frontier.length > 0 && seen.size < maxStates; depth += 1) {
    const next: Visited[] = [];
    for (const visited of frontier) {
      const steps = stepsOf(visited.state, world);
      const end = world.scenario.endsWell === true && isEnd(visited.state, steps, world);
      const invariant = end ? brokenAtTheEnd(visited.state, world) : undefined;
      if (invariant !== undefined) {
        return { states: seen.size, depth, isComplete: false, counterexample: { invariant, steps: pathTo(visited) } };
      }
      for (const { text, next: state } of steps) {
        const code = encode(state, world);
        const reached = { state, text, from: visited };
        const broken = brokenInvariant(visited.state, state, world);
        if (broken !== undefined) {
          const counterexample = { invariant: broken, steps: pathTo(reached) };
          return { states: seen.size, depth: depth + 1, isComplete: false, counterexample };
        }
        if (!seen.has(code)) {
          seen.add(code);
          next.push(reached);
        }
      }
    }
    frontier = next;
  }
  return { states: seen.size, depth, isComplete: frontier.length === 0, counterexample: undefined };
}

/** Whether nobody has anything to do, now or later. */
function isEnd(state: State, steps: readonly Step[], world: World): boolean {
  let later = state;
  let possible = steps;
  for (let tick = 0; tick <= CLOCK_STEP; tick += 1) {
    if (possible.some(({ kind }) => kind === 'progress')) {
      return false;
    }
    later = possible.find(({ kind }) => kind === 'tick')?.next ?? later;
    possible = stepsOf(later, world);
  }
  return true;
}

/** The steps to a state, each with Redis' time. */
function pathTo(visited: Visited): string[] {
  const texts: string[] = [];
  for (let at: Visited | undefined = visited; at?.from !== undefined; at = at.from) {
    texts.unshift(at.text);
  }
  let time = 0;
  return texts.flatMap((text) => {
    if (text === 'a tick passes') {
      time += 1;
      return [];
    }
    time += text.endsWith('clock steps forward') ? CLOCK_STEP : text.endsWith('clock steps back') ? -CLOCK_STEP : 0;
    return [`${String(time).padStart(2)}  ${text}`];
  });
}
