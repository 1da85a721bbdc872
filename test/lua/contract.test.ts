import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeRecord } from '../../src/jobs/form.js';
import { luaSource } from '../../src/redis/lua-source.js';
import { createRegistry } from '../../src/operations/registry.js';
import { checkUpdates } from '../../src/operations/update.js';
import { NO_SLOT } from '../../src/redis/slots.js';
import { setup } from './setup.js';

/** What the comment at the head of a family's file says of one operation. */
interface Contract {
  readonly name: string;
  readonly file: string;
  readonly cells: string;
  readonly args: string;
  readonly result: string;
  /** Its codes. */
  readonly rejected: readonly string[];
}

const families = readdirSync(new URL('../../lua/plans/', import.meta.url)).map(
  (name) => `plans/${name.replace(/\.lua$/, '')}`,
);
const contracts = families.flatMap(readContracts);
const registry = createRegistry();

function readContracts(file: string): Contract[] {
  const [header = ''] = luaSource(file).split('\n\n');
  return header
    .split(/^-- (?=\S)/m)
    .slice(1)
    .map((block) => {
      const [name = '', ...lines] = block.split('\n');
      const line = (label: string) => {
        const found = lines.find((text) => text.startsWith(`--   ${label} `));
        return found?.slice(`--   ${label}`.length).trim() ?? '';
      };
      return {
        name,
        file,
        cells: line('cells'),
        args: line('args'),
        result: line('result'),
        rejected: (/^-- {3}rejected(.*)/ms.exec(lines.join('\n'))?.[1] ?? '').match(/\b[A-Z_]{5,}\b/g) ?? [],
      };
    });
}

/** "1 by, 2 max or false" as ['by', 'max or false']; "the stock of each item" as `undefined`. */
function numbered(text: string): string[] | undefined {
  if (text === '') {
    return [];
  }
  const parts = text.split(/,\s*(?=\d)/);
  return parts.every((part, index) => part.startsWith(`${index + 1} `))
    ? parts.map((part) => part.replace(/^\d+ /, ''))
    : undefined;
}

/** Params of each operation, with every number another, so that two of them swapped show. */
const PARAMS: Readonly<Record<string, (key: (name: string) => string) => Record<string, unknown>>> = {
  'counter.increment': (key) => ({ key: key('a'), by: 3, max: 12, whenOver: 'saturate' }),
  'counter.decrement': (key) => ({ key: key('a'), by: 3, min: 8, whenOver: 'saturate' }),
  'counter.set': (key) => ({ key: key('a'), value: 3, expected: 10 }),
  'counter.remove': (key) => ({ key: key('a'), expected: 10 }),
  'inventory.take': (key) => ({ key: key('a'), quantity: 3, whenShort: 'reject' }),
  'inventory.restock': (key) => ({ key: key('a'), quantity: 3 }),
  'inventory.takeAll': (key) => ({ items: ['a', 'b', 'c'].map((name, n) => ({ key: key(name), quantity: n + 3 })) }),
  'inventory.count': (key) => ({ key: key('a'), counted: 3, of: 'onHand', expected: 10 }),
  'inventory.reserve': (key) => ({
    key: key('a'),
    quantity: 3,
    reservation: 'r',
    ttlSeconds: 60,
    min: 8,
    replace: true,
  }),
  'inventory.extend': (key) => ({ key: key('a'), reservation: 'r', ttlSeconds: 60 }),
  'inventory.confirm': (key) => ({ key: key('a'), reservation: 'r', quantity: 3 }),
  'inventory.release': (key) => ({ key: key('a'), reservation: 'r' }),
  'inventory.expire': (key) => ({ key: key('a'), reservations: ['r', 's', 't'] }),
  'xp.award': (key) => ({ key: key('a'), amount: 3 }),
  'xp.take': (key) => ({ key: key('a'), amount: 3, min: 8 }),
  'scores.best': (key) => ({ key: key('a'), value: 3, keep: 'lowest' }),
  'scores.add': (key) => ({ entries: ['a', 'b', 'c'].map((name, n) => ({ key: key(name), by: n + 3 })) }),
};

function paramsOf(name: string, key: (name: string) => string = (it) => it): Record<string, unknown> {
  const params = PARAMS[name];
  if (params === undefined) {
    throw new Error(`add params of ${name} to this test`);
  }
  return params(key);
}

function stepOf(name: string) {
  const [checked] = checkUpdates([{ operation: name, params: paramsOf(name) }], {
    registry,
    isReservedKey: () => false,
    slotOf: () => NO_SLOT,
  });
  const [step] = checked!.steps;
  return step!;
}

