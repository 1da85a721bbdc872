import { readdirSync } from 'node:fs';
import { ESLint } from 'eslint';
import { expect, test } from 'vitest';

const linter = new ESLint({ ruleFilter: ({ ruleId }) => ruleId.startsWith('import-x/') });

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
