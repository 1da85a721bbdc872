import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ESLint } from 'eslint';
import { expect, test } from 'vitest';

const linter = new ESLint({
  ruleFilter: ({ ruleId }) => ruleId.startsWith('import-x/'),
  overrideConfig: { languageOptions: { parserOptions: { projectService: false } } }, // these rules need no types, which take long to read
});

async function faultsOf(importer: string, imported: string): Promise<string[]> {
  const [result] = await linter.lintText(`export * from '${imported}';\n`, { filePath: importer });
  return result?.messages.map(({ ruleId, message }) => `${ruleId}: ${message}`) ?? [];
}

test.each([
  ['src/redis/clock.ts', '../operations/cell-schema.js'],
  ['src/operations/cell-schema.ts', '../jobs/job-id.js'],
  ['src/jobs/job-id.ts', '../producers/producer.js'],
  ['src/producers/producer.ts', '../workers/worker.js'],
  ['src/workers/worker.ts', '../api/access/api-key.js'],
  ['src/api/access/api-key.ts', '../../../dashboard/access/sessions.js'],
  ['src/api/app.ts', '../../cli/main.js'],
  ['src/web/html.ts', '../api/app.js'],
  ['dashboard/cells/chart.ts', '../../loadtest/load/report/chart.js'],
  ['loadtest/load/live-view.ts', '../bench/tables.js'],
  ['loadtest/plain-bullmq/queue.ts', '../load/load.js'],
  ['cli/main.ts', '../loadtest/bench/main.js'],
  ['src/lib/nearest.ts', '../../test/support/tally.js'],
])('%s may not import %s', async (importer, imported) => {
  expect(await faultsOf(importer, imported)).toContainEqual(
    expect.stringContaining('import-x/no-restricted-paths') as string,
  );
});

test.each([
  ['cli/main.ts', '../dashboard/app.js'],
  ['src/doctor/check-acl.ts', '../redis/refusal.js'],
  ['dashboard/app.ts', '../src/doctor/examine.js'],
  ['dashboard/cells/chart.ts', '../../src/web/html.js'],
  ['src/workers/worker.ts', '../producers/producer.js'],
  ['src/jobs/job-data.ts', '../operations/update.js'],
  ['loadtest/bench/tables.ts', '../load/load.js'],
  ['loadtest/bench/tables.ts', '../plain-bullmq/queue.js'],
  ['loadtest/load/load.ts', '../plain-bullmq/queue.js'],
])('%s may import %s', async (importer, imported) => {
  expect(await faultsOf(importer, imported)).toEqual([]);
});

const folders = readdirSync('src', { withFileTypes: true }).filter((entry) => entry.isDirectory());

test.each(folders.map(({ name }) => name))('src/%s stands on the ladder', async (name) => {
  const [file = ''] = readdirSync(`src/${name}`).filter((each) => each.endsWith('.ts'));
  expect(await faultsOf(`src/${name}/${file}`, '../../cli/main.js')).not.toEqual([]);
});

test('a circle of imports is found, also one of types alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tally-circle-'));
  const circlesOf = () => {
    const config = ['--config', '.dependency-cruiser.js'];
    const { status, stdout } = spawnSync('node_modules/.bin/depcruise', [...config, folder], { encoding: 'utf8' });
    return { status, isFound: stdout.includes('no-circular') };
  };
  try {
    writeFileSync(join(folder, 'one.ts'), "import type { Two } from './two.js';\nexport type One = Two[];\n");
    writeFileSync(join(folder, 'two.ts'), 'export type Two = number;\n');
    expect(circlesOf()).toEqual({ status: 0, isFound: false });
    writeFileSync(join(folder, 'two.ts'), "import type { One } from './one.js';\nexport type Two = number | One;\n");
    expect(circlesOf()).toEqual({ status: 1, isFound: true });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

interface Zone {
  readonly target: string;
  readonly from: readonly string[];
}

test('the picture of the ladder is what the linter holds', async () => {
  const config = (await linter.calculateConfigForFile('src/index.ts')) as {
    rules: Record<string, [number, { zones: Zone[] }]>;
  };
  const { zones } = config.rules['import-x/no-restricted-paths']![1];
  const mayImport = (importer: string, imported: string) =>
    zones.every(({ target, from }) => target !== `./${importer}` || !from.includes(`./${imported}`));

  const [, picture = ''] = /```mermaid\nflowchart TD\n(.*?)```/s.exec(readFileSync('ARCHITECTURE.md', 'utf8')) ?? [];
  const shown = new Map(
    [...picture.matchAll(/(\w+)\["([^"]+)"\]/g)].map(([, id = '', folders = '']) => [id, folders.split(', ')]),
  );
  const arrows = picture.split('\n').flatMap((line) => {
    const steps = line
      .split('-->')
      .map((step) => step.split('&').flatMap((it) => shown.get(/\w+/.exec(it)?.[0] ?? '') ?? []));
    return steps
      .slice(1)
      .flatMap((below, step) => steps[step]!.flatMap((above) => below.map((one) => ({ above, below: one }))));
  });

  expect(arrows.length).toBeGreaterThan(15);
  expect(arrows.filter(({ above, below }) => !mayImport(above, below) || mayImport(below, above))).toEqual([]);
  const known = zones.map(({ target }) => target.slice('./'.length));
  const beside = ['src/options.ts', 'src/index.ts', 'src/testing', 'examples', 'test']; // told in words
  expect([...shown.values()].flat().sort()).toEqual(known.filter((it) => !beside.includes(it)).sort());
});
