// Makes a fresh clone ready, with nothing but Node and git: packages, a Redis server program, the build.
// Runs before `npm start`, `npm test` and their like; what is in place already is left alone.
// Has no dependencies: it runs before there are any.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchOtherServers } from './other-servers.mjs';

const MINIMUM_NODE = [20, 19];
const SERVER_PROGRAMS = ['redis-server', 'valkey-server'];
const NEED_COMPILER = ['pretest', 'pretest:long', 'pretest:cluster', 'prefaults', 'prefaults:mutations', 'predrill'];
const NEED_BROWSER = ['pretest:long', 'pretest:cluster'];
const NEED_POSTGRES = ['pretest:long'];
const POSTGRES_OF_DEBIAN = '/usr/lib/postgresql';
const COMPILERS = ['cc', 'gcc', 'clang'];
const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
/** Programs that some tests start, by where Debian has them. */
const FETCHED = {
  pretest: [
    { program: 'promtool', from: 'prometheus', file: 'usr/bin/promtool' },
    { program: 'nginx', from: 'nginx', file: 'usr/sbin/nginx' },
  ],
  'pretest:long': [{ program: 'nats-server', from: 'nats-server', file: 'usr/sbin/nats-server' }],
};
const BUILD_INPUTS = [
  'cli',
  'src',
  'dashboard',
  'loadtest',
  'lua',
  'package.json', // of some packages the command holds a copy
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build.mjs',
  'scripts/bundle.mjs',
];

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
requireNode();
if (process.argv.includes('--build-only')) {
  // npm's `prepare`: of an install by git, of `npm pack`, and within the install below. Without a compiler there is nothing to build.
  if (existsSync('node_modules/typescript/bin/tsc')) {
    whenChanged('dist/.tally-build', [...BUILD_INPUTS, ...documents()], build);
  }
  process.exit();
}
whenChanged('node_modules/.tally-packages', ['package.json', 'package-lock.json'], installPackages);
if (process.env.npm_lifecycle_event !== 'prepack' && process.env.npm_lifecycle_event !== 'prepack:two') {
  requireRedisServer();
}
if (NEED_BROWSER.includes(process.env.npm_lifecycle_event)) {
  requireBrowser();
}
for (const fetched of FETCHED[process.env.npm_lifecycle_event] ?? []) {
  fetchProgram(fetched);
}
if (NEED_POSTGRES.includes(process.env.npm_lifecycle_event)) {
  requirePostgres();
}
if (process.env.npm_lifecycle_event === 'pretest:servers') {
  fetchOtherServers(say);
}
if (NEED_COMPILER.includes(process.env.npm_lifecycle_event)) {
  requireCompiler();
}
whenChanged('dist/.tally-build', [...BUILD_INPUTS, ...documents()], build);

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor < MINIMUM_NODE[1])) {
    fail(`Tally needs Node ${MINIMUM_NODE.join('.')} or later; this is ${process.versions.node}.`);
  }
}

/** Does a step unless its stamp says that it was done with the same inputs. */
function whenChanged(stampFile, inputs, step) {
  const stamp = digest(inputs);
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) {
    return;
  }
  step();
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
}

/** The dashboard shows them. */
function documents() {
  return readdirSync('docs').flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : []));
}

