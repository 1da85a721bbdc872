import type { Outcome } from '../../src/index.js';

/**
 * What a load found. `--json` writes it as it stands, `--report` makes a page of it. Moments are ISO texts; times of
 * a side count in ms from its own start.
 */
export interface LoadResult {
  readonly settings: LoadSettings;
  readonly machine: Machine;
  readonly tally: SideResult;
  /** With `--compare`: the same load on the other side, after Tally's. */
  readonly compared?: SideResult;
  /** Ctrl-C ended it early; the totals were judged all the same. */
  readonly interrupted: boolean;
  /** Whether Tally's totals are right: the exit code is 0. The compared side has no say. */
  readonly passed: boolean;
  /** With `--slo`: what Tally's side kept of it. When the totals are right and one was not kept, the exit code is 3. */
  readonly slo?: readonly SloResult[];
  /** With `--baseline`. */
  readonly baseline?: BaselineResult;
}

/** One limit of `--slo`. */
export interface SloResult {
  /** As it was typed: `p99<50ms`. */
  readonly text: string;
  /** In ms, per cent of the updates submitted, or updates a second. */
  readonly value: number;
  readonly held: boolean;
}

/** An earlier load beside this one. */
export interface BaselineResult {
  readonly startedAt: string;
  /** Names of settings that are not the same: then differences mean little. */
  readonly differentSettings: readonly string[];
  /** The same of machine, Node and Redis. */
  readonly otherMachine: boolean;
  /** Means over the seconds of submitting, without the warm-up. */
  readonly figures: readonly {
    readonly name: string;
    readonly unit: string;
    readonly before: number;
    readonly now: number;
    /** What chance makes of it: three standard errors of the difference. */
    readonly noise: number;
    readonly beyondNoise: boolean;
  }[];
}

/** What was asked for, with defaults filled in. */
export interface LoadSettings {
  /** The scenario's name; left out when the flags alone say what to do. */
  readonly scenario?: string;
  /** One sentence on what the scenario does. */
  readonly scenarioText?: string;
  readonly target: 'queue' | 'http';
  /** Where the updates went, without passwords: `redis://127.0.0.1:6379` or `http://127.0.0.1:3000`. */
  readonly targetUrl: string;
  readonly topology: Topology;
  /** Whether Redis, workers and API were the load's own, `--self`. */
  readonly self: boolean;
  readonly seed: number;
  /** Names the keys of this run: `load:<runId>:…`. */
  readonly runId: string;
  readonly loop: LoopSettings;
  /** How long updates are submitted, per side and without the drain. With a search: each step of it. */
  readonly durationMs: number;
  /** Updates at most; the load ends when they are submitted, or the time is over. */
  readonly updateLimit: number;
  /** Shares of the kinds of updates; they add up to 1. */
  readonly mix: Readonly<Record<Family, number>>;
  /** Different keys for each kind. */
  readonly keys: number;
  /** Exponent of the Zipf distribution by which keys are chosen; 0 chooses all alike. */
  readonly skew: number;
  /** Share of updates with an idempotency key, 0 to 1. */
  readonly idempotentShare: number;
  /** Times that each update is sent, with the same idempotency key. */
  readonly sendings: number;
  /** Updates submitted by one call or in one request. */
  readonly batch: number;
  readonly nemeses: readonly NemesisName[];
}

/** The Redis that was loaded, when the load began. */
export interface Topology {
  readonly mode: 'server' | 'sentinel' | 'cluster';
  /** `host:port` of the masters of a Cluster; of others none. */
  readonly masters: readonly string[];
  /** Replicas of all masters together. */
  readonly replicas: number;
  /** Into how many the configuration splits queues; left out where they are not split. */
  readonly partitions?: number;
}

/** Open: so many updates a second, whatever the answers do. Closed: so many callers, each waiting for its answer. */
export type LoopSettings =
  | { readonly kind: 'open'; readonly perSecond: number; readonly ramp: boolean }
  | { readonly kind: 'closed'; readonly callers: number; readonly ramp: boolean }
  | { readonly kind: 'search'; readonly p99LimitMs: number };

export type Family = 'counter' | 'inventory' | 'xp' | 'scores';

export type NemesisName = 'kill-worker' | 'pause-worker' | 'flush-scripts';

export interface Machine {
  readonly tally: string;
  readonly node: string;
  /** For example `Redis 7.0.15`. */
  readonly redis: string;
  readonly platform: string;
  readonly cores: number;
  /** As the system names it. */
  readonly cpu?: string;
  readonly memoryBytes?: number;
  /** Processes that wanted to run in the minute before the load, on average. */
  readonly loadAverage?: number;
  /** Of the Redis under load when it began. */
  readonly redisSettings?: {
    readonly appendOnly: boolean;
    /** Left out where the user may not ask for it. */
    readonly appendFsync?: string;
    readonly maxmemoryBytes: number;
    readonly usedMemoryBytes: number;
    readonly clients: number;
  };
}

