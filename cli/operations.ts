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

/**
 * Gives every command of a program the flag, and imports what it names before the command runs. A command with another `--operations` of
 * its own has the variable only.
 */
export function withOperations(program: Command): void {
  const knowing = program.commands.filter((command) => !WITHOUT.includes(command.name())).flatMap(leavesOf);
  for (const command of knowing.filter(({ options }) => !options.some(({ long }) => long === FLAG.long))) {
    command.addOption(FLAG);
  }
  program.hook('preAction', async (_program, command) => {
    const { operations } = command.opts<{ operations?: string }>();
    const name = command.options.includes(FLAG) ? operations : process.env['TALLY_OPERATIONS'];
    if (knowing.includes(command) && name) {
      const { importOperations } = await import('../src/operations/import-operations.js');
      loaded = await importOperations(name);
    }
  });
}

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);
}
