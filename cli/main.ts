#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { withLoadFlags } from '../loadtest/load/flags.js';
import type { LoadFlags } from '../loadtest/load/flags.js';
import { tolerateLostTerminal } from '../src/lib/lost-terminal.js';
import { ConfigurationError, ValidationError } from '../src/errors.js';
import { VERSION } from '../src/lib/version.js';
import type { CancelFlags } from './cancel.js';
import { withDeadLettersCommands } from './dead-letters-command.js';
import type { DoctorFlags } from './doctor.js';
import { withFailuresCommands } from './failures-command.js';
import type { ImportFlags } from './import.js';
import { withInventoryCommands } from './inventory-command.js';
import type { CreateKeyFlags, ListKeysFlags } from './keys.js';
import { failOnLostOutput } from './lost-output.js';
import { withOperations } from './operations.js';
import type { WaitFlags } from './print-submission.js';
import type { QueuesFlags } from './queues.js';
import { addReadingCommands } from './reading-commands.js';
import { READMIT_HELP } from './readmit-help.js';
import type { ReadmitFlags } from './readmit.js';
import type { OutcomesFlags } from './outcomes.js';
import { addRelayCommand } from './relay-command.js';
import type { ListSchedulesFlags, PutScheduleFlags } from './schedules.js';
import type { SubmitFlags } from './submit.js';
import type { AddUserFlags, ListUsersFlags } from './users.js';
import { addWebhookCommands } from './webhook-commands.js';

/** Exit codes: the outcome was not `applied`, or Redis failed; the command or its settings were wrong. */
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** How long what a failed command has left open, such as a port for metrics, may keep its process. */
const LEFT_OPEN_MS = 500;

tolerateLostTerminal();
failOnLostOutput();

// Each command is loaded when it is called: `tally get` need not load the dashboard.
const program = new Command('tally')
  .description('Counters, inventory, XP and scores in Redis: every update takes effect exactly once.')
  .version(VERSION)
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
  .option('--delay <ms>', 'how long it waits before it may run, up to 365 days')
  .option('--run-at <time>', 'the time before which it may not run, for example 2026-12-24T18:00:00Z')
  .option('--priority <number>', '1 goes first; without it, before all with one')
  .option(
    '--wait',
    'wait for the outcome; the exit code is 0 when it is "applied", 4 when it is "unknown", 1 otherwise',
  )
  .option('--timeout <ms>', 'how long to wait at most', '30000')
  .option('--json', 'print JSON')
  .action(async (operation: string, flags: SubmitFlags) => (await import('./submit.js')).submit(operation, flags));

program
  .command('cancel')
  .description('take an update back that has not begun; the exit code is 0 when it is cancelled, 1 otherwise')
  .argument('<id>', 'as tally submit prints it')
  .option('--json', 'print JSON')
  .action(async (id: string, flags: CancelFlags) => (await import('./cancel.js')).cancel(id, flags));

program
  .command('revert')
  .description('take back what an applied update did, once, by its exact inverse; exit codes as of submit')
  .argument('<id>', 'as tally submit prints it')
  .option('--wait', 'wait for the outcome of the inverse')
  .option('--timeout <ms>', 'how long to wait at most', '30000')
  .option('--json', 'print JSON')
  .action(async (id: string, flags: WaitFlags) => (await import('./revert.js')).revert(id, flags));

addReadingCommands(program);

program
  .command('outcomes')
  .description('follow what becomes of updates, where outcomes are told, until it is stopped')
  .option('--operation <name...>', 'only of these operations')
  .option('--status <status...>', 'only those that are applied, rejected, conflict, cancelled, failed or unknown')
  .option('--key <pattern...>', "only of keys that fit, for example 'stock:*'")
  .option('--crosses <level>', 'only those that took a value over a level: below:5 or above:100')
  .option(
    '--from <start>',
    'a day, a time as 2026-12-24T18:00:00Z, "beginning" for all that is kept, or a cursor (default: from now on)',
  )
  .option('--json', 'print CloudEvents, one a line')
  .action(async (flags: OutcomesFlags) => (await import('./outcomes.js')).followOutcomes(flags));

program
  .command('import')
  .description('submit an update for each row of a file of CSV or NDJSON, once, however often it is run')
  .argument('<file>', 'for example stock.csv')
  .requiredOption('--operation <name>', 'for example inventory.count')
  .option(
    '--param <name=value...>',
    'a param, in which {column} is a column of the row: key=stock:{sku} (default: columns are params by their names)',
  )
  .option('--format <format>', 'csv or ndjson (default: by the name of the file)')
  .option('--delimiter <character>', 'between the columns of CSV', ',')
  .option('--dry-run', 'only check every row')
  .option('--id <name>', 'what the import is known by: the same file imported by another name is applied once more')
  .option('--rejects <file>', 'write the rows that were not applied to this file, with the reason, as NDJSON')
  .option('--timeout <ms>', 'how long to wait for an outcome at most', '30000')
  .action(async (file: string, flags: ImportFlags) => (await import('./import.js')).importFile(file, flags));

