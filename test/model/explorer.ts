import { encode } from './encode.js';
import { brokenAtTheEnd, brokenByState, brokenByStep } from './invariants.js';
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
interface Counterexample {
  readonly invariant: Invariant;
  readonly steps: readonly string[];
}

interface Visited {
  readonly state: State;
  readonly path: Path | undefined;
}

/** Apart from the states, so that those can be forgotten once all their steps were taken. */
interface Path {
  readonly text: string;
  readonly from: Path | undefined;
}

/** Takes all steps in all states, breadth first, until none is new or one breaks an invariant. */
export function explore(world: World, { maxStates = Infinity } = {}): Exploration {
  const start: Visited = { state: initialState(world.scenario), path: undefined };
  const seen = new Set([encode(start.state, world)]);
  let frontier = [start];
  let depth = 0;
  for (; frontier.length > 0 && seen.size < maxStates; depth += 1) {
    const reached: Visited[] = [];
    for (const visited of frontier) {
      const counterexample = visit(visited, { world, seen, reached });
      if (counterexample !== undefined) {
        return { states: seen.size, depth, isComplete: false, counterexample };
      }
    }
    frontier = reached;
  }
  return { states: seen.size, depth, isComplete: frontier.length === 0, counterexample: undefined };
}

/** Takes all steps from one state, and adds the new states that they lead to. */
function visit(
  visited: Visited,
  { world, seen, reached }: { world: World; seen: Set<string>; reached: Visited[] },
): Counterexample | undefined {
  const steps = stepsOf(visited.state, world);
  const mustBeGood = world.scenario.endsWell === true && isEnd(visited.state, steps, world);
  const badEnd = mustBeGood ? brokenAtTheEnd(visited.state, world) : undefined;
  if (badEnd !== undefined) {
    return { invariant: badEnd, steps: stepsOfPath(visited.path) };
  }
  for (const { text, next: state } of steps) {
    const code = encode(state, world);
    const isNew = !seen.has(code);
    const invariant = brokenByStep(visited.state, state, world) ?? (isNew ? brokenByState(state, world) : undefined);
    if (invariant !== undefined) {
      return { invariant, steps: stepsOfPath({ text, from: visited.path }) };
    }
    if (isNew) {
      seen.add(code);
      reached.push({ state, path: { text, from: visited.path } });
    }
  }
  return undefined;
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

/** The steps of a path, each with Redis' time. */
function stepsOfPath(path: Path | undefined): string[] {
  const texts: string[] = [];
  for (let at = path; at !== undefined; at = at.from) {
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
