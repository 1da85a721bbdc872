import type { Command } from 'commander';
import type { FindFlags } from './find.js';
import type { GetFlags } from './get.js';
import type { HistoryFlags } from './history.js';
import type { SumFlags } from './sum.js';
import type { TopFlags } from './top.js';

/** Adds the commands that read values and outcomes. */
export function addReadingCommands(program: Command): void {
  program
    .command('get')
    .description('print the value of a key, or of several')
    .argument('<key...>')
    .option('--field <field>', 'of a hash')
    .option('--member <member>', 'of a sorted set')
    .option('--json', 'print JSON')
    .action(async (keys: string[], flags: GetFlags) => (await import('./get.js')).get(keys, flags));

  program
    .command('top')
    .description('print the first members of a sorted set, with rank and score; or where one member stands')
    .argument('<key>')
    .option('--limit <members>', 'how many to print, 1 to 1000 (default: 10)')
    .option('--offset <members>', 'how many to leave out before the first')
    .option('--order <order>', 'who is first: desc, who has most, or asc, who has least (default: desc)')
    .option('--ranking <ranking>', 'equal scores share a rank, or with ordinal all are numbered through')
    .option('--member <member>', 'print where this one stands')
    .option('--around <members>', 'how many to print on each side of the member')
    .option('--bucket <bucket>', 'of updates with a bucket, that of this hour, day, week, month or year')
    .option('--time-zone <name>', 'that of the updates, for example Europe/Berlin (default: UTC)')
    .option('--at <time>', 'in the bucket, for example 2026-11-27T12:00:00Z, or ms since 1970 (default: now)')
    .option('--json', 'print JSON')
    .action(async (key: string, flags: TopFlags) => (await import('./top.js')).top(key, flags));

  program
    .command('sum')
    .description('print the buckets of a key from one day or time to another, and their sum; "-" where there is none')
    .argument('<key>', 'as in the updates, without the name of a bucket')
    .requiredOption('--bucket <bucket>', 'that of the updates: hour, day, week, month or year')
    .requiredOption(
      '--from <time>',
      'in the first bucket: 2026-11-01, a time as 2026-11-01T12:00:00Z, or ms since 1970',
    )
    .requiredOption('--to <time>', 'in the last bucket, 1000 at most')
    .option('--time-zone <name>', 'that of the updates, for example Europe/Berlin (default: UTC)')
    .option('--field <field>', 'of a hash')
    .option('--member <member>', 'of a sorted set')
    .option('--json', 'print JSON')
    .action(async (key: string, flags: SumFlags) => (await import('./sum.js')).sum(key, flags));

  program
    .command('history')
    .description(
      'print the last changes of a key, the latest first: when, operation, by how much, to what, and the job',
    )
    .argument('<key>')
    .option('--field <field>', 'of a hash')
    .option('--member <member>', 'of a sorted set')
    .option('--json', 'print JSON')
    .action(async (key: string, flags: HistoryFlags) => (await import('./history.js')).printHistory(key, flags));

  program
    .command('find')
    .description('print what became of an update, by its id or by its idempotency key; exit codes as of submit')
    .argument('[id]', 'as tally submit prints it')
    .option('--operation <name>', 'with --idempotency-key: that of the update, for example inventory.take')
    .option('--idempotency-key <key>', 'the update that was the first with it')
    .option('--owner <name>', 'whose idempotency key it is: over HTTP the owner of the API key')
    .option('--key <key>', 'in a Redis Cluster: the first key of the update, beside which its idempotency key is kept')
    .option('--json', 'print JSON')
    .action(async (id: string | undefined, flags: FindFlags) => (await import('./find.js')).find(id, flags));
}
