import type { Command } from 'commander';
import type { CheckFlags } from './inventory.js';
import type { ReservationsFlags } from './reservations.js';

/** Adds `check` and `reservations` to `tally inventory`. */
export function withInventoryCommands(inventory: Command): void {
  inventory.description('stock that is held by reservations');
  inventory
    .command('check')
    .description('compare what is held of each stock with its open reservations')
    .option('--mend', 'make it right, and give back what is over')
    .option('--json', 'print JSON, a line for each stock that is not right')
    .action(async (flags: CheckFlags) => (await import('./inventory.js')).checkInventory(flags));
  inventory
    .command('reservations')
    .description('print what is held of a stock, and by which open reservations, those that end first in front')
    .argument('<key>', 'of the stock')
    .option('--field <field>', 'of a hash')
    .option('--member <member>', 'of a sorted set')
    .option('--limit <reservations>', 'how many to print, 1 to 1000 (default: 100)')
    .option('--offset <reservations>', 'how many to leave out before the first')
    .option('--json', 'print JSON')
    .action(async (key: string, flags: ReservationsFlags) =>
      (await import('./reservations.js')).printReservations(key, flags),
    );
}
