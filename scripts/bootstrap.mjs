// Makes a fresh clone ready, with nothing but Node and git: packages, a Redis server program, the build.
// Runs before `npm start`, `npm test` and their like; what is in place already is left alone.
// Has no dependencies: it runs before there are any.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MINIMUM_NODE = [20, 19];
const SERVER_PROGRAMS = ['redis-server', 'valkey-server'];
const BUILD_INPUTS = [
  'src',
  'dashboard',
  'loadtest',
  'lua',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build.mjs',
];

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
requireNode();
whenChanged('node_modules/.tally-packages', ['package.json', 'package-lock.json'], installPackages);
requireRedisServer();
whenChanged('dist/.tally-build', BUILD_INPUTS, build);

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
  if ((process.env.REDIS_URL && process.env.npm_lifecycle_event === 'prestart') || SERVER_PROGRAMS.some(isOnPath)) {
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
  const root = process.getuid?.() === 0;
  if (!root && !maySudo()) {
    return undefined;
  }
  const asRoot = root ? ['env'] : ['sudo', '-n', 'env'];
  const aptGet = [...asRoot, 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq'];
  return [
    [...aptGet, 'update'],
    [...aptGet, 'install', '-y', '--no-install-recommends', 'redis-server'],
  ];
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
