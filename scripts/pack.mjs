// Packs what was built into two tarballs, in packed/: `tally`, the library alone, and `tally-service` with the command, the API, the
// dashboard and the load test. Each holds what its entries import, and asks for the packages that these import, no others.
// Before it: npm run build. The archive that `npm pack` makes of the repository itself has all under the name `tally`.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const OUT = join(ROOT, 'packed');
const root = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** Subpaths that only the service has: the library leads to them, for those who have both. */
const OF_SERVICE = ['./http', './dashboard', './webhooks'];

/** Optional packages that only the service's commands use. */
const PEERS_OF_SERVICE = ['pg'];

const service = {
  name: 'tally-service',
  description: `The command, HTTP API, dashboard and load test of Tally. ${root.description}`,
  entries: [
    ...codeOf(root.exports).map(([, it]) => entryOf(it)),
    root.bin.tally,
    'dist/loadtest/load/self/set-up-process.js',
  ],
  exports: root.exports,
  bin: root.bin,
  // The board asks for its pages by name.
  alsoNeeds: ['@bull-board/ui'],
};

const library = {
  name: root.name,
  description: root.description,
  entries: codeOf(root.exports).flatMap(([path, it]) => (OF_SERVICE.includes(path) ? [] : entryOf(it))),
  exports: root.exports,
  alsoNeeds: [],
  peers: { [service.name]: root.version },
};

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT);
for (const tarball of [library, service]) {
  stage(tarball);
}

function stage({ name, description, entries, exports, bin, alsoNeeds, peers = {} }) {
  const folder = join(OUT, name);
  const { files, packages } = closureOf(entries.map((entry) => join(ROOT, entry)));
  for (const file of files) {
    cpSync(file, join(folder, relative(ROOT, file)));
  }
  cpSync(join(ROOT, 'dist/lua'), join(folder, 'dist/lua'), { recursive: true });
  if (name === service.name) {
    cpSync(join(ROOT, 'dist/docs'), join(folder, 'dist/docs'), { recursive: true }); // the dashboard shows them
    for (const license of readdirSync(join(ROOT, 'dist/command')).filter((file) => file.startsWith('LICENSE'))) {
      cpSync(join(ROOT, 'dist/command', license), join(folder, 'dist/command', license));
    }
  }
  for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md']) {
    cpSync(join(ROOT, file), join(folder, file));
  }
  for (const path of Object.keys(exports).filter((it) => peers[service.name] && OF_SERVICE.includes(it))) {
    const text = `export * from '${service.name}${path.slice(1)}';\n`;
    const { types, default: main } = exports[path];
    for (const file of [types, main]) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
  }
  const needed = [...new Set([...packages, ...alsoNeeds])].sort();
  const { version, license, type, engines, main, types, typesVersions, repository, keywords, peerDependencies } = root;
  const manifest = {
    ...{
      name,
      version,
      description,
      license,
      type,
      engines,
      repository,
      keywords,
      main,
      types,
      typesVersions,
      exports,
      bin,
    },
    sideEffects: false,
    dependencies: rangesOf(needed.filter((it) => root.dependencies[it] !== undefined)),
    peerDependencies: { ...peersOf(name, peerDependencies), ...peers },
    peerDependenciesMeta: { ...peersOf(name, root.peerDependenciesMeta), ...optional(peers) },
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const [program, ...first] = npm;
  const args = [...first, 'pack', '--ignore-scripts', '--silent', '--pack-destination', OUT];
  const { status } = spawnSync(program, args, { cwd: folder, stdio: 'inherit' });
  if (status !== 0) {
    process.exit(1);
  }
}

function rangesOf(names) {
  return Object.fromEntries(names.map((name) => [name, root.dependencies[name]]));
}

function peersOf(tarball, peers) {
  const entries = Object.entries(peers).filter(
    ([name]) => tarball === service.name || !PEERS_OF_SERVICE.includes(name),
  );
  return Object.fromEntries(entries);
}

function optional(peers) {
  return Object.fromEntries(Object.keys(peers).map((name) => [name, { optional: true }]));
}

/** @returns the built files that these import, with their types, and the packages that all of them import */
function closureOf(entries) {
  const files = new Set();
  const packages = new Set();
  const open = entries.flatMap((entry) => [entry, typesOf(entry)].filter(existsSync));
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) {
      continue;
    }
    files.add(file);
    const isTypes = file.endsWith('.d.ts');
    for (const name of importsOf(readFileSync(file, 'utf8'))) {
      if (name.startsWith('.')) {
        const found = resolve(dirname(file), name);
        open.push(isTypes ? typesOf(found) : found);
      } else if (!name.startsWith('node:')) {
        const [scope, rest] = name.split('/');
        const found = name.startsWith('@') ? `${scope}/${rest}` : scope;
        packages.add(found);
        if (isTypes) {
          packages.add(`@types/${found}`); // where it has none of its own
        }
      }
    }
  }
  return { files, packages };
}

function typesOf(file) {
  return file.replace(/\.js$/, '.d.ts');
}

/** Without those in the text of a file that `tally init` writes, and in words of packages that the command holds. */
function importsOf(text) {
  const found = text.matchAll(/\b(?:from |import |import\(|(?:__)?require\d*\(|require\.resolve\()(['"])([^'"$]+)\1/g);
  return [...found].map(([, , name]) => name).filter((name) => /^(\.{0,2}\/|[@\w])[\w@/.:-]*$/.test(name));
}

function codeOf(exports) {
  return Object.entries(exports).filter(([, it]) => it.default !== undefined);
}

function entryOf(exported) {
  return exported.default;
}

for (const { name } of [library, service]) {
  const [tarball] = readdirSync(OUT).filter(
    (file) => file.startsWith(`${name}-`) && /^[\d.]+(-.*)?\.tgz$/.test(file.slice(name.length + 1)),
  );
  console.error(`packed/${tarball ?? name}`);
}
