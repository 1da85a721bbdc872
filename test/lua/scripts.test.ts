import { expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigurationError } from '../../src/errors.js';
import { defineOperation } from '../../src/operations/operation.js';
import { createRegistry } from '../../src/operations/registry.js';
import { settleScript } from '../../src/bullmq/scripts.js';
import { ScriptRunner } from '../../src/redis/scripts.js';
import { applyScript, checkPlans } from '../../src/operations/apply-script.js';
import { createApplier } from '../support/script.js';
import { ownRedis, place } from '../support/tally.js';
import { pointsMove } from './samples.js';

const withLua = (name: string, lua: string) =>
  defineOperation({ name, params: z.strictObject({}), cells: () => [], lua, result: () => null });

test('a script that Redis has lost is loaded again, once for all calls that miss it', async () => {
  const { url } = await ownRedis();
  const here = place(url);
  const script = applyScript(createRegistry());
  const runner = new ScriptRunner(here.client, [script]);
  await runner.load();
  await here.client.script('FLUSH');
  const { applyOne } = createApplier(here);
  const update = { operation: 'counter.increment', params: { key: here.key('n') } };

  await Promise.all(Array.from({ length: 20 }, () => applyOne(update)));

  expect(await here.client.get(here.key('n'))).toBe('20');
  expect(await here.client.info('commandstats')).toMatch(/cmdstat_script\|load:calls=2,/);
});

test.each([
  ['does not compile', 'return function(cells, args) this is not Lua'],
  ['throws while it loads', `error('boom')`],
  ['returns no plan', 'local function plan(cells) return cells, cells end'],
  ['returns the plans of others', `return { ['energy.gain'] = function() end }`],
  ['calls Redis while it loads', `redis.call('SET', 'leak', 1) return function() end`],
])('a custom operation whose Lua %s is told at boot, by its name', async (_what, lua) => {
  const { client } = place();
  const fine = withLua('energy.fine', 'return function(cells) return cells, cells end');
  const registry = createRegistry([fine, withLua('energy.spend', lua)]);

  const check = checkPlans(client, registry);

  await expect(check).rejects.toThrow(ConfigurationError);
  await expect(check).rejects.toThrow(/the Lua plan of the operation "energy.spend" can't be used: ./);
});

test('the built-in operations and a well-formed custom one pass the check', async () => {
  const { client } = place();

  await expect(checkPlans(client, createRegistry([pointsMove]))).resolves.toBeUndefined();
});

test('the scripts load under the SHA-1 of their text', async () => {
  const { client } = place();

  await new ScriptRunner(client, [applyScript(createRegistry()), settleScript()]).load();
  const shas = [applyScript(createRegistry()).sha, settleScript().sha];

  expect(await client.script('EXISTS', ...(shas as [string, string]))).toEqual([1, 1]);
});
