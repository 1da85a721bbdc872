// Puts all files that an import of the library loads into one: to find, open and link two hundred takes longer than to run them. In the
// place of each comes a stub that leads into the one, so that all entries, the API's too, share what is in it. The command has a bundle of its own.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);

const ENTRY = 'src/index.js';

/** As deep as the files that it takes in: some find others from where they stand. */
const BUNDLE = 'src/bundle/library.js';

/** @param dist the folder of what was compiled, absolute */
export async function bundleLibrary(dist) {
  const common = {
    absWorkingDir: dist,
    outdir: '.',
    outbase: '.',
    platform: 'node',
    format: 'esm',
    target: 'es2023',
    metafile: true,
    write: false,
  };
  const whole = { ...common, bundle: true, packages: 'external' };
  const { metafile } = await build({ ...whole, entryPoints: [ENTRY] });
  const files = Object.keys(metafile.inputs).filter((file) => file !== ENTRY);
  const alone = await build({ ...common, entryPoints: files });
  const outputs = { ...alone.metafile.outputs, ...metafile.outputs };
  const parts = [ENTRY, ...files].map((file, index) => ({
    file,
    names: outputs[file].exports.map((name) => ({ name, inBundle: `${name}_${index}` })),
  }));
  const contents = parts.map(({ file, names }) => {
    return exporting(`./${file}`, names, ({ name, inBundle }) => `${name} as ${inBundle}`);
  });
  const { outputFiles } = await build({ ...whole, stdin: { contents: contents.join(''), resolveDir: dist } });
  mkdirSync(dirname(join(dist, BUNDLE)));
  writeFileSync(join(dist, BUNDLE), outputFiles[0].contents);
  for (const { file, names } of parts) {
    const path = posix.relative(posix.dirname(file), BUNDLE);
    const from = path.startsWith('.') ? path : `./${path}`;
    writeFileSync(
      join(dist, file),
      exporting(from, names, ({ name, inBundle }) => `${inBundle} as ${name}`),
    );
  }
}

function exporting(from, names, each) {
  return `export { ${names.map(each).join(', ')} } from '${from}';\n`;
}

const COMMAND = 'cli/main.js';

/** What the command is made of: a file for each of its parts, and for what they share. */
const COMMAND_FOLDER = 'command';

/**
 * Packages of which the command holds a copy, with their licenses: of many small files, or of a wrapper that `import` takes long for. The
 * library has none, since schemas have to be those of the caller's zod; what operations of a user's own import is not the command's
 * copy either, see `isOperation`.
 */
const HELD = { zod: 'LICENSE', uuid: 'LICENSE.md', commander: 'LICENSE' };

/**
 * Puts the command, with the library and the packages that it holds, into files of their own, and has its program lead there.
 *
 * @param dist the folder of what was compiled, absolute
 */
export async function bundleCommand(dist) {
  const folder = join(dist, COMMAND_FOLDER);
  await build({
    absWorkingDir: dist,
    entryPoints: [COMMAND],
    outdir: folder,
    entryNames: '[name]',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'es2023',
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    plugins: [holdingFew, fromItsPlace(dist)],
  });
  rmSync(dirname(join(dist, COMMAND)), { recursive: true }); // it is in the bundle, and nothing else imports it
  mkdirSync(dirname(join(dist, COMMAND)));
  writeFileSync(join(dist, COMMAND), `#!/usr/bin/env node\nimport '../${COMMAND_FOLDER}/main.js';\n`);
  for (const [name, license] of Object.entries(HELD)) {
    copyFileSync(join('node_modules', name, license), join(folder, `LICENSE-${name}`));
  }
}

/**
 * Other packages stay outside. Those that are CommonJS, for whoever imports them, are required: to import one, Node looks through the
 * source of all that it exports, see docs/decisions/24-import-time.md.
 */
const holdingFew = {
  name: 'packages stay outside, but for few',
  setup: ({ onResolve, onLoad }) => {
    onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => {
      return { contents: "export { default as en } from './en.js';", loader: 'js' }; // the fifty others were a third of all that is parsed
    });
    onResolve({ filter: /^[^.]/ }, ({ path, kind, namespace }) => {
      if (kind === 'entry-point' || Object.hasOwn(HELD, path)) {
        return undefined;
      }
      return kind === 'import-statement' && namespace === 'file' && isCommonJs(path)
        ? { path, namespace: 'required' }
        : { path, external: true };
    });
    onLoad({ filter: /./, namespace: 'required' }, ({ path }) => {
      return { contents: `module.exports = require(${JSON.stringify(path)});`, loader: 'js' };
    });
  },
};

function isCommonJs(name) {
  if (isBuiltin(name)) {
    return false;
  }
  const file = fileURLToPath(import.meta.resolve(name));
  return (
    file === require.resolve(name) && (file.endsWith('.cjs') || (file.endsWith('.js') && !isOfModules(dirname(file))))
  );
}

/** Whether `.js` means a module there, by the nearest package.json. */
function isOfModules(folder) {
  const manifest = join(folder, 'package.json');
  return existsSync(manifest)
    ? JSON.parse(readFileSync(manifest, 'utf8')).type === 'module'
    : isOfModules(dirname(folder));
}

/** Code that finds other files from where it stands finds them from where it stood. */
const fromItsPlace = (dist) => ({
  name: 'import.meta.url of its source',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\.js$/ }, ({ path }) => {
      if (relative(dist, path).startsWith('..')) {
        return undefined; // of a package
      }
      const place = `new URL(${JSON.stringify(relative(join(dist, COMMAND_FOLDER), path))}, import.meta.url).href`;
      return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', place), loader: 'js' };
    });
  },
});
