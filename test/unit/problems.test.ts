import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PROBLEMS } from '../../src/web/problems.js';

const [, errors = ''] = readFileSync(new URL('../../docs/http-api.md', import.meta.url), 'utf8').split('\n## Errors\n');

test.each(Object.entries(PROBLEMS))('the table of errors has %s under its status', (code, { status }) => {
  const row = errors.split('\n').find((line) => line.startsWith(`| ${status} `));
  expect(row).toContain(`\`${code}\``);
});