test('every built-in operation with Lua is documented once, in the file that holds its plan', () => {
  const documented = contracts.map(({ name }) => name);
  const defined = registry.operations.filter(({ lua }) => lua !== undefined);

  expect([...documented].sort()).toEqual(defined.map(({ name }) => name).sort());
  for (const { name, file } of contracts) {
    expect(registry.find(name)?.lua).toBe(luaSource(file));
  }
});

test.each(families)('lua/%s.lua returns the plans that its head documents, and no others', (file) => {
  const table = /\nreturn \{(.*)\}\s*$/s.exec(luaSource(file))?.[1] ?? '';

  const returned = [...table.matchAll(/\['([\w.]+)'\]/g)].map(([, name]) => name);

  expect(returned).toEqual(contracts.filter((contract) => contract.file === file).map(({ name }) => name));
});

const ofSeveral = 'inventory.expire'; // has several cells for each of its reservations

describe.each(contracts.filter(({ name }) => name !== ofSeveral))('$name', ({ name, cells, args }) => {
  const params = paramsOf(name);
  const each = Object.values(params).find(Array.isArray) as Record<string, unknown>[] | undefined;

  test('has the documented cells, in the order of the params', () => {
    const count = numbered(cells)?.length ?? each?.length;

    expect(stepOf(name).cells).toHaveLength(count!);
    const keys = stepOf(name).cells.map(({ key }) => key);
    expect(keys).toEqual(each === undefined ? keys.map(() => 'a') : ['a', 'b', 'c']); // what Tally keeps goes by the stock's
  });

  test('has the documented arguments, in that order', () => {
    const documented = numbered(args);
    const given = stepOf(name).args;

    expect(given).toHaveLength(documented?.length ?? each!.length);
    documented?.forEach((text, index) => {
      const [word = ''] = text.split(' ');
      expect(given[index], text).toBe(word === 'true' ? true : params[word]);
    });
    if (documented === undefined) {
      expect(given).toEqual(each!.map((entry) => entry['quantity'] ?? entry['by']));
    }
  });

  test('gets false for each argument that is documented as "or false", when it is left out', () => {
    const required = Object.fromEntries(
      Object.entries(params).filter(
        ([word]) => !args.includes(`${word} or false`) && !['whenShort', 'whenOver', 'keep'].includes(word),
      ),
    );
    const [checked] = checkUpdates([{ operation: name, params: required }], {
      registry,
      isReservedKey: () => false,
      slotOf: () => NO_SLOT,
    });

    numbered(args)?.forEach((text, index) => {
      const optional = text.endsWith('or false') || text.startsWith('true to');
      expect((checked!.steps[0]!.args[index] ?? false) === false, text).toBe(optional);
    });
  });
});

const needsHold = (file: string) => file === 'plans/reservations'; // see test/lua/reservations.test.ts

describe.each(contracts.filter(({ file }) => !needsHold(file)))('$name', ({ name, result }) => {
  const each = Object.values(paramsOf(name)).find(Array.isArray);

  test('returns the documented result numbers, and the result shows each under its name', async () => {
    const { applyRaw, applyOne, client, key } = setup();
    await client.mset(key('a'), 10, key('b'), 200, key('c'), 3000);
    const update = { operation: name, params: paramsOf(name, key) };

    const record = decodeRecord(await applyRaw([update], { jobId: 'one' }));
    const numbers = record!.outcomes[0]!.split(',').map(Number);
    const outcome = await applyOne(update, { jobId: 'one' });

    const documented = numbered(result);
    expect(numbers).toHaveLength(documented?.length ?? each!.length);
    documented?.forEach((word, index) => {
      const { result: shown } = outcome as unknown as { result: Record<string, unknown> };
      expect(Number(shown[word]), word).toBe(numbers[index]);
    });
    expect(await client.get(key('a'))).toBe(name === 'counter.remove' ? null : String(numbers[0]));
  });
});

describe.each(contracts)('$name', ({ name, file, rejected }) => {
  test('rejects with the documented codes only, and TypeScript has words for each', () => {
    for (const code of rejected) {
      expect(luaSource(file)).toContain(`'${code}'`);
      const step = stepOf(name);
      expect(step.rejections[code]?.([1, 0], step.params as never).message).toMatch(needsHold(file) ? /"r"|\d/ : /\d/);
    }
    const codesInFile = [...luaSource(file).matchAll(/return nil, '(\w+)'/g)].map(([, code]) => code);
    const documentedInFile = contracts.filter((it) => it.file === file).flatMap((it) => it.rejected);
    expect(documentedInFile).toEqual(expect.arrayContaining(codesInFile));
  });
});