/** One load on one side, from its first update to the judgement of its totals. */
export interface SideResult {
  readonly name: 'tally' | 'plain-bullmq';
  readonly startedAt: string;
  /** When the backlog was empty, or waiting for that was given up. */
  readonly endedAt: string;
  /** How long updates were submitted. */
  readonly submittingMs: number;
  /** How long it took from then until the last outcome. */
  readonly drainMs: number;
  readonly counts: Counts;
  /** At the beginning, of which no latency counts. */
  readonly warmUpMs?: number;
  /** Of an open loop: updates that left later than they were due, so that the load itself was late; their times count from when they were due. */
  readonly late?: { readonly afterMs: number; readonly updates: number };
  /** Updates with an outcome per second, from the first submit to the last outcome. */
  readonly perSecond: number;
  /** One a second, from the start to the end of the drain; the last may be of a part of a second. */
  readonly samples: readonly Sample[];
  readonly latency: {
    /** To the moment Redis had the update. Left out over HTTP, where one answer tells both. */
    readonly acknowledgement?: Latency;
    /** To the moment its outcome was known here. */
    readonly outcome: Latency;
  };
  /** Updates per job, in buckets that double: 1, 2, 3 to 4, 5 to 8, … */
  readonly batchSizes: readonly BatchBucket[];
  /** Sorted by operation, then status. */
  readonly outcomes: readonly OutcomeCount[];
  /** The most frequent first. */
  readonly errors: readonly ErrorCount[];
  /** In order of time. */
  readonly nemeses: readonly NemesisStrike[];
  readonly verdict: Verdict;
  /** With `--search`. */
  readonly search?: SearchResult;
}

/** Numbers of updates; each sending counts. */
export interface Counts {
  readonly submitted: number;
  /** Accepted for certain. */
  readonly acknowledged: number;
  /** Refused for certain: backpressure, a limit of requests, an invalid request. */
  readonly refused: number;
  /** Their answer was lost: accepted or not. */
  readonly unknown: number;
  /** Their outcome is known. */
  readonly completed: number;
}

/** A second of the load. */
export interface Sample {
  /** Its end, in ms from the start of the side. */
  readonly atMs: number;
  /** Submitted within it. */
  readonly submitted: number;
  /** Outcomes that became known within it. */
  readonly completed: number;
  /** Accepted updates without an outcome at its end. */
  readonly backlog: number;
  /** Updates on their way to Redis or the API at its end, without an answer. */
  readonly inFlight: number;
  /** Errors within it. */
  readonly errors: number;
  /** Of the outcomes that became known within it; left out when there were none. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

/** Reckoned from the moment an update was due (open loop) or submitted (closed loop). Zeros when `count` is 0. */
export interface Latency {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** For a chart: from 0 to 100 per cent, denser towards 100. */
  readonly curve: readonly { readonly percentile: number; readonly ms: number }[];
}

export interface BatchBucket {
  readonly from: number;
  readonly to: number;
  readonly jobs: number;
  readonly updates: number;
}

export interface OutcomeCount {
  /** For example `counter.increment`. */
  readonly operation: string;
  readonly status: Outcome['status'];
  /** Its code, for example `INSUFFICIENT_STOCK`; left out when applied. */
  readonly reason?: string;
  /** All of them, repeats included. */
  readonly count: number;
  /** Those that were answered as repeats of an idempotency key. */
  readonly duplicates: number;
}

export interface ErrorCount {
  readonly message: string;
  readonly count: number;
}

export interface NemesisStrike {
  readonly name: NemesisName;
  readonly startMs: number;
  /** When it was healed: the worker runs again. */
  readonly endMs: number;
  /** What was struck, in words: `worker 2, killed`. */
  readonly what: string;
}

/** What Redis holds after the drain, beside what it has to hold. */
export interface Verdict {
  /** Every cell holds what it should, no stock is negative, nothing waits any more, and no complaint. */
  readonly exact: boolean;
  /** Cells that were compared. */
  readonly cells: number;
  /** Cells that differ. */
  readonly differing: number;
  /** The largest differences first, 1,000 at most. */
  readonly differences: readonly Difference[];
  /** Sums over all cells, in units of the cells: points, pieces. */
  readonly lost: number;
  readonly doubled: number;
  /** Stocks below zero. */
  readonly negativeStocks: number;
  /** Updates that count as zero or one, as nobody told whether they were accepted or applied. */
  readonly uncertain: number;
  /** Accepted updates that had no outcome when waiting for the drain was given up. */
  readonly undrained: number;
  /** What else is wrong, a sentence each: `1,003 of 1,000 units were sold`. */
  readonly complaints: readonly string[];
}

export interface Difference {
  /** The cell in words, for example `"load:1f3a…:counter:17"` or `"load:1f3a…:leaderboard" member "player:3"`. */
  readonly cell: string;
  readonly family: Family;
  readonly kind: 'lost' | 'doubled' | 'negative-stock';
  /** The same when nothing is uncertain. */
  readonly expectedLow: number;
  readonly expectedHigh: number;
  /** Null when the cell does not exist; a text when it holds no number. */
  readonly found: number | string | null;
  /** By how much it is out of the expected. */
  readonly amount: number;
}

/** The highest rate that held the limit. */
export interface SearchResult {
  readonly p99LimitMs: number;
  /** 0 when not even the lowest rate held it. */
  readonly highestPerSecond: number;
  /** In the order in which they ran. */
  readonly steps: readonly SearchStep[];
}

export interface SearchStep {
  /** Asked for. */
  readonly perSecond: number;
  /** What was submitted and completed. */
  readonly achievedPerSecond: number;
  readonly p99Ms: number;
  readonly held: boolean;
}