program
  .command('export')
  .description('print the values of all keys of a pattern as NDJSON, which tally import reads')
  .argument('<patterns...>', "for example 'stock:*' 'xp:*'")
  .action(async (patterns: string[]) => (await import('./export.js')).exportCells(patterns));

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
  .command('queues')
  .description('print what waits in the queues, for how long, and what failed')
  .option('--json', 'print JSON')
  .action(async (flags: QueuesFlags) => (await import('./queues.js')).listQueues(flags));

program
  .command('doctor')
  .description('check the Redis that Tally is pointed at')
  .option('--as <role>', 'check that its user may do all that this needs: producer, api, worker, dashboard ...')
  .option('--key <keys...>', 'keys that updates change, whose use to check too')
  .option('--json', 'print JSON: whether it is well, and all that was found')
  .action(async (flags: DoctorFlags) => (await import('./doctor.js')).doctor(flags));

program
  .command('accept-loss')
  .description('say that what Redis had lost is gone for good, and that what it holds now takes its place')
  .action(async () => (await import('./installation.js')).acceptLoss());

program
  .command('prepare-cluster')
  .description('rename what one server remembers to where a Cluster looks for it, before its keys are moved there')
  .action(async () => (await import('./prepare-cluster.js')).prepareCluster());

withInventoryCommands(program.command('inventory'));

program
  .command('init')
  .description('write a beginning')
  .command('operation')
  .description('write an operation of your own, and its test, into this folder')
  .argument('<name>', 'for example energy.spend')
  .action(async (name: string) => {
    (await import('./init.js')).initOperation(name);
  });

withLoadFlags(program.command('load')).action(async (scenario: string | undefined, flags: LoadFlags) =>
  (await import('./load.js')).load(scenario, flags),
);

const schedules = program.command('schedules').description('updates that are made again and again, each run once');

schedules
  .command('put')
  .description('make a schedule, or change the one of this id')
  .argument('<id>', 'letters, digits, ".", "_" and "-"')
  .argument('<operation>', 'for example counter.set')
  .requiredOption('--params <json>', 'the params as JSON, for example \'{"key":"visits:today","value":0}\'')
  .option('--cron <expression>', 'when, for example "0 0 * * *"')
  .option('--time-zone <name>', 'that it is meant in, for example Europe/Berlin (default: UTC)')
  .option('--every <ms>', 'in place of --cron: every so many ms, the first time at once')
  .option('--paused', 'it stands still until it is resumed')
  .option('--json', 'print JSON')
  .action(async (id: string, operation: string, flags: PutScheduleFlags) =>
    (await import('./schedules.js')).putSchedule(id, operation, flags),
  );

schedules
  .command('list')
  .description('print all schedules, with the next run and the outcome of the last one')
  .option('--json', 'print JSON')
  .action(async (flags: ListSchedulesFlags) => (await import('./schedules.js')).listSchedules(flags));

schedules
  .command('remove')
  .description('remove a schedule')
  .argument('<id>')
  .action(async (id: string) => (await import('./schedules.js')).removeSchedule(id));

schedules
  .command('pause')
  .description('let a schedule stand still')
  .argument('<id>')
  .action(async (id: string) => (await import('./schedules.js')).pauseSchedule(id, true));

schedules
  .command('resume')
  .description('let a paused schedule go on; what it missed is not made up for')
  .argument('<id>')
  .action(async (id: string) => (await import('./schedules.js')).pauseSchedule(id, false));

withFailuresCommands(program.command('failures'));

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
  .option('--metrics-only', 'it may read metrics, as Prometheus does, and nothing else')
  .option('--require-idempotency-key', 'it may only submit updates that have an idempotency key')
  .option('--webhooks', 'it may add webhooks, and change those of its owner')
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

withDeadLettersCommands(program.command('dead-letters'));
addWebhookCommands(program);
addRelayCommand(program);

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

withOperations(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
  setTimeout(() => process.exit(), LEFT_OPEN_MS).unref();
}

/** Prints what went wrong and returns the exit code. */
function report(error: unknown): number {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? 0 : EXIT_USAGE; // commander has printed it
  }
  console.error(`tally: ${error instanceof Error ? error.message : String(error)}`);
  return error instanceof ConfigurationError || error instanceof ValidationError ? EXIT_USAGE : EXIT_FAILED;
}
