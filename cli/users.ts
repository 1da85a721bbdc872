import { hashPassword } from '../dashboard/access/password.js';
import { ROLES } from '../dashboard/access/signed-in.js';
import type { DashboardRole } from '../dashboard/access/signed-in.js';
import type { UserStore } from '../dashboard/access/user-store.js';
import { changeUser, makeUser, requireName } from '../dashboard/access/user.js';
import type { User } from '../dashboard/access/user.js';
import { ConfigurationError, TallyError } from '../src/errors.js';
import { createContext, findRedis } from './context.js';
import { noteDoor } from './installation.js';
import { askNewPassword } from './users-password.js';
import { withUserStore } from './stores.js';

export interface AddUserFlags {
  readonly role: string;
}

export interface ListUsersFlags {
  readonly json?: true;
}

/** `tally users add`: someone else may sign in to the dashboard. */
export async function addUser(name: string, flags: AddUserFlags): Promise<void> {
  const role = roleOf(flags.role, '--role');
  requireName(name);
  const { context, target } = here();
  const before = await withUserStore(context, target, async (store) => {
    const user = await makeUser(name, role, await askNewPassword(name));
    const count = await store.count();
    await store.add(user);
    return count;
  });
  console.log(`added ${name}, ${role}`);
  if (before === 0) {
    await noteDoor(context, target, 'users', true);
    console.error('It is the first user: from now on the dashboard asks everyone to sign in.');
  }
}

/** `tally users list`: prints who may sign in. */
export async function listUsers({ json }: ListUsersFlags): Promise<void> {
  const { users, unreadable } = await withUsers((store) => store.read());
  if (json) {
    console.log(JSON.stringify(users.map(({ name, role, createdAt }) => ({ name, role, createdAt }))));
  } else {
    for (const { name, role, createdAt } of users) {
      console.log(`${name}: ${role}, added ${createdAt}`);
    }
  }
  for (const name of unreadable) {
    console.error(`${name} is not a user that this version of Tally can read, and can't sign in: remove it`);
  }
  if (users.length + unreadable.length === 0) {
    console.error('There are no users: the dashboard serves this machine only, and asks nobody to sign in.');
  }
}

/** `tally users password`: another password, and all sessions of the user end. */
export async function changePassword(name: string): Promise<void> {
  await withUsers(async (store) => {
    const user = await requireUser(store, name);
    const password = await hashPassword(await askNewPassword(name));
    await store.replace(changeUser(user, { password }));
  });
  console.log(`changed the password of ${name}, who is signed out everywhere`);
}

/** `tally users role`: other rights, and all sessions of the user end. */
export async function changeRole(name: string, role: string): Promise<void> {
  const change = { role: roleOf(role, 'the role') };
  await withUsers(async (store) => {
    await store.replace(changeUser(await requireUser(store, name), change));
  });
  console.log(`${name} is ${change.role} now, and is signed out everywhere`);
}

/** `tally users remove`: nobody gets in under this name any more. */
export async function removeUser(name: string): Promise<void> {
  const { context, target } = here();
  const left = await withUserStore(context, target, async (store) => {
    if (!(await store.remove(name))) {
      throw unknownUser(name);
    }
    return store.count();
  });
  console.log(`removed ${name}, who is signed out everywhere`);
  if (left === 0) {
    await noteDoor(context, target, 'users', false);
    console.error(
      'It was the last user: dashboards that run now still ask people to sign in; those started from now on serve this machine only, and ask nobody.',
    );
  }
}

function here() {
  const context = createContext(process.stderr);
  return { context, target: findRedis(context) };
}

function withUsers<T>(use: (store: UserStore) => Promise<T>): Promise<T> {
  const { context, target } = here();
  return withUserStore(context, target, use);
}

async function requireUser(store: UserStore, name: string): Promise<User> {
  const user = await store.find(name);
  if (user === undefined) {
    throw unknownUser(name);
  }
  return user;
}

function unknownUser(name: string): TallyError {
  return new TallyError('USER_NOT_FOUND', `there is no user "${name}"; tally users list prints those that there are`);
}

function roleOf(text: string, what: string): DashboardRole {
  const role = ROLES.find((known) => known === text);
  if (role === undefined) {
    throw new ConfigurationError(`${what} must be ${ROLES.join(' or ')}, but is "${text}"`);
  }
  return role;
}
