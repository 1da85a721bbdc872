import { ConfigurationError } from '../src/errors.js';
import { readGroups } from '../src/jobs/told-groups.js';
import { openStore } from '../src/layout/store.js';
import type { Store } from '../src/layout/store.js';
import { DeadLetters } from '../src/subscribers/dead-letters.js';
import type { DeadLetter } from '../src/subscribers/dead-letters.js';
import { connectionOptions, createContext, findRedis } from './context.js';
import { wholeNumber } from './whole-number.js';

export interface ListLettersFlags {
  readonly group?: string;
  readonly limit: string;
  readonly offset: string;
  readonly json?: true;
}

export interface ChangeLettersFlags {
  readonly group: string;
  readonly id?: string;
  readonly all?: true;
  readonly json?: true;
}

const TIMEOUT_MS = 20_000;
const MOST_LISTED = 1_000;

/** `tally dead-letters list`. */
export async function listLetters({ group, json, ...flags }: ListLettersFlags): Promise<void> {
  const [limit, offset] = [
    wholeNumber('--limit', flags.limit, { min: 1, max: MOST_LISTED }),
    wholeNumber('--offset', flags.offset),
  ];
  if (group === undefined) {
    await listGroups(json);
    return;
  }
  const { letters, count, again } = await withGroup(group, async (dead) => ({
    letters: await dead.list(limit, offset),
    count: await dead.count(),
    again: await dead.countAgain(),
  }));
  if (json) {
    console.log(JSON.stringify({ group, count, toldAgain: again, offset, letters }));
  } else {
    letters.forEach((letter) => {
      console.log(lineOf(letter));
    });
  }
  const rest = count - offset - letters.length;
  console.error(
    `${count} are set aside${again > 0 ? `, ${again} wait to be told again` : ''}` +
      (rest > 0 ? `; go on with --offset ${offset + letters.length}` : ''),
  );
}

/** `tally dead-letters tell-again`. */
export async function tellLettersAgain(flags: ChangeLettersFlags): Promise<void> {
  await change(flags, 'to be told again', (dead, id) => dead.tellAgain(id));
}

/** `tally dead-letters drop`. */
export async function dropLetters(flags: ChangeLettersFlags): Promise<void> {
  await change(flags, 'dropped', (dead, id) => dead.drop(id));
}

async function change(
  { group, id, all, json }: ChangeLettersFlags,
  words: string,
  make: (dead: DeadLetters, id: string | undefined) => Promise<number>,
): Promise<void> {
  if ((id === undefined) === (all === undefined)) {
    throw new ConfigurationError(
      'say which: --id with the id of an event, as tally dead-letters list prints it, or --all',
    );
  }
  const { done, left } = await withGroup(group, async (dead) => ({
    done: await make(dead, id),
    left: await dead.count(),
  }));
  console.log(json ? JSON.stringify({ group, done, left }) : `${done} ${words}, ${left} are left`);
  if (id !== undefined && done === 0) {
    console.error(`tally: the group "${group}" has set no event "${id}" aside`);
    process.exitCode = 1;
  }
}

async function listGroups(json: true | undefined): Promise<void> {
  const groups = (await withStore(({ redis, keys }) => readGroups(redis, keys))).map(({ name, dead }) => ({
    name,
    dead,
  }));
  if (json) {
    console.log(JSON.stringify({ groups }));
    return;
  }
  for (const { name, dead } of groups) {
    console.log(`${name}: ${dead}`);
  }
}

/** @throws ConfigurationError for a group that is not there */
async function withGroup<Answer>(group: string, ask: (dead: DeadLetters) => Promise<Answer>): Promise<Answer> {
  return await withStore(async (store) => {
    const names = (await readGroups(store.redis, store.keys)).map(({ name }) => name);
    const dead = new DeadLetters(store, group);
    if (!names.includes(group) && (await dead.count()) === 0 && (await dead.countAgain()) === 0) {
      const there = names.length === 0 ? 'there are none' : `there are ${names.sort().join(', ')}`;
      throw new ConfigurationError(`there is no group "${group}" of subscribers: ${there}`);
    }
    return await ask(dead);
  });
}

async function withStore<Answer>(ask: (store: Store) => Promise<Answer>): Promise<Answer> {
  const context = createContext(process.stderr);
  const options = { connectionName: 'tally-dead-letters', timeoutMs: TIMEOUT_MS };
  const store = openStore({ ...connectionOptions(context, findRedis(context)), ...options });
  try {
    return await ask(store);
  } finally {
    store.close();
  }
}

function lineOf({ at, event, attempts, error }: DeadLetter): string {
  return `${at}  ${event.id}  ${event.type}  ${event.subject ?? '-'}  after ${attempts} attempts: ${JSON.stringify(error)}`;
}
