import { Option } from 'commander';
import type { Command } from 'commander';
import type { Operation } from '../src/operations/operation.js';

/** What a command does without the user's own operations: API keys and users know none. */
const WITHOUT = ['keys', 'users', 'init'];

const FLAG = new Option('--operations <module>', 'a file or package that exports operations of your own').env(
  'TALLY_OPERATIONS',
);

let loaded: readonly Operation[] = [];

/** The user's own operations: what `--operations` or `TALLY_OPERATIONS` names. */
export function ownOperations(): readonly Operation[] {
  return loaded;
}

/** Gives every command of a program the flag, and imports what it names before the command runs. */
export function withOperations(program: Command): void {
  program.commands.filter((command) => !WITHOUT.includes(command.name())).forEach(giveFlag);
  program.hook('preAction', async (_program, command) => {
    const { operations: name } = command.opts<{ operations?: string }>();
    if (command.options.includes(FLAG) && name) {
      const { importOperations } = await import('../src/operations/import-operations.js');
      loaded = await importOperations(name);
    }
  });
}

function giveFlag(command: Command): void {
  if (command.commands.length === 0) {
    command.addOption(FLAG);
  }
  command.commands.forEach(giveFlag);
}
