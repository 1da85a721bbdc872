import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError } from '../src/errors.js';

const NAME = /^[a-z][A-Za-z0-9]*\.[a-z][A-Za-z0-9]*$/;

/** `tally init operation`: writes an operation of one's own, and its test, into this folder. */
export function initOperation(name: string): void {
  if (!NAME.test(name)) {
    throw new ConfigurationError(`the name "${name}" must have the form family.verb, for example energy.spend`);
  }
  const [family = '', verb = ''] = name.split('.');
  const words = { name, family, variable: family + verb.charAt(0).toUpperCase() + verb.slice(1) };
  const module = `${family}-${verb}.mjs`.toLowerCase();
  const test = module.replace('.mjs', '.test.mjs');
  const taken = [module, test].find((file) => existsSync(join(process.cwd(), file)));
  if (taken !== undefined) {
    throw new ConfigurationError(`${taken} is there already: nothing was written`);
  }
  writeFileSync(module, operationText(words));
  writeFileSync(test, testText({ ...words, module }));
  console.log(`wrote ${module} and ${test}; now

  node --test ${test}
  TALLY_OPERATIONS=./${module} npx tally up
  npx tally submit ${name} --operations ./${module} --params '{"key":"${family}:ann","amount":7}' --wait

What each part means: docs/custom-operations.md. With several operations, name a module that exports them all.`);
}

interface Words {
  readonly name: string;
  readonly family: string;
  readonly variable: string;
}

function operationText({ name, family, variable }: Words): string {
  return `import { cellObject, defineOperation, wholeNumber } from 'tally';

/** Takes from a cell what is asked for, but only if there is enough of it. */
export const ${variable} = defineOperation({
  name: '${name}',
  description: 'Takes from ${family} if there is enough of it.',
  params: cellObject({ amount: wholeNumber({ min: 1 }) }), // with key, and field or member
  cells: (params) => [params],
  args: ({ amount }) => [amount],
  // A pure function on whole numbers, which Redis runs: Tally reads the cells before and writes them afterwards.
  lua: \`
    return function(cells, args)
      local there, amount = cells[1], args[1]
      if there < amount then
        return nil, 'NOT_ENOUGH', { there }
      end
      local left = there - amount
      return { left }, { left }
    end
  \`,
  result: ([left = 0]) => ({ left }),
  rejections: {
    NOT_ENOUGH: ([there = 0], { amount }) => ({ message: \`\${amount} wanted, \${there} there\` }),
  },
});
`;
}

function testText({ name, family, variable, module }: Words & { readonly module: string }): string {
  return `import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTally } from 'tally/testing';
import { ${variable} } from './${module}';

let tally; // a real Redis of this file's own, and a worker
before(async () => {
  tally = await startTally({ operations: [${variable}] });
});
after(() => tally.stop());

async function submit(amount, idempotencyKey) {
  const update = { operation: '${name}', params: { key: '${family}:ann', amount }, idempotencyKey };
  const submission = await tally.producer.submit(update);
  return submission.outcome();
}

test('takes what is there, once, and no more', async () => {
  await tally.producer.counters.set({ key: '${family}:ann', value: 10 });
  await tally.drain();
  assert.deepEqual((await submit(7, 'first')).result, { left: 3 });
  assert.equal((await submit(7, 'first')).duplicate, true);
  assert.equal((await submit(7)).reason, 'NOT_ENOUGH');
  const [{ value }] = await tally.reader.get([{ key: '${family}:ann' }]);
  assert.equal(value, 3);
});
`;
}
