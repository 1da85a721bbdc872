// Fetches a newer Redis and a Valkey for `npm run test:servers`, beside the server that is installed: Debian's packages are
// only unpacked, each with the libraries it needs, and nothing outside of node_modules is written. What can't be had is
// left out. Has no dependencies: it runs before there are any.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

/** Which suites another one is an addition to. */
const ADDED_TO = { experimental: 'sid' };

/** Each has a folder of its name with `bin/redis-server`, see test/support/other-servers.ts. */
const SERVERS = [
  {
    name: 'redis-8',
    program: 'redis-server',
    packages: ['redis-server', 'redis-tools'],
    suites: ['experimental', 'trixie'],
  },
  { name: 'valkey', program: 'valkey-server', packages: ['valkey-server', 'valkey-tools'], suites: ['sid', 'trixie'] },
];

const FOLDER = 'node_modules/.cache/tally-servers';

/** Never fails: says in one line what is left out. */
export function fetchOtherServers(say) {
  for (const server of SERVERS) {
    if (runs(programOf(server))) {
      continue;
    }
    try {
      fetchFirst(server, say);
    } catch (error) {
      say(`no ${server.name} to test against, so these tests are left out: ${error.message}`);
    }
  }
}

function programOf({ name }) {
  return resolve(FOLDER, name, 'bin/redis-server');
}

function runs(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Takes it from the first suite whose package runs here. */
function fetchFirst(server, say) {
  const mirror = debianMirror();
  const failures = [];
  for (const suite of server.suites) {
    say(`fetching ${server.name} from Debian ${suite}`);
    try {
      fetch(server, suite, mirror);
      return;
    } catch (error) {
      failures.push(`${suite}: ${error.message}`);
    }
  }
  throw new Error(failures.join('; '));
}

/** Where this machine gets Debian from. */
function debianMirror() {
  const system = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const codename = /^VERSION_CODENAME=(\S+)$/m.exec(system)?.[1];
  if (!/^ID=debian$/m.test(system) || codename === undefined) {
    throw new Error('this is not Debian');
  }
  const targets = run('apt-get', ['indextargets', '--format', '$(RELEASE) $(COMPONENT) $(SITE)']);
  const [, , site] =
    targets
      .split('\n')
      .map((line) => line.split(' '))
      .find(([release, component]) => release === codename && component === 'main') ?? [];
  if (site === undefined) {
    throw new Error(`apt knows no source of Debian ${codename}`);
  }
  return site;
}

function fetch(server, suite, mirror) {
  const home = resolve(FOLDER);
  mkdirSync(home, { recursive: true });
  const folder = mkdtempSync(join(home, 'new-'));
  try {
    const apt = privateApt(folder, suite, mirror);
    apt('apt-get', ['update']);
    const debs = join(folder, 'debs');
    const root = join(folder, 'root');
    mkdirSync(debs);
    apt('apt-get', ['download', ...withLibraries(server.packages, apt)], { cwd: debs });
    for (const deb of readdirSync(debs)) {
      run('dpkg-deb', ['-x', join(debs, deb), root]);
    }
    for (const name of readdirSync(folder).filter((entry) => entry !== 'root')) {
      rmSync(join(folder, name), { recursive: true });
    }
    writeLauncher(folder, server);
    rmSync(join(home, server.name), { recursive: true, force: true });
    renameSync(folder, join(home, server.name));
    run(programOf(server), ['--version']);
  } catch (error) {
    rmSync(join(home, server.name), { recursive: true, force: true });
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** apt with one suite and with folders of its own: it needs no rights, and leaves the system's lists alone. */
function privateApt(folder, suite, mirror) {
  const sources = join(folder, 'debian.sources');
  mkdirSync(join(folder, 'lists/partial'), { recursive: true });
  mkdirSync(join(folder, 'cache/archives/partial'), { recursive: true });
  writeFileSync(
    sources,
    [
      'Types: deb',
      `URIs: ${mirror}`,
      `Suites: ${[suite, ADDED_TO[suite]].filter(Boolean).join(' ')}`,
      'Components: main',
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
      '',
    ].join('\n'),
  );
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${join(folder, 'lists')}`,
    'Dir::State::status=/dev/null', // what is installed counts for nothing
    `APT::Default-Release=${suite}`,
    'APT::Update::Error-Mode=any',
    `Dir::Cache=${join(folder, 'cache')}`,
    'Dir::Cache::pkgcache=packages.bin', // which images of Debian turn off
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20',
  ].flatMap((option) => ['-o', option]);
  return (program, args, settings) => run(program, ['-qq', ...options, ...args], settings);
}

/** Packages and those of libraries that they need, and that these need: the rest is for their installation. */
function withLibraries(packages, apt) {
  const needed = new Set(packages);
  for (let level = packages; level.length > 0;) {
    const text = apt('apt-cache', [...DEPENDS, ...level]);
    level = [...text.matchAll(/Depends: ((?:lib|zlib)\S+)$/gm)]
      .map(([, library]) => library)
      .filter((name) => !needed.has(name));
    level.forEach((name) => needed.add(name));
  }
  return [...needed];
}

const DEPENDS = ['depends', '--important', '--no-pre-depends', '--no-conflicts', '--no-breaks', '--no-replaces'];

/** Starts the program with the loader and the libraries that were unpacked with it, whatever the system has. */
function writeLauncher(folder, { program }) {
  const root = join(folder, 'root');
  const files = readdirSync(root, { recursive: true });
  const loader = files.find((file) => /^usr\/lib.*\/ld-linux[^/]*\.so\.\d+$/.test(file));
  const libc = files.find((file) => /^usr\/lib\/[^/]+\/libc\.so\.6$/.test(file));
  if (loader === undefined || libc === undefined) {
    throw new Error('its packages hold no C library');
  }
  const file = join(folder, 'bin/redis-server');
  mkdirSync(join(folder, 'bin'));
  writeFileSync(
    file,
    [
      '#!/bin/sh',
      'root="${0%/bin/*}/root"',
      `exec "$root/${loader}" --library-path "$root/${join(libc, '..')}" "$root/usr/bin/${program}" "$@"`,
      '',
    ].join('\n'),
  );
  chmodSync(file, 0o755);
}

function run(program, args, settings = {}) {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', ...settings });
  if (status !== 0) {
    const lines = stderr.trim().split('\n');
    const reason = error?.message ?? lines.find((line) => line.startsWith('E: ')) ?? lines.at(-1);
    throw new Error(`${program}: ${reason}`);
  }
  return stdout;
}
