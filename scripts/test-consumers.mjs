// Builds fresh projects from the tarballs packed in a `git archive`, in a folder of their own with an empty HOME, and runs them: what is
// missing in a package shows nowhere else. `npm run test:consumers [project | size | git ...]`
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pLimit from 'p-limit';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const PROJECTS = join(ROOT, 'test/consumers');
/** Projects built side by side: an install waits for the network more than it works. */
const AT_ONCE = 3;
const MOST_OUTPUT_BYTES = 64 * 2 ** 20;
const MAX_PACKAGES = 45;
const MAX_BYTES = 33_000_000;
/** An import of the library, to one of the packages that it needs in the usual way. Half of what it took when this was set was 0.71. */
const MAX_IMPORT_TIME = 0.7;
const INSTALL_FROM_GIT_MS = 600_000;
/** Processor time in ms, medians of nine processes, both sides in turn. */
const IMPORT_TIMES = `
  const { spawnSync } = require('node:child_process');
  const sides = [["'tally'"], ["'bullmq'", "'ioredis'", "'zod'", "'pino'"]].map((packages) => ({
    code: packages.map((it) => 'await import(' + it + ');').join('') + 'const { user, system } = process.cpuUsage(); console.log(user + system)',
    times: [],
  }));
  for (let round = 0; round < 9; round += 1) {
    for (const { code, times } of sides) {
      times.push(Number(spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).stdout));
    }
  }
  console.log(JSON.stringify(sides.map(({ times }) => Math.round(times.sort((a, b) => a - b)[4] / 1000))));
`;

const folder = mkdtempSync(join(tmpdir(), 'tally-consumers-'));
const home = join(folder, 'home');
mkdirSync(home);
const { PATH, LANG } = process.env;
const proxies = Object.entries(process.env).filter(([name]) =>
  /^(https?_proxy|no_proxy|node_extra_ca_certs|npm_config_registry)$/i.test(name),
);
// A download that stands still is begun anew after a minute: npm itself waits for five.
const patience = { npm_config_fetch_timeout: '60000', npm_config_fetch_retries: '5' };
const env = { PATH, LANG, HOME: home, ...patience, ...Object.fromEntries(proxies) };

process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const wanted = process.argv.slice(2);
const isWanted = (name) => wanted.length === 0 || wanted.includes(name);
const execute = promisify(execFile);
const tarballs = await packArchive();
const atOnce = pLimit(AT_ONCE);
await Promise.all([
  ...(isWanted('git') ? [atOnce(installFromGit)] : []), // takes longest
  ...readdirSync(PROJECTS)
    .filter(isWanted)
    .map((name) => atOnce(() => runProject(name))),
]);
if (isWanted('size')) {
  judgeSize(); // by itself: it measures processor time
}

/** What somebody gets who clones the last commit and packs it. */
async function packArchive() {
  const clone = join(folder, 'clone');
  mkdirSync(clone);
  run('sh', ['-c', `git -C '${ROOT}' archive HEAD | tar -x -C '${clone}'`], folder);
  run('cp', ['-a', join(ROOT, 'node_modules'), clone], folder); // that a clone installs them itself is seen with the one by git
  run('npm', ['run', 'pack:two', '--silent'], clone);
  const packed = join(clone, 'packed');
  const files = readdirSync(packed).filter((file) => file.endsWith('.tgz'));
  const find = (pattern) => join(packed, files.find((file) => pattern.test(file)) ?? '');
  const [whole] = run('npm', ['pack', '--silent'], clone).trim().split('\n').slice(-1);
  const found = { library: find(/^tally-\d/), service: find(/^tally-service-/), whole: join(clone, whole) };
  for (const [what, file] of Object.entries(found)) {
    const listed = run('tar', ['-tzf', file], clone).split('\n');
    const wrong = listed.filter((it) => /\/(bench|test)\/|\.map$|\.tally-build/.test(it));
    check(
      `${what}: ${listed.length} files, ${kb(statSync(file).size)} packed, without bench, tests and maps`,
      wrong.length === 0,
      wrong,
    );
  }
  check('publint', ...(await quiet('npx', ['--no-install', 'publint', found.library, '--strict'], ROOT)));
  // Everything is ESM: a CommonJS project gets it by require(esm), of Node 20.19 and later.
  const attw = [
    '--no-install',
    'attw',
    found.library,
    '--ignore-rules',
    'cjs-resolves-to-esm',
    '--exclude-entrypoints',
    'http',
    'dashboard',
  ];
  check('attw', ...(await quiet('npx', attw, ROOT)));
  return found;
}