function digest(inputs) {
  const hash = createHash('sha256');
  for (const file of inputs.flatMap(filesIn)) {
    hash.update(file).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function filesIn(path) {
  if (!statSync(path).isDirectory()) {
    return [path];
  }
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesIn(join(path, name)));
}

function installPackages() {
  say('installing packages');
  // The development packages are needed to build, whatever NODE_ENV says. Not `npm ci`: it refuses a lock file that
  // lacks the optional packages of other systems, as one does that was made where a registry does not have them.
  run(process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'], [
    'install',
    '--no-save',
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
}

function build() {
  say('building');
  run([process.execPath], ['scripts/build.mjs']);
}

function requireRedisServer() {
  // Servers elsewhere are used by URL; tests and examples always start their own.
  if (
    (process.env.REDIS_URL && ['prestart', 'preexamples'].includes(process.env.npm_lifecycle_event)) ||
    SERVER_PROGRAMS.some(isOnPath)
  ) {
    return;
  }
  const installer = redisInstaller();
  if (installer === undefined) {
    fail(
      'Tally needs redis-server or valkey-server on the PATH. Install one, e.g.:\n' +
        '  sudo apt-get install -y redis-server     (Debian, Ubuntu)\n' +
        '  brew install redis                       (macOS)\n' +
        'or set REDIS_URL to a server of yours.',
    );
  }
  say(`no redis-server found; installing it: ${installer.map((command) => command.join(' ')).join(' && ')}`);
  for (const [program, ...args] of installer) {
    run([program], args);
  }
  if (!SERVER_PROGRAMS.some(isOnPath)) {
    fail('The package was installed, but redis-server is not on the PATH.');
  }
}

/** The commands that install a Redis here, if this program may run them. */
function redisInstaller() {
  if (process.platform === 'darwin' && isOnPath('brew')) {
    return [['brew', 'install', 'redis']];
  }
  if (!isOnPath('apt-get')) {
    return undefined;
  }
  const aptGet = aptGetAsRoot();
  return (
    aptGet && [
      [...aptGet, 'update'],
      [...aptGet, 'install', '-y', '--no-install-recommends', 'redis-server'],
    ]
  );
}

/** The pages of the dashboard are tested in a real browser. */
function requireBrowser() {
  if (BROWSERS.some(isOnPath)) {
    return;
  }
  const aptGet = isOnPath('apt-get') && aptGetAsRoot();
  if (!aptGet) {
    say(`none of ${BROWSERS.join(', ')} is on the PATH: the tests of pages will fail. Install one.`);
    return;
  }
  say('no chromium found; installing it');
  const [program, ...args] = aptGet;
  run([program], [...args, 'update']);
  run([program], [...args, 'install', '-y', '--no-install-recommends', 'chromium']);
}

/** `tally relay` is tested with a real Postgres. Debian's would start a server when it is installed: it is told not to. */
function requirePostgres() {
  if (isOnPath('postgres') || existsSync(POSTGRES_OF_DEBIAN)) {
    return;
  }
  const aptGet = isOnPath('apt-get') && aptGetAsRoot();
  if (!aptGet) {
    say(
      'there is no postgres: the tests of tally relay will be left out. Install it (Debian: apt-get install postgresql).',
    );
    return;
  }
  say('no postgres found; installing it');
  const [program, ...args] = aptGet;
  const settings = '/etc/postgresql-common';
  const noServer = `mkdir -p ${settings} && { [ -e ${settings}/createcluster.conf ] || echo 'create_main_cluster = false' > ${settings}/createcluster.conf; }`;
  run([program], [...args.slice(0, -2), 'sh', '-c', noServer]);
  run([program], [...args, 'update']);
  run([program], [...args, 'install', '-y', '--no-install-recommends', 'postgresql']);
}

/** The clock of a Redis is moved by a small library in C that tests load into it, which works on Linux only. */
function requireCompiler() {
  if (process.platform !== 'linux' || COMPILERS.some(isOnPath)) {
    return;
  }
  const aptGet = isOnPath('apt-get') && aptGetAsRoot();
  if (!aptGet) {
    say(`none of ${COMPILERS.join(', ')} is on the PATH: tests that move the clock of Redis will fail. Install one.`);
    return;
  }
  say('no C compiler found; installing one');
  const [program, ...args] = aptGet;
  run([program], [...args, 'update']);
  run([program], [...args, 'install', '-y', '--no-install-recommends', 'gcc', 'libc6-dev']);
}

/**
 * CI checks the alert rules and the example with a broker as well; elsewhere those tests say what they lack. Only the program is taken
 * out of its package: installed, it would start a server.
 */
function fetchProgram({ program: wanted, from, file }) {
  const aptGet = process.env.CI && !isOnPath(wanted) && isOnPath('apt-get') && aptGetAsRoot();
  if (!aptGet) {
    return;
  }
  say(`fetching ${wanted}`);
  const [program, ...args] = aptGet;
  run([program], [...args, 'update']);
  const folder = mkdtempSync(join(tmpdir(), `tally-${from}-`));
  const steps = `apt-get -qq -o APT::Sandbox::User=root download ${from} && dpkg-deb -x ${from}_*.deb .`;
  run(['sh', '-c', `cd '${folder}' && ${steps}`], []);
  cpSync(join(folder, file), `node_modules/.bin/${wanted}`); // on the PATH of npm's scripts
  rmSync(folder, { recursive: true });
}

/** How to call apt-get as root here, if this program may. */
function aptGetAsRoot() {
  const root = process.getuid?.() === 0;
  if (!root && !maySudo()) {
    return undefined;
  }
  const asRoot = root ? ['env'] : ['sudo', '-n', 'env'];
  return [...asRoot, 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq'];
}

function maySudo() {
  return isOnPath('sudo') && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
}

function isOnPath(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
}

function run([program, ...first], args) {
  const { status, error } = spawnSync(program, [...first, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) {
    fail(
      `${[program, ...first, ...args].join(' ')} failed${error ? `: ${error.message}` : ` with exit code ${status}`}.`,
    );
  }
}

function say(message) {
  console.error(`tally: ${message}`);
}

function fail(message) {
  say(message);
  process.exit(1);
}
