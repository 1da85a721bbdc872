import { Option } from 'commander';
import type { Command } from 'commander';
import type { Operation } from '../src/operations/operation.js';

/** What a command does without the user's own operations: API keys and users know none. */
const WITHOUT = ['keys', 'users', 'init'];

const [FLAG, OTHER_FLAG] = ['--operations', '--operations-module'].map((name) =>
  new Option(`${name} <module>`, 'a file or package that exports operations of your own').env('TALLY_OPERATIONS'),
) as [Option, Option];

let loaded: readonly Operation[] = [];

/** The user's own operations: what `--operations` or `TALLY_OPERATIONS` names. */
export function ownOperations(): readonly Operation[] {
  return loaded;
}

/** Gives every command of a program the flag, and imports what it names before the command runs. */
export function withOperations(program: Command): void {
  program.commands.filter((command) => !WITHOUT.includes(command.name())).forEach(giveFlag);
  program.hook('preAction', async (_program, command) => {
    const { operations, operationsModule } = command.opts<{ operations?: string; operationsModule?: string }>();
    const name = command.options.includes(FLAG) ? operations : operationsModule;
    if (name) {
      const { importOperations } = await import('../src/operations/import-operations.js');
      loaded = await importOperations(name);
    }
  });
}

function giveFlag(command: Command): void {
  if (command.commands.length === 0) {
    // `tally webhooks add --operations` says which ones are told.
    const isTaken = command.options.some(({ long }) => long === FLAG.long);
    command.addOption(isTaken ? OTHER_FLAG : FLAG);
  }
  command.commands.forEach(giveFlag);
}
