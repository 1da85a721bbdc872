import type { Command } from 'commander';
import type { ChangeLettersFlags, ListLettersFlags } from './dead-letters.js';

/** `tally dead-letters`. What a command does is loaded when it is called. */
export function withDeadLettersCommands(letters: Command): void {
  letters.description('outcomes that a group of subscribers has set aside, since its handler failed again and again');

  letters
    .command('list')
    .description('print them, the latest first; without --group, of which group there are how many')
    .option('--group <name>', 'as the subscriber names it')
    .option('--limit <number>', 'how many at most, 1 to 1,000', '100')
    .option('--offset <number>', 'how many of the latest to pass over', '0')
    .option('--json', 'print JSON')
    .action(async (flags: ListLettersFlags) => (await import('./dead-letters.js')).listLetters(flags));

  letters
    .command('tell-again')
    .description('have a subscriber of the group told of them once more')
    .requiredOption('--group <name>', 'as the subscriber names it')
    .option('--id <event>', 'of this event only, as list prints it')
    .option('--all', 'of all')
    .option('--json', 'print JSON')
    .action(async (flags: ChangeLettersFlags) => (await import('./dead-letters.js')).tellLettersAgain(flags));

  letters
    .command('drop')
    .description('forget them: the group is never told of them again')
    .requiredOption('--group <name>', 'as the subscriber names it')
    .option('--id <event>', 'this event only, as list prints it')
    .option('--all', 'all')
    .option('--json', 'print JSON')
    .action(async (flags: ChangeLettersFlags) => (await import('./dead-letters.js')).dropLetters(flags));
}
