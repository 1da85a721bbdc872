import { existsSync } from 'node:fs';
import { readFile, rename } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';

const building = new Map<string, Promise<string>>();

/**
 * Makes one file of a program of the tests with all that it imports from its tree: at each start tsx would take two seconds of
 * processor time more.
 *
 * @returns the file, for Node to run
 */
export function builtProgram(program: string | URL): Promise<string> {
  const entry = typeof program === 'string' ? program : fileURLToPath(program);
  const built = building.get(entry) ?? buildProgram(entry);
  building.set(entry, built);
  return built;
}

async function buildProgram(entry: string): Promise<string> {
  const root = rootOf(dirname(entry));
  const name = relative(root, entry).replaceAll('/', '-').replace(/\.ts$/, '.mjs');
  const built = join(root, '.tally/test-programs', name);
  const aside = `${built}.${process.pid}`; // another process of the tests may run what it has built
  await build({
    entryPoints: [entry],
    outfile: aside,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    keepNames: true,
    logLevel: 'error',
    plugins: [ofItsSource],
  });
  await rename(aside, built);
  return built;
}

/** The folder of the package: of Tally, or of a copy of it that lacks something. */
function rootOf(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootOf(dirname(folder));
}

/** Files that code finds by where it stands itself are found from where its source stands. */
const ofItsSource: Plugin = {
  name: 'import.meta.url of its source',
  setup: (bundle) => {
    bundle.onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
      loader: 'ts',
    }));
  },
};
