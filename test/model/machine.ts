import type { World } from './scenario.js';
import type { State } from './state.js';
import { shifted } from './state.js';
import type { Step } from './step.js';
import { jobEventSteps, keeperSteps, worldSteps } from './steps/others.js';
import { producerSteps } from './steps/producer.js';
import { lateRequestSteps, workerSteps } from './steps/worker.js';

const WORKERS = [0, 1] as const;

/** All steps that may be taken in a state: what each of those concerned may do next, and what may happen to it. */
export function stepsOf(state: State, world: World): Step[] {
  const steps: Step[] = [];
  for (const job of [0, 1] as const) {
    steps.push(...producerSteps(state, job, world));
  }
  for (const job of [0, 1, 2, 3] as const) {
    steps.push(...keeperSteps(state, job, world), ...jobEventSteps(state, job, world));
  }
  for (const worker of WORKERS.slice(0, world.scenario.workers)) {
    steps.push(...workerSteps(state, worker, world));
  }
  steps.push(...lateRequestSteps(state, world), ...worldSteps(state, world));
  if (world.scenario.patient !== true || steps.every(({ kind }) => kind !== 'progress')) {
    steps.push({ text: 'a tick passes', next: shifted(state, 1), kind: 'tick' });
  }
  return steps;
}
