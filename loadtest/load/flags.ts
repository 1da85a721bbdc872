import type { Command } from 'commander';

/** The flags of `tally load`, as they were typed. */
export interface LoadFlags {
  readonly target?: string;
  readonly url?: string;
  readonly allowRemote?: true;
  readonly self?: true;
  readonly rate?: string;
  readonly concurrency?: string;
  readonly ramp?: true;
  readonly search?: true;
  readonly p99?: string;
  readonly duration?: string;
  readonly drain?: string;
  readonly updates?: string;
  readonly mix?: string;
  readonly operation?: string;
  readonly params?: string;
  readonly keys?: string;
  readonly skew?: string;
  readonly idempotent?: string;
  readonly batch?: string;
  readonly seed?: string;
  readonly nemesis?: string;
  readonly compare?: string;
  readonly json?: string;
  readonly report?: string;
}

/** Gives a command the flags of a load. Here, since the help shows them before anything of the load is needed. */
export function withLoadFlags(command: Command): Command {
  return command
    .description('put a load on Tally and compare all totals with what was acknowledged')
    .argument(
      '[scenario]',
      'flash-sale, blog-spike, tournament, redelivery, checkout or slow-worker; without one, the flags say all',
    )
    .option('--target <kind>', 'queue (the library) or http', 'queue')
    .option('--url <origin>', 'where the API is, with --target http (default: http:// HOST : PORT)')
    .option('--allow-remote', 'allow a Redis or an API on another machine')
    .option('--self', 'start a Redis, two workers and an API for the load alone')
    .option('--rate <n>', 'open loop: updates a second, whatever the answers do (default: 1000)')
    .option('--concurrency <n>', 'closed loop: callers that each wait for their outcome')
    .option('--ramp', 'grow from nothing to all of the load in the first half of the time')
    .option('--search', 'find the highest rate that holds --p99, in steps of --duration')
    .option('--p99 <time>', 'the limit of the search, from due to outcome (default: 50ms)')
    .option('--duration <time>', 'how long to submit: 500ms, 30s, 5m (default: 20s; 5s with --search)')
    .option('--drain <time>', 'how long to wait for the outcomes after that', '60s')
    .option('--updates <n>', 'updates at most (default: 1000000; 10000000 with --search)')
    .option('--mix <shares>', 'kinds of updates (default: counter=60,inventory=20,xp=10,scores=10)')
    .option('--operation <name>', 'in place of the mix: one of your own, with --operations')
    .option('--params <json>', 'its params, in which {n} is the number of a key: {"key":"energy:{n}","amount":1}')
    .option('--keys <n>', 'different keys of each kind (default: 1000)')
    .option('--skew <n>', 'exponent of the Zipf distribution of keys: 0 all alike, 1 a few hot ones (default: 0.8)')
    .option('--idempotent <percent>', 'share of updates with an idempotency key (default: 10%)')
    .option('--batch <n>', 'updates in one call or request (default: 1)')
    .option('--seed <n>', 'for the same updates in the same order (default: drawn)')
    .option('--nemesis <names>', 'with --self: kill-worker, pause-worker, flush-scripts, in turn')
    .option('--compare <side>', 'plain-bullmq: then the same load on a plain BullMQ queue and worker')
    .option('--json <file>', 'write all that was found as JSON')
    .option('--report <file>', 'write a page about it, one HTML file');
}
