import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import type { DeadLetter } from '../../src/index.js';
import { builtProgram } from '../support/built-program.js';
import { tally } from '../support/command.js';
import type { SubscriberProcessSettings } from '../support/subscriber-process.js';
import { telling } from '../support/subscribers.js';
import { until } from '../support/tally.js';

const PROGRAM = new URL('../support/subscriber-process.ts', import.meta.url);

interface Listed {
  count: number;
  toldAgain: number;
  letters: DeadLetter[];
}

const NONE: Listed = { count: 0, toldAgain: 0, letters: [] };

async function world() {
  const { here, submit } = await telling();
  const { redis, namespace, prefix } = here;
  const environment = { REDIS_URL: redis, TALLY_NAMESPACE: namespace, TALLY_PREFIX: prefix, LOG_LEVEL: 'warn' };
  const heardKey = here.key('heard');
  const begin = async (then: SubscriberProcessSettings['then']) => {
    const options = { redis, namespace, prefix, group: 'mails', maxAttempts: 1, takeOverAfterMs: 1_000 };
    const settings: SubscriberProcessSettings = { options, heard: heardKey, then };
    const child = fork(await builtProgram(PROGRAM), [JSON.stringify(settings)], { execArgv: [] });
    const kill = async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    };
    onTestFinished(kill);
    await once(child, 'message');
    return kill;
  };
  const letters = (...args: string[]) => tally(environment, 'dead-letters', ...args);
  const list = async (...args: string[]) => {
    const { code, stdout } = await letters('list', '--group', 'mails', '--json', ...args);
    return code === 2 ? NONE : (JSON.parse(stdout) as Listed); // on a Cluster a group is there once it has found a stream
  };
  const heard = () => here.client.lrange(heardKey, 0, -1);
  return { here, submit, begin, letters, list, heard };
}

test('what a group has set aside is listed, told again although its subscribers die, and dropped', async () => {
  const { here, submit, begin, letters, list, heard } = await world();
  const killThrowing = await begin('throw');
  const ids = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    ids.push(`${await submit(name)}:applied`);
  }
  await until('all are set aside', async () => (await list()).count === 4);
  await killThrowing();

  const page = await list('--limit', '2', '--offset', '1');
  expect(page).toMatchObject({
    count: 4,
    toldAgain: 0,
    letters: [{ event: { id: ids[2] } }, { event: { id: ids[1] } }],
  });
  const shown = await letters('list', '--group', 'mails', '--limit', '1');
  expect(shown.stdout).toMatch(
    /^\S+Z {2}\S+:applied {2}tally\.counter\.increment\.applied {2}\S+ {2}after 1 attempts: "the mail/,
  );
  expect(shown).toMatchObject({ code: 0, stderr: expect.stringContaining('go on with --offset 1') as string });
  expect((await letters('list')).stdout).toBe('mails: 4\n');

  await here.client.del(here.key('heard'));
  expect(JSON.parse((await letters('drop', '--group', 'mails', '--id', ids[3]!, '--json')).stdout)).toEqual({
    ...{ group: 'mails', done: 1, left: 3 },
  });
  expect((await letters('tell-again', '--group', 'mails', '--all')).stdout).toBe('3 to be told again, 0 are left\n');
  expect(await list()).toMatchObject({ count: 0, toldAgain: 3 }); // until a subscriber is there
  const killHanging = await begin('hang');
  await until('the first is in hand', async () => (await heard()).length === 1);
  await killHanging();
  await begin('take');
  await until('all are told', async () => (await list()).toldAgain === 0);
  expect(await heard()).toEqual([ids[0], ids[0], ids[1], ids[2]]); // those set aside first at first
});

test('what fails again is set aside again', async () => {
  const { submit, begin, letters, list, heard } = await world();
  await begin('throw');
  const id = `${await submit('a')}:applied`;
  await until('it is set aside', async () => (await list()).count === 1);
  expect((await letters('tell-again', '--group', 'mails', '--id', id)).code).toBe(0);
  await until('it is told again', async () => (await heard()).length === 2);
  await until('it is set aside again', async () => {
    const { count, toldAgain } = await list();
    return count === 1 && toldAgain === 0;
  });
});

test('an unknown group, event or page is refused by name', async () => {
  const { submit, begin, letters } = await world();
  await begin('take');
  await submit('a');
  await until('the group is there', async () => (await letters('list')).stdout === 'mails: 0\n');
  const refused = async (code: number, words: string, ...args: string[]) => {
    expect(await letters(...args)).toMatchObject({ code, stderr: expect.stringContaining(words) as string });
  };
  await refused(2, 'there is no group "mals" of subscribers: there are mails', 'list', '--group', 'mals');
  await refused(2, 'there is no group "mals"', 'tell-again', '--group', 'mals', '--all');
  await refused(1, 'the group "mails" has set no event "x" aside', 'drop', '--group', 'mails', '--id', 'x');
  await refused(2, '--id', 'drop', '--group', 'mails');
  await refused(2, '--limit must be a whole number from 1 to 1000', 'list', '--group', 'mails', '--limit', '5000');
});
