import type { Command } from 'commander';
import type { RelayFlags } from './relay.js';

/** `tally relay`. What it does is loaded when it is called. */
export function addRelayCommand(program: Command): void {
  program
    .command('relay')
    .description(
      'make updates of the rows that a service writes to a table of its own Postgres, each once, until it is stopped',
    )
    .option('--from <url>', 'of the database, postgres://user@host:5432/name (default: TALLY_RELAY_FROM)')
    .option('--table <name>', 'as SQL writes it, for example shop.outbox', 'outbox')
    .option('--create-table', 'only make the table, where it is missing, and its index')
    .option('--delete', 'remove rows whose updates are applied; the others are marked in any case')
    .option('--unordered', 'without order: updates of a key need not wait for the one before')
    .option(
      '--owner <name>',
      'whose idempotency keys the ids of the rows are (default: told from server, database and table)',
    )
    .option('--poll <ms>', 'how long to wait at most before looking for new rows, 10 to 60000', '200')
    .action(async (flags: RelayFlags) => (await import('./relay.js')).relay(flags));
}
