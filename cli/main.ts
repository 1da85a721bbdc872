#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { withLoadFlags } from '../loadtest/load/flags.js';
import type { LoadFlags } from '../loadtest/load/flags.js';
import { bearLostTerminal } from '../src/lib/lost-terminal.js';
import { ConfigurationError, ValidationError } from '../src/errors.js';
import type { DoctorFlags } from './doctor.js';
import type { GetFlags } from './get.js';
import type { CheckFlags } from './inventory.js';
import type { CreateKeyFlags, ListKeysFlags } from './keys.js';
import { READMIT_HELP } from './readmit-help.js';
import type { ReadmitFlags } from './readmit.js';
import type { SubmitFlags } from './submit.js';
import type { AddUserFlags, ListUsersFlags } from './users.js';

/** Exit codes: the outcome was not `applied`, or Redis failed; the command or its settings were wrong. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

bearLostTerminal();

// Each command is loaded when it is called: `tally get` need not load the dashboard.
const program = new Command('tally')
  .description('Counters, inventory, XP and scores in Redis: every update takes effect exactly once.')
  .version('0.1.0')
  .showHelpAfterError()
  .exitOverride();

program
  .command('up')
  .description('start all of Tally: a private Redis (unless REDIS_URL is set), a worker, the API and the dashboard')
  .action(async () => (await import('./up.js')).up());

program
  .command('worker')
  .description('start a worker that applies updates')
  .action(async () => (await import('./worker.js')).work());

program
  .command('api')
  .description('serve the HTTP API alone')
  .action(async () => (await import('./api.js')).serveApi());

program
  .command('dashboard')
  .description('serve the dashboard alone')
  .action(async () => (await import('./dashboard.js')).serveDashboard());

program
  .command('submit')
  .description('submit one update')
  .argument('<operation>', 'for example counter.increment')
  .requiredOption('--params <json>', 'the params as JSON, for example \'{"key":"count","by":5}\'')
  .option('--idempotency-key <key>', 'however often it is sent with this key, it takes effect once')
  .option('--owner <name>', 'whose idempotency key it is: the same key of another owner is another one')
  .option(
    '--wait',
    'wait for the outcome; the exit code is 0 when it is "applied", 4 when it is "unknown", 1 otherwise',
  )
  .option('--timeout <ms>', 'how long to wait at most', '30000')
  .option('--json', 'print JSON')
  .action(async (operation: string, flags: SubmitFlags) => (await import('./submit.js')).submit(operation, flags));

program
  .command('get')
  .description('print the value of a key')
  .argument('<key>')
  .option('--field <field>', 'of a hash')
  .option('--member <member>', 'of a sorted set')
  .option('--json', 'print JSON')
  .action(async (key: string, flags: GetFlags) => (await import('./get.js')).get(key, flags));

program
  .command('readmit')
  .description('give new stamps to updates that stood for longer than their idempotency keys are remembered')
  .option('--queue <name>', 'of this queue only, for example counters')
  .option('--job <id>', 'this job only')
  .option('--waiting', 'also those that wait and have half of their time behind them')
  .option('--dry-run', 'only say what would be done')
  .option('--json', 'print JSON')
  .addHelpText('after', READMIT_HELP)
  .action(async (flags: ReadmitFlags) => (await import('./readmit.js')).readmitJobs(flags));

program
  .command('doctor')
  .description('check the Redis that Tally is pointed at')
  .option('--as <role>', 'check that its user may do all that this needs: producer, api, worker, dashboard ...')
  .option('--key <keys...>', 'keys that updates change, whose use to check too')
  .action(async (flags: DoctorFlags) => (await import('./doctor.js')).doctor(flags));

program
  .command('prepare-cluster')
  .description('rename what one server remembers to where a Cluster looks for it, before its keys are moved there')
  .action(async () => (await import('./prepare-cluster.js')).prepareCluster());

program
  .command('inventory')
  .description('stock that is held by reservations')
  .command('check')
  .description('compare what is held of each stock with its open reservations')
  .option('--mend', 'make it right, and give back what is over')
  .option('--json', 'print JSON, a line for each stock that is not right')
  .action(async (flags: CheckFlags) => (await import('./inventory.js')).checkInventory(flags));

withLoadFlags(program.command('load')).action(async (scenario: string | undefined, flags: LoadFlags) =>
  (await import('./load.js')).load(scenario, flags),
);

const keys = program.command('keys').description('API keys: who may call the HTTP API, and what for');

keys
  .command('create')
  .description('make an API key; its secret is printed once, and is nowhere else')
  .option('--name <name>', 'who has it')
  .option('--operations <patterns>', 'operations that it may use, for example counter.*,xp.award (default: all)')
  .option('--keys <patterns>', 'keys that it may read and change, for example stock:*,xp:* (default: all)')
  .option('--rate <requests>', 'requests that it may make, in a second or a minute: 100/s, 6000/m (default: 1000/s)')
  .option(
    '--update-rate <updates>',
    'updates that it may submit, in a second or a minute: 5000/s, 60000/m (default: as many as its requests hold)',
  )
  .option('--read-only', 'it may read values and outcomes, and submit nothing')
  .option('--owner <name>', 'whose its idempotency keys are; keys with the same owner share them (default: its id)')
  .option(
    '--replaces <id>',
    'take all that is not given, and the owner, from this key, which stays valid until revoked',
  )
  .action(async (flags: CreateKeyFlags) => (await import('./keys.js')).createKey(flags));

keys
  .command('list')
  .description('print all API keys; no secrets')
  .option('--json', 'print JSON')
  .action(async (flags: ListKeysFlags) => (await import('./keys.js')).listKeys(flags));

keys
  .command('revoke')
  .description('make an API key invalid')
  .argument('<id>', 'as tally keys list prints it')
  .action(async (id: string) => (await import('./keys.js')).revokeKey(id));

const users = program.command('users').description('users of the dashboard: who may sign in there, and what for');

users
  .command('add')
  .description('add a user; the password is asked for, or read from stdin when that is not a terminal')
  .argument('<name>', 'for example ann')
  .requiredOption('--role <role>', 'viewer, who may look, or operator, who may also retry, pause and remove')
  .action(async (name: string, flags: AddUserFlags) => (await import('./users.js')).addUser(name, flags));

users
  .command('list')
  .description('print all users; no passwords')
  .option('--json', 'print JSON')
  .action(async (flags: ListUsersFlags) => (await import('./users.js')).listUsers(flags));

users
  .command('password')
  .description('give a user another password, which is asked for, or read from stdin when that is not a terminal')
  .argument('<name>')
  .action(async (name: string) => (await import('./users.js')).changePassword(name));

users
  .command('role')
  .description('give a user another role')
  .argument('<name>')
  .argument('<role>', 'viewer or operator')
  .action(async (name: string, role: string) => (await import('./users.js')).changeRole(name, role));

users
  .command('remove')
  .description('remove a user')
  .argument('<name>')
  .action(async (name: string) => (await import('./users.js')).removeUser(name));

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Prints what went wrong and returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? 0 : EXIT_USAGE; // commander has printed it
  }
  console.error(`tally: ${error instanceof Error ? error.message : String(error)}`);
  return error instanceof ConfigurationError || error instanceof ValidationError ? EXIT_USAGE : EXIT_FAILED;
}
