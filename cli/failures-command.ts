import type { Command } from 'commander';
import type { ChangeFailuresFlags, ListFailuresFlags } from './failures.js';

/** Adds which failed updates are meant. */
function withFilter(command: Command): Command {
  return command
    .option('--reason <code>', 'that failed for this reason, for example WRONG_TYPE')
    .option('--operation <name>', 'of this operation; * stands for any text')
    .option('--key <pattern>', 'that change this key; * stands for any text')
    .option('--group <id>', 'of the group that has this id in `tally failures list --json`')
    .option('--json', 'print JSON');
}

/** Adds `list`, `retry` and `remove` to `tally failures`. */
export function withFailuresCommands(failures: Command): void {
  failures.description('failed updates: which there are, and what to do with them');
  withFilter(failures.command('list'))
    .description('print failed updates, grouped by reason, operation and the shape of their keys')
    .option('--limit <updates>', 'also print so many of the latest, one by one, up to 1000')
    .action(async (flags: ListFailuresFlags) => (await import('./failures.js')).listFailures(flags));
  withFilter(failures.command('retry'))
    .description('have failed updates tried again, all or those that are meant; each takes effect once at most')
    .option('--dry-run', 'only count')
    .action(async (flags: ChangeFailuresFlags) => (await import('./failures.js')).retryFailed(flags));
  withFilter(failures.command('remove'))
    .description('remove failed updates, all or those that are meant: they are never applied')
    .option('--dry-run', 'only count')
    .option('--confirm <updates>', 'how many updates these are, as --dry-run counts them')
    .action(async (flags: ChangeFailuresFlags) => (await import('./failures.js')).removeFailed(flags));
}
