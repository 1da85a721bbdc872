import { nemesesOf } from './nemeses/index.js';
import type { Nemesis } from './nemeses/index.js';
import type { PartitionCount } from '../../src/layout/layout.js';
import { createRandom } from './random.js';
import type { Random } from './random.js';
import type { Topology } from './world.js';

/** What a run is on: the epochs on a Cluster have replicas in turn. */
export type RunTopology = 'server' | 'cluster';

/** One fault to come. */
export interface Fault {
  /** Since the begin of its epoch. */
  readonly atMs: number;
  readonly nemesis: Nemesis;
  /** For what the fault draws itself: whom it hits, and how long. */
  readonly seed: number;
}

/** A part of a run that begins with an empty Redis and ends with everything checked. */
export interface EpochPlan {
  readonly number: number;
  readonly topology: Topology;
  readonly faults: readonly Fault[];
  readonly faultsLastMs: number;
  readonly producerSeeds: readonly [number, number];
  /** Into how many partitions each producer splits queues. */
  readonly partitions: readonly [PartitionCount, PartitionCount];
  /** Where the append-only file is cut at its end, as a part of what the faults added; undefined for no cut. */
  readonly aofCutPart?: number;
}

const EPOCH_FAULTS_MS = 25_000;

/** What an epoch takes beside its faults: start, drain, cut and checks. */
const EPOCH_REST_MS = 10_000;

/** Some find nothing to hit, so that 7 to 9 happen. */
const FAULTS_PER_SECOND = 12;

/** Draws what happens in a run. The same seed always draws the same; a longer run only goes on from there. */
export function drawSchedule(seed: number, seconds: number, on: RunTopology = 'server'): EpochPlan[] {
  const random = createRandom(seed);
  const epochs = Math.max(1, Math.round((seconds * 1_000) / (EPOCH_FAULTS_MS + EPOCH_REST_MS)));
  const faultsLastMs = Math.min(EPOCH_FAULTS_MS, seconds * 1_000);
  return Array.from({ length: epochs }, (_, number) => {
    const epoch = createRandom(random.seed());
    const topology = on === 'server' ? on : number % 2 === 0 ? 'cluster' : 'cluster-with-replicas';
    return {
      number: number + 1,
      topology,
      faultsLastMs,
      producerSeeds: [epoch.seed(), epoch.seed()],
      partitions: on === 'server' ? drawPartitions(epoch) : drawClusterPartitions(epoch),
      ...(on === 'server' && number % 2 === 1 && { aofCutPart: epoch.int(300, 999) / 1_000 }),
      faults: drawFaults(epoch.seed(), faultsLastMs, nemesesOf(topology)),
    };
  });
}

/** One epoch in three splits queues; not always all producers do, as when a deployment is under way. */
function drawPartitions(random: Random): EpochPlan['partitions'] {
  if (!random.chance(33)) {
    return [undefined, undefined];
  }
  const count = random.int(2, 4);
  return random.pick<EpochPlan['partitions']>([
    [count, count],
    [count, undefined],
    [undefined, count],
  ]);
}

/** There they always are: one for each master, by one producer in three also another number. */
function drawClusterPartitions(random: Random): EpochPlan['partitions'] {
  return random.chance(33) ? [3, 4] : [3, 3];
}

/** Each nemesis comes once in random order, then as their weights say. */
function drawFaults(seed: number, lastMs: number, nemeses: readonly Nemesis[]): Fault[] {
  const random = createRandom(seed);
  const firstOfEach = random.shuffle(nemeses);
  const faults: Fault[] = [];
  const gapMs = Math.round(1_000 / FAULTS_PER_SECOND);
  for (let atMs = 0; atMs < lastMs; atMs += random.int(1, 2 * gapMs)) {
    faults.push({ atMs, nemesis: firstOfEach.pop() ?? random.weighted(nemeses), seed: random.seed() });
  }
  return faults;
}
