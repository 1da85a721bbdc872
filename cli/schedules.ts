import { createProducer } from '../src/index.js';
import type { BuiltInOperation, Operation, Producer, Schedule, ScheduleRequest } from '../src/index.js';
import { ConfigurationError } from '../src/errors.js';
import { connectionOptions, createContext, findRedis, producerOptions } from './context.js';
import { wholeNumber } from './whole-number.js';

export interface PutScheduleFlags {
  readonly params: string;
  readonly cron?: string;
  readonly timeZone?: string;
  readonly every?: string;
  readonly paused?: true;
  readonly json?: true;
}

export interface ListSchedulesFlags {
  readonly json?: true;
}

/** `tally schedules put`: makes a schedule, or changes it. */
export async function putSchedule(id: string, operation: string, flags: PutScheduleFlags): Promise<void> {
  const { cron, timeZone, every, paused, json } = flags;
  const request = {
    id,
    ...(cron !== undefined && { cron }),
    ...(timeZone !== undefined && { timeZone }),
    ...(every !== undefined && { everyMs: wholeNumber('--every', every, { of: 'ms' }) }),
    ...(paused && { paused }),
    update: { operation, params: parseParams(flags.params) },
  };
  // The operation is the user's word: the producer checks it, not the compiler.
  const schedule = await withProducer(({ schedules }) => schedules.put(request as unknown as ScheduleRequest<never>));
  console.log(json ? JSON.stringify(schedule) : lineOf(schedule));
}

/** `tally schedules list`: prints all, with next and last run. */
export async function listSchedules({ json }: ListSchedulesFlags): Promise<void> {
  const schedules = await withProducer((producer) => producer.schedules.list());
  if (json) {
    console.log(JSON.stringify(schedules));
    return;
  }
  for (const schedule of schedules) {
    console.log(lineOf(schedule));
  }
}

/** `tally schedules remove`. */
export async function removeSchedule(id: string): Promise<void> {
  if (await withProducer(({ schedules }) => schedules.remove(id))) {
    console.log(`removed ${id}`);
  } else {
    console.error(`tally: there is no schedule "${id}"`);
    process.exitCode = 1;
  }
}

/** `tally schedules pause` and `resume`. */
export async function pauseSchedule(id: string, paused: boolean): Promise<void> {
  await withProducer(({ schedules }) => (paused ? schedules.pause(id) : schedules.resume(id)));
  console.log(`${paused ? 'paused' : 'resumed'} ${id}`);
}

async function withProducer<Answer>(
  ask: (producer: Producer<BuiltInOperation | Operation>) => Promise<Answer>,
): Promise<Answer> {
  const context = createContext(process.stderr);
  const producer = createProducer({ ...connectionOptions(context, findRedis(context)), ...producerOptions(context) });
  try {
    return await ask(producer);
  } finally {
    await producer.close();
  }
}

function lineOf({ id, cron, timeZone, everyMs, update, paused, owner, nextRunAt, lastRun }: Schedule): string {
  const rhythm = cron === undefined ? `every ${everyMs ?? 0} ms` : `"${cron}" ${timeZone ?? 'UTC'}`;
  const next = paused ? 'paused' : `next ${nextRunAt?.toISOString() ?? 'unknown: put it again'}`;
  const last = lastRun === undefined ? 'no run yet' : `last ${lastRun.at.toISOString()} ${lastRun.outcome.status}`;
  return `${id}  ${rhythm}  ${update.operation} ${JSON.stringify(update.params)}  ${next}  ${last}${owner === undefined ? '' : `  owner ${owner}`}`;
}

function parseParams(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigurationError(`--params is not JSON (${(error as Error).message})`, { cause: error });
  }
}