async function runProject(name) {
  const project = join(folder, name);
  cpSync(join(PROJECTS, name), project, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  for (const [dependency, range] of Object.entries(manifest.dependencies)) {
    manifest.dependencies[dependency] = range.replace(/^packed:(\w+)$/, (_, which) => `file:${tarballs[which]}`);
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest, null, 2));
  const installed = await quiet(
    'npm',
    ['install', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'],
    project,
  );
  if (!installed[0]) {
    check(name, ...installed);
    return;
  }
  check(name, ...(await quiet('npm', ['test', '--silent'], project)));
}

/** What a service gets that only submits updates: the library and its packages. */
function judgeSize() {
  const project = join(folder, 'size');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ dependencies: { tally: `file:${tarballs.library}` } }));
  run('npm', ['install', '--no-audit', '--no-fund', '--omit=optional'], project);
  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'));
  const packages = Object.keys(lock.packages).filter((it) => !['', 'node_modules/tally'].includes(it)).length;
  const bytes = Number(run('du', ['-sb', 'node_modules'], project).split('\t')[0]);
  const [took, packagesTook] = JSON.parse(run(process.execPath, ['-e', IMPORT_TIMES], project));
  const text = `beside the library come ${packages} packages, all of it ${(bytes / 1e6).toFixed(1)} MB; import takes ${took} ms of processor time, one of its packages in the usual way ${packagesTook}`;
  const isGood = packages <= MAX_PACKAGES && bytes <= MAX_BYTES && took > 0 && took <= MAX_IMPORT_TIME * packagesTook;
  check(text, isGood, `allowed: ${MAX_PACKAGES}, ${MAX_BYTES / 1e6} MB, ${MAX_IMPORT_TIME} of the packages' time`);
}

/** As `npm install git+https://...` has it: npm clones, installs what the build needs, builds, and packs. */
async function installFromGit() {
  const bare = join(folder, 'tally.git');
  run('git', ['clone', '--quiet', '--bare', ROOT, bare], folder);
  const project = join(folder, 'git');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const commit = run('git', ['-C', ROOT, 'rev-parse', 'HEAD'], folder).trim();
  const install = ['install', `git+file://${bare}#${commit}`, '--no-audit', '--no-fund', '--loglevel=error'];
  const installed = await quiet('npm', [...install, '--prefer-offline'], project, INSTALL_FROM_GIT_MS);
  if (!installed[0]) {
    check('git', ...installed);
    return;
  }
  const code = "const { createProducer } = await import('tally'); console.log(typeof createProducer)";
  const [isRun, said] = await quiet(process.execPath, ['--input-type=module', '-e', code], project);
  const [hasCommand, version] = await quiet('npx', ['--no-install', 'tally', '--version'], project);
  check('git: npm install git+file://', isRun && said === 'function\n' && hasCommand, [said, version]);
}

function run(program, args, cwd, timeout) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout });
  if (status !== 0) {
    throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr + stdout}`);
  }
  return stdout;
}

async function quiet(program, args, cwd, timeout) {
  try {
    return [
      true,
      (await execute(program, args, { cwd, env, encoding: 'utf8', timeout, maxBuffer: MOST_OUTPUT_BYTES })).stdout,
    ];
  } catch ({ message, stdout = '' }) {
    return [false, `${message}${stdout}`];
  }
}

function check(what, isGood, otherwise) {
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${what}${isGood ? '' : `\n${[otherwise].flat().join('\n')}`}`);
  process.exitCode = isGood ? process.exitCode : 1;
}

function kb(bytes) {
  return `${Math.round(bytes / 1000)} kB`;
}
