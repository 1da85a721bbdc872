// Puts all files that an import of the library loads into one: to find, open and link two hundred takes longer than to run them. In the
// place of each comes a stub that leads into the one, so that all entries, the API's and the command's too, share what is in it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';

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
    const path = relative(dirname(file), BUNDLE);
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
